"""Leases that run out at the same moment: each port is let go by itself, whatever another one's device does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from chassis.errors import LeaseExpired
from chassis.tasks import Tasks
from portmon import handles as module
from portmon.document import DocInfo, DocKey, Evidence
from portmon.handles import Handles
from portmon.hold import Hold, Owner
from portmon.monitor import MonitorInit, OpenContext, Port, PortMonitor, PortSettings
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from tests.rig.until import until

OWNER = Owner("fabric-a", "spooler-1")


class SlowPort(Port):
    """A device whose closing takes as long as the test says, as a USB adapter's does that has crashed."""

    def __init__(self, gate: threading.Event) -> None:
        self.gate = gate

    def fileno(self) -> int | None:
        return None

    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None: ...

    def write(self, data: memoryview) -> int:
        return len(data)

    def acked(self) -> int:
        return 0

    def end_doc(self) -> Evidence:
        return Evidence.DRIVER_WRITE

    def abort_doc(self, keep: bool) -> bool | None:
        return True

    def close(self) -> None:
        self.gate.wait()


class SlowMonitor(PortMonitor[PortSettings]):
    """Ports that close when their gate is open."""

    scheme, name, settings = "slow", "Slow Port", PortSettings
    gates: ClassVar[dict[str, threading.Event]] = {}

    def device(self, port: str, settings: PortSettings) -> str:
        return port

    def open_port(self, port: str, settings: PortSettings, context: OpenContext) -> Port:
        return SlowPort(self.gates.setdefault(port, threading.Event()))


class Host:
    """Four ports of a slow monitor, whose leases last 0.3 s."""

    def __init__(self, folder: Path, tasks: Tasks) -> None:
        SlowMonitor.gates.clear()
        entry = EntryPoint("slow", f"{__name__}:SlowMonitor", "portmon.monitors")
        registry = Registry(MonitorInit("edge-7", folder / "files"), [entry])
        self.ports = Ports(registry, LocalPortStore(folder / "ports.json"), folder)
        self.handles = Handles(self.ports, tasks, lease_s=0.3)
        self.expiring = tasks.spawn("expire", self.handles.expire())

    async def open(self, name: str) -> Hold:
        await self.ports.add(name, "slow", {})
        return await self.handles.open(name, OWNER, 5, "labels", None)

    def held(self, name: str) -> bool:
        return self.ports.get(name).hold is not None

    def let_go(self, name: str) -> None:
        SlowMonitor.gates[name].set()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with Tasks("test") as tasks:
        found = Host(tmp_path, tasks)
        yield found
        for name in SlowMonitor.gates:
            found.let_go(name)
        await found.handles.shutdown(None, 0)
        await until(lambda: not any(port.hold for port in found.ports))
        found.ports.close()


async def test_a_port_that_hangs_in_its_closing_keeps_no_other_one_whose_lease_has_run_out(
    host: Host,
) -> None:
    hangs = await host.open("S1")
    for name in ("S2", "S3", "S4"):
        await host.open(name)
        host.let_go(name)
    await until(lambda: not any(map(host.held, ("S2", "S3", "S4"))), "the others wait for the one that hangs")
    assert host.held("S1"), "nobody opens a port whose device is not free yet"
    with pytest.raises(LeaseExpired):
        host.handles.check(hangs.token, hangs.fence)
    host.let_go("S1")
    await until(lambda: not host.held("S1"))


async def test_one_that_fails_in_its_running_down_keeps_no_other_one(host: Host) -> None:
    def fails(_error: object) -> None:
        raise RuntimeError("a stream's last words")

    for name in ("S1", "S2"):
        hold = await host.open(name)
        host.let_go(name)
        if name == "S1":
            hold.mourners.append(fails)
    await until(lambda: not host.held("S1") and not host.held("S2"))
    await host.open("S3")
    host.let_go("S3")
    await until(lambda: not host.held("S3"))
    assert not host.expiring.done(), "leases run on"


async def test_a_drain_does_not_wait_for_ever_for_a_port_that_hangs(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLOSING_S", 0.2)
    for name in ("S1", "S2"):
        await host.open(name)
    host.let_go("S2")
    async with asyncio.timeout(30):
        await host.handles.shutdown(None, 0)
    await until(lambda: not host.held("S2"))
    assert host.held("S1")
