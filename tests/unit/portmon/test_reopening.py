"""A device that others have is tried again while somebody wants it, and heard of when it is free."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chassis.errors import AccessDenied, PortBusy
from chassis.tasks import Tasks
from portmon import reopening as module
from portmon.handles import Handles
from portmon.hold import Owner
from portmon.host_port import HostPort
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.reports import Severity
from tests.rig.until import until

OWNER = Owner("fabric", "spooler")


class Host:
    """A host with one FIFO for a printer, whose other end is read."""

    def __init__(self, folder: Path, tasks: Tasks) -> None:
        self.device = folder / "lp0"
        os.mkfifo(self.device)
        self._reader = os.open(self.device, os.O_RDONLY | os.O_NONBLOCK)
        self.ports = Ports(
            Registry(MonitorInit("edge-7", folder / "files"), []), LocalPortStore(folder / "p"), folder
        )
        self.handles, self.tasks, self.fence = Handles(self.ports, tasks), tasks, 0
        self.port: HostPort

    async def open(self) -> None:
        self.fence += 1
        await self.handles.open("LPT1:", OWNER, self.fence, "printer", None)

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Let another opening have the device locked, of which nothing is heard when it ends."""
        fd = os.open(self.device, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def said(self) -> list[tuple[Severity, str]]:
        return [(one.severity, one.text) for one in self.port.reports.now()]

    async def close(self) -> None:
        await self.handles.shutdown(None, 0)
        self.ports.close()
        os.close(self._reader)


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    monkeypatch.setattr(module, "_EVERY_S", 0.01)
    async with Tasks("host") as tasks:
        found = Host(tmp_path, tasks)
        found.port = await found.ports.add("LPT1:", "device", {"device": str(found.device)})
        yield found
        await found.close()


async def test_that_a_device_is_tried_again_is_told_until_it_is_free(host: Host) -> None:
    with host.elsewhere():
        with pytest.raises(AccessDenied):
            await host.open()
        told = [(Severity.INFO, "it does not open, and is tried each second")]
        assert host.said() == told, "whoever asks again is not kept away"
        await asyncio.sleep(0.1)
        assert host.said() == told
    await until(lambda: not host.said())
    await host.open()


async def test_a_device_that_nobody_has_asked_for_lately_is_left_alone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WANTED_S", 0.05)
    with host.elsewhere():
        with pytest.raises(AccessDenied):
            await host.open()
        await until(lambda: not host.said())
        await until(lambda: not len(host.tasks))


async def test_a_port_that_is_opened_or_deleted_meanwhile_is_not_tried(host: Host) -> None:
    with host.elsewhere(), pytest.raises(AccessDenied):
        await host.open()
    await host.open()
    await until(lambda: not host.said())
    assert host.port.session is not None, "its device is not touched"
    await host.handles.shutdown(None, 0)
    with host.elsewhere():
        with pytest.raises(AccessDenied):
            await host.open()
        await host.ports.delete("LPT1:")
        await until(lambda: not len(host.tasks))


async def test_a_port_that_another_fabric_holds_is_no_device_that_refuses(host: Host) -> None:
    await host.open()
    with pytest.raises(PortBusy):
        await host.handles.open("LPT1:", Owner("another", "one"), 1, "printer", None)
    assert host.said() == []
