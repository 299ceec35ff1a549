"""Simulated printers with their ports, and a first document for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from printfabric.spooler.v1.port_service_pb2 import HostState
from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric_client.aio import Client
from printfabric_client.errors import FabricError, PortNotFound, PrinterExists, Unavailable
from printfabric_client.up.fabric import HOST, free_port
from printfabric_client.up.place import Place

SAMPLE_LABELS = 5
_SIMULATORS = "simulators.json"
_LANGUAGES = {"application/vnd.zebra-zpl": "ZPL", "application/vnd.escpos": "ESC/POS"}
_BUFFER_BYTES = 16384
_HELD_BYTES = 2 * _BUFFER_BYTES  # with what is on its way to the paper
# No printer can have this name: it has a colon.
_CONTROL = "control:"


@dataclass(frozen=True, slots=True)
class Demo:
    """One simulated printer: what it is, its port, its printer."""

    printer: str
    personality: str
    port: str
    monitor: str
    description: str
    format: str
    roll: int = 0  # units on a full roll; a printer with one is asked for its supplies by SNMP

    @property
    def language(self) -> str:
        """The language monitor that asks it how it is; empty for what has nothing to say."""
        return _LANGUAGES.get(self.format, "")

    @property
    def serial(self) -> bool:
        """Whether it hangs on a serial line."""
        return self.monitor == "Local Port"


DEMOS = (
    Demo("labels", "zpl", "LABELS", "Standard TCP/IP Port", "a simulated label printer (ZPL)", "application/vnd.zebra-zpl"),
    Demo("receipts", "escpos", "RECEIPTS", "Standard TCP/IP Port", "a simulated receipt printer (ESC/POS)", "application/vnd.escpos"),
    Demo("picklists", "plain", "COM1:", "Local Port", "a simulated line printer on a serial line", "text/plain"),
)  # fmt: skip


def fleet_of(
    place: Place,
    more: Sequence[Demo] = (),
    mishaps: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
    day_s: float = 86400,
) -> Mapping[str, Any]:
    """Return the fleet's file: each printer where it was last time, if that is still free.

    Of the printers of `more` no paper is kept; `mishaps` by printer come round every `day_s` seconds.
    """
    known = place.remembered(_SIMULATORS)
    printers = [_plan(place, demo, known) for demo in (*DEMOS, *more)]
    for plan in printers:
        if mishaps and plan["name"] in mishaps:
            plan["day"] = list(mishaps[plan["name"]])
    control = free_port(int(known.get(_CONTROL) or 0))
    return {"defaults": {"host": "127.0.0.1"}, "day_s": day_s, "control": control, "printers": printers}


def _plan(place: Place, demo: Demo, known: Mapping[str, Any]) -> dict[str, Any]:
    plan: dict[str, Any] = {"name": demo.printer, "personality": demo.personality, "units_per_second": 2}
    # Small buffers, as real ones have: otherwise a document is gone before anybody sees it go.
    plan |= {"buffer_bytes": _BUFFER_BYTES, "rcvbuf_bytes": _BUFFER_BYTES, "path_depth": 1}
    if demo.serial:
        plan |= {"pty": str(_line(place, demo)), "line": "19200,8,N,1", "flow": "xonxoff"}
    else:
        plan["tcp"] = free_port(int(known.get(demo.printer, 0)))
    if demo.roll:
        plan |= {"snmp": 0, "media": demo.roll, "ribbon": demo.roll}
    if demo in DEMOS:
        plan |= {"record": demo.printer, "render": f"{demo.printer}/printed"}
    return plan


async def add_missing(fabric: Client, place: Place, more: Sequence[Demo] = ()) -> None:
    """Add the ports and printers of the simulators where they are missing, and lead the ports to them.

    Raises:
        FabricError: the host does not answer, or refuses.
    """
    await _host_is_there(fabric)
    addresses = _addresses(place, "tcp")
    place.remember(
        _SIMULATORS, {**addresses, _CONTROL: place.remembered("run/simulators.json").get("control")}
    )
    agents = _addresses(place, "snmp")
    for demo in (*DEMOS, *more):
        settings: dict[str, Any] = (
            {"device": str(_line(place, demo)), "baud": 19200, "flow": "xonxoff"}
            if demo.serial
            else {"host": "127.0.0.1", "port": addresses[demo.printer], "printerBufferBytes": _HELD_BYTES}
        )
        if demo.printer in agents:
            settings |= {"snmpEnabled": True, "snmpPort": agents[demo.printer]}
        port = f"{HOST}/{demo.port}"
        try:
            await fabric.ports.configure(port, settings)
        except PortNotFound:
            await fabric.ports.add(port, demo.monitor, settings)
        wanted = Printer(
            description=demo.description,
            default_format=demo.format,
            language_monitor=demo.language,
            accepting=True,
        )
        try:
            await fabric.printers.create(demo.printer, [port], settings=wanted, allow_unknown_ports=True)
        except PrinterExists:
            continue


def sample_labels(token: str) -> list[bytes]:
    """Return a strip of labels, a document each, with `token` and a number on them."""
    now, rings = _now(), _rings()
    return [
        (
            f"^XA^PW812^LL406^FO40,30^A0N,60,60^FDPrint Fabric^FS^FO40,110^A0N,32,32^FD{now}^FS"
            f"^FO40,160^A0N,32,32^FDlabel {number} of {SAMPLE_LABELS}^FS"
            f"^FO40,220^BY2^BCN,100,Y,N,N^FD{token}-{number}^FS^FO520,60{rings}^FS^XZ\n"
        ).encode()
        for number in range(1, SAMPLE_LABELS + 1)
    ]


def _now() -> str:
    return datetime.now(tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _rings() -> str:
    """Return a drawing of rings as a ZPL graphic, 256 x 256 dots: something to send and to look at."""
    half, row_bytes = 128, 32
    rows = []
    for y in range(-half, half):
        dots = (
            1 if (x * x + y * y) ** 0.5 < half and int((x * x + y * y) ** 0.5) % 16 < 6 else 0
            for x in range(-half, half)
        )
        rows.append(f"{int(''.join(map(str, dots)), 2):0{row_bytes * 2}X}")
    total = row_bytes * len(rows)
    return f"^GFA,{total},{total},{row_bytes},{''.join(rows)}"


async def find_paper(paper: Path, printer: str, token: str, patience_s: float = 5.0) -> Path | None:
    """Return the text of the unit on which `token` came out; the picture lies beside it. None: it did not."""
    end = time.monotonic() + patience_s
    folder = paper / printer / "printed"
    while True:
        # Newest first: there may be many by now.
        for file in sorted(folder.glob("*.txt"), reverse=True):
            # The picture comes last.
            if file.with_suffix(".png").exists() and token in file.read_text("utf-8", "replace"):
                return file
        if time.monotonic() > end:
            return None
        await asyncio.sleep(0.05)


async def _host_is_there(fabric: Client) -> None:
    end = time.monotonic() + 15
    while True:
        found = [host async for host in fabric.hosts.list() if host.name == f"hosts/{HOST}"]
        if found and found[0].state == HostState.HOST_STATE_ONLINE:
            return
        if time.monotonic() > end:
            why = found[0].error if found else "the spooler does not know it"
            raise Unavailable(f"the port monitor does not answer the spooler: {why}")
        await asyncio.sleep(0.05)


def _addresses(place: Place, kind: str) -> dict[str, int]:
    ready = place.remembered("run/simulators.json")
    try:
        return {
            each["name"]: int(each["address"][kind]) for each in ready["printers"] if kind in each["address"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise FabricError("the simulated printers did not say where they are") from error


def _line(place: Place, demo: Demo) -> Path:
    number = int(demo.port.strip("COM:")) - 1
    return place.data("devices") / f"ttyPRN{number}"
