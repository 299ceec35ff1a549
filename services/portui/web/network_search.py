"""Printers on a network, looked for at addresses that somebody named: each is connected to, and sent nothing."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from portui.fabric import Fabric

MOST = 256
RAW_MONITOR = "Standard TCP/IP Port"
_AT_ONCE = 16
_CONNECT_S, _ASK_S = 1.0, 15.0
_RANGE = re.compile(r"(\d+\.\d+\.\d+\.)(\d{1,3})-(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that takes connections where printers do: its address, and what its host's port monitor says of it."""

    address: str
    said: str

    @property
    def port_name(self) -> str:
        """The name that Windows would give its port."""
        return f"IP_{self.address}"


def addresses(text: str) -> list[str]:
    """Return the IPv4 addresses of `10.4.8.20-60, 10.4.9.0/28 10.4.8.7`, each once, in order.

    Raises:
        ValueError: a part of it is no address, or there are more than MOST.
    """
    found: dict[str, None] = {}
    for part in re.split(r"[,\s]+", text.strip()):
        for one in _of(part):
            found[one] = None
            if len(found) > MOST:
                raise ValueError(f"these are more than {MOST} addresses; look at fewer at a time")
    return list(found)


def _of(part: str) -> Sequence[str]:
    try:
        if span := _RANGE.fullmatch(part):
            first, last = int(span[2]), int(span[3])
            return [str(ipaddress.IPv4Address(f"{span[1]}{each}")) for each in range(first, last + 1)]
        network = ipaddress.IPv4Network(part, strict=False)
    except ValueError as error:
        raise ValueError(f"“{part}” is no address, range or network like 10.4.8.20-60") from error
    if network.num_addresses > MOST * 2:
        raise ValueError(f"{part} has more than {MOST} addresses; look at fewer at a time")
    return [str(one) for one in network.hosts()]


async def search(fabric: Fabric, host: str, wanted: Sequence[str], port: int) -> list[Hit]:
    """Return who takes connections on `port`, seen from a host, in the order of `wanted`.

    Raises:
        FabricError: the host cannot be asked.
    """
    waiting = list(enumerate(wanted))[::-1]
    found: dict[int, Hit] = {}

    async def worker() -> None:
        async with fabric.session(monitor=f"hosts/{host}/monitors/{RAW_MONITOR}", administer=True) as xcv:
            while waiting:
                place, address = waiting.pop()
                answer = await xcv.data("Probe", _question(address, port))
                if answer.status == 0 and (said := _said(answer.output)):
                    found[place] = Hit(address, said)

    await asyncio.gather(*(worker() for _ in range(min(_AT_ONCE, len(wanted)))))
    return [found[place] for place in sorted(found)]


def _question(address: str, port: int) -> bytes:
    settings = {"host": address, "port": port, "connectTimeoutS": _CONNECT_S, "snmpEnabled": False}
    return json.dumps(
        {"name": f"IP_{address}", "settings": settings, "ask": "listen", "timeoutS": _ASK_S}
    ).encode()


def _said(output: bytes) -> str:
    try:
        answer = json.loads(output)
    except ValueError:
        return ""
    if not isinstance(answer, dict) or answer.get("reached") is not True:
        return ""
    return str(answer.get("text") or "it takes connections")[:200]
