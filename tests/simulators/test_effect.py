"""A fault that was struck has an effect that the client or the record can see; one that never can is refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import termios
import tty
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from printfabric_sim import FaultError, SimulatedPrinter
from printfabric_sim.fault_reach import NoEffectError
from printfabric_sim.fault_table import ACTIONS
from printfabric_sim.plan import Plan, build
from tests.simulators.lives import ipp_request, wrapped
from tests.simulators.test_zpl import label

DOCUMENT = label(1) + b"~HI"
WAIT_S = 0.3
# Values so strong that the effect shows within the time of the test.
STRONG = {"slow": "slow=10", "accept-late": "accept-late=5", "status-late": "status-late=5", "device-gone": "device-gone=0.1"}  # fmt: skip
REFUSED = {
    "tcp": {"dsr-low", "dcd-low", "noise", "device-gone"},
    "rfc2217": {"device-gone"},
    "pty": {"refuse", "blackhole", "accept-late", "accept-close", "dsr-low", "dcd-low"},
}
REFUSED["lpd"] = REFUSED["tcp"] | {
    "garbage", "status-late", "status-twice", "status-missing", "status-wrong",
}  # fmt: skip
REFUSED["ipp"] = REFUSED["tcp"] | {"garbage", "status-twice"}
REFUSED["device"] = REFUSED["pty"] | {"fin"}
REFUSED["pty"] = REFUSED["device"]
REFUSED["fifo"] = REFUSED["pty"] | (REFUSED["lpd"] - {"device-gone"})


class Seen(NamedTuple):
    """What the client saw of one printer."""

    connected: bool
    taken: int
    got: bytes
    over: bool


class Client:
    """Writes a document in two halves to a socket or a device node, and never waits for anything but time."""

    def __init__(self, kind: str, address: dict[str, Any]) -> None:
        self._kind = kind
        self._address = address
        self._fd = -1
        self._taken = 0
        self._over = False
        self._got = b""
        self._socket: socket.socket | None = None
        head, tail, _ = wrapped(kind, DOCUMENT)
        if kind == "rfc2217":
            head = b"\xff\xfb\x2c"  # IAC WILL COM-PORT: tell me of modem lines
        if kind == "ipp":
            tail += ipp_request(0x000B, b"")  # how is the printer?
        self._bytes = head + DOCUMENT + tail
        self._half = len(head) + len(DOCUMENT) // 2

    async def open(self) -> None:
        """Connect; what cannot be reached is seen as such."""
        with contextlib.suppress(OSError, TimeoutError):
            if self._kind in ("pty", "device", "fifo"):
                node = str(self._address[self._kind])
                way = os.O_WRONLY if self._kind == "fifo" else os.O_RDWR
                self._fd = os.open(node, way | os.O_NOCTTY | os.O_NONBLOCK)
                if self._kind != "fifo":
                    tty.setraw(self._fd, termios.TCSANOW)
                    settings = termios.tcgetattr(self._fd)
                    settings[2] |= termios.CRTSCTS
                    termios.tcsetattr(self._fd, termios.TCSANOW, settings)
                return
            port = self._address[self._kind]
            port = int(str(port).split("/")[2].rpartition(":")[2]) if isinstance(port, str) else port
            self._socket = sock = socket.socket()
            sock.setblocking(False)
            async with asyncio.timeout(WAIT_S):
                await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            self._fd = sock.fileno()

    async def write(self, *, half: bool) -> None:
        """Write the first half, or all that is left."""
        end = self._half if half else len(self._bytes)
        try:
            while self._fd >= 0 and self._taken < end:
                self._taken += os.write(self._fd, self._bytes[self._taken : end])
        except BlockingIOError:
            pass
        except OSError:
            self._over = True
        await asyncio.sleep(WAIT_S)

    def seen(self) -> Seen:
        """Read what came back and close."""
        connected = self._fd >= 0
        try:
            while connected and self._kind != "fifo":
                data = os.read(self._fd, 4096)
                if not data:
                    self._over = True
                    break
                self._got += data
        except BlockingIOError:
            pass
        except OSError:
            self._over = True
        if self._socket is not None:
            self._socket.close()
        elif connected:
            os.close(self._fd)
        return Seen(connected, self._taken, self._got, self._over)


async def life(kind: str, folder: Path, fault: str, moment: str) -> tuple[list[Seen], Counter[str]]:
    """Send one label with a fault before the connection or in the middle; return what clients and record saw."""
    node = str(folder / f"{fault.partition('=')[0]}-{moment}")
    plan = Plan.from_mapping({kind: node if kind in ("pty", "device", "fifo") else 0})
    printer = build(plan)
    await printer.start()
    try:
        client, later = (Client(kind, printer.status()["address"]) for _ in range(2))
        if fault and moment == "before":
            printer.fault(fault)
        await client.open()
        await client.write(half=True)
        if fault and moment == "inside":
            printer.fault(fault)
        await client.write(half=False)
        seen = [client.seen()]
        if moment == "inside":  # faults of the door are for those who come
            await later.open()
            await later.write(half=False)
            seen.append(later.seen())
        paper = (f"{unit.outcome} {unit.serial}" for unit in printer.record.units)
        events = Counter(
            f"{e['event']} {e.get('how', '')}" for e in printer.record.events if e["event"] != "fault"
        )
    finally:
        await printer.stop()
    return seen, events + Counter(paper)


@pytest.mark.parametrize("moment", ["before", "inside"])
@pytest.mark.parametrize("kind", ["tcp", "lpd", "ipp", "rfc2217", "pty", "device", "fifo"])
async def test_every_fault_is_seen_by_the_client_or_told_by_the_record(tmp_path, kind, moment):
    names = sorted(ACTIONS.keys() - REFUSED[kind])
    lives = await asyncio.gather(
        *(life(kind, tmp_path, STRONG.get(name, name), moment) for name in names), life(kind, tmp_path, "", moment)
    )  # fmt: skip
    *lives, usual = lives
    assert usual[1]["printed 00001"] >= 1
    assert [name for name, seen in zip(names, lives, strict=True) if seen == usual] == []


@pytest.mark.parametrize("kind", list(REFUSED))
async def test_a_fault_that_can_do_nothing_here_is_refused(start, tmp_path, kind):
    node = {"pty", "device", "fifo"}
    printer = build(Plan.from_mapping({kind: str(tmp_path / "node") if kind in node else 0}))
    await printer.start()
    refused = set()
    for name in ACTIONS:
        try:
            printer.fault(f"{name}@time:99")
        except NoEffectError:
            refused.add(name)
    await printer.stop()
    assert refused == REFUSED[kind]


@pytest.mark.parametrize(
    ("settings", "fault", "why"),
    [
        ({"back_channel": False}, "garbage@unit:3", "no way back"),
        ({"back_channel": False}, "jam@reply:3", "no way back"),
        ({"personality": "plain"}, "status-late@unit:1", "never replies"),
        ({"personality": "plain"}, "jam@reply:1", "never replies"),
        ({}, "device-gone", "no device node"),
    ],
)
async def test_a_printer_does_not_start_with_a_fault_that_can_do_nothing(settings, fault, why):
    printer = build(Plan.from_mapping({"tcp": 0, "faults": fault, **settings}))
    with pytest.raises(FaultError, match=why):
        await printer.start()
    await printer.stop()


async def test_a_fault_that_meets_nothing_is_an_event_of_its_own(start):
    printer = await start("zpl")
    printer.fault("reset; garbage; clear=jam; jam; jam")
    without = [e for e in printer.record.events if e["event"] == "fault without effect"]
    assert [(e["fault"], e["why"]) for e in without] == [
        ("reset", "no connection is open, and no line holds anything"),
        ("garbage", "nobody is connected to hear it"),
        ("clear=jam", "nothing of that lasts now"),
        ("jam", "jam already, and it ends no earlier"),
    ]


async def test_the_name_of_what_is_cleared_is_checked(start):
    printer = await start("zpl", faults="jam@unit:5; status-late=1,9")
    for wrong in ("nonsense", "clear"):
        with pytest.raises(FaultError, match="no fault"):
            printer.clear(wrong)
        with pytest.raises(FaultError, match="no fault"):
            printer.fault(f"clear={wrong}")
    assert printer.clear("jam")
    assert not printer.clear("jam")
    assert printer.clear("status-late")
    assert printer.engine.waiting() == []


async def test_a_power_cut_ends_when_it_is_cleared(start):
    printer = await start("zpl", faults="power-cut=99")
    assert printer.clear("power-cut")
    assert printer.status()["power"]


async def test_a_printer_that_cannot_start_lets_go_of_all_it_had(tmp_path):
    with pytest.raises(FaultError):
        async with SimulatedPrinter("zpl", faults="noise", record_dir=tmp_path):
            pass


async def test_a_fault_of_replies_that_met_none_is_told_at_the_end(start):
    printer = await start("zpl", faults="status-late=1")
    await printer.stop()
    told = [e["fault"] for e in printer.record.events if e["event"] == "fault without effect"]
    assert told == ["status-late"]
