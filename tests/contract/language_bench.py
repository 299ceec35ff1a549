"""A bench for language monitors: a simulated printer, a port to it by TCP or by a serial line, and a hold through a language."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chassis.tasks import Tasks
from portmon.document import Disposition, DocInfo, DocKey, Progress, Slice
from portmon.handles import Handles
from portmon.hold import Hold, Owner
from portmon.host_port import HostPort
from portmon.language import Language
from portmon.language_path import LanguagePath
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.session import PortSession
from printfabric_sim import SimulatedPrinter
from printfabric_sim.plan import Plan, build
from tests.contract.monitor_contract import new_key

NAME = "P1"


class LanguageBench:
    """One printer, one port, one hold at a time."""

    def __init__(
        self, ports: Ports, handles: Handles, printer: SimulatedPrinter, kind: type[Language]
    ) -> None:
        self._ports, self.handles, self.printer = ports, handles, printer
        # A printer that works and says nothing for a while is waited for: not that long here.
        self.kind = type(kind.__name__, (kind,), {"heartbeat_s": min(kind.heartbeat_s, 1.5)})
        self.bidirectional, self.answer_s = True, 5.0
        self.hold: Hold | None = None
        self._fence = 0

    @property
    def port(self) -> HostPort:
        return self._ports.get(NAME)

    async def open(self) -> PortSession:
        """Open the port through the language monitor."""
        self._fence += 1
        way = LanguagePath(self.kind, self.bidirectional, self.answer_s)
        owner = Owner("fabric", "spooler-1")
        self.hold = await self.handles.open(NAME, owner, self._fence, "labels", None, way)
        return self.hold.session

    async def slice(self, key: DocKey, **what: Any) -> Progress:
        """Hand one slice over and return its answer."""
        assert self.hold is not None
        return await self.hold.session.call(Slice(key, lambda _progress, _last: None, **what))

    async def start(self, key: DocKey, **what: Any) -> Progress:
        """Begin a document."""
        return await self.slice(key, start=DocInfo(printer="labels", job_number=4711), **what)

    async def print(self, data: bytes, key: DocKey | None = None, piece: int = 1 << 20) -> Progress:
        """Send a whole document and return its end."""
        key = key or new_key()
        assert (await self.start(key)).error is None
        for offset in range(0, len(data), piece):
            found = await self.slice(key, offset=offset, data=data[offset : offset + piece])
            assert found.error is None, found.error
        return await self.slice(key, end=Disposition.COMPLETE, size=len(data), offset=len(data))

    async def print_or_break(self, data: bytes) -> Progress:
        """Send a whole document and return its end, wherever it breaks off."""
        key = new_key()
        found = await self.start(key)
        if found.error is None:
            found = await self.slice(key, data=data)
        if found.error is None:
            found = await self.slice(key, offset=len(data), end=Disposition.COMPLETE, size=len(data))
        return self.port.journal.known(key, found.error)

    def begin(self, data: bytes, key: DocKey | None = None) -> asyncio.Task[Progress]:
        """Send a document in the background."""
        return asyncio.create_task(self.print(data, key))

    async def until(self, what: Callable[[], object], timeout_s: float = 30.0) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + timeout_s
        while not what():
            assert time.monotonic() < deadline, "it never came true"
            await asyncio.sleep(0.01)

    async def until_printed(self, units: int) -> None:
        """Wait until so many units came out whole."""
        await self.until(lambda: sum(one.outcome == "printed" for one in self.printer.record.units) >= units)

    def said(self) -> list[str]:
        """Return what is reported about the port: condition and severity."""
        return [f"{one.condition.name} {one.severity.name}" for one in self.port.reports.now()]


def kept(file: Path) -> bytes:
    """Return what a printer kept of the bytes that arrived."""
    return file.read_bytes() if file.exists() else b""


@asynccontextmanager
async def language_bench(
    folder: Path, kind: type[Language], personality: str, *, pipe: bool = False, **settings: Any
) -> AsyncIterator[LanguageBench]:
    """Start a printer and a port to it: by TCP, or with `pipe` by a serial line (a pty)."""
    plug: dict[str, Any] = {"pty": str(folder / "line"), "paced": False} if pipe else {"tcp": 0}
    printer = build(Plan.from_mapping({"personality": personality, **plug, **settings}))
    await printer.start()
    registry = Registry(MonitorInit("edge-7", folder / "files"), [])
    ports = Ports(registry, LocalPortStore(folder / "ports"), folder)
    address = printer.status()["address"]
    if pipe:
        await ports.add(NAME, "serial", {"device": address["pty"], "baud": 115200})
    else:
        await ports.add(NAME, "raw", {"host": "127.0.0.1", "port": address["tcp"], "endTimeoutS": 2})
    async with Tasks("bench") as tasks:
        bench = LanguageBench(ports, Handles(ports, tasks), printer, kind)
        try:
            yield bench
        finally:
            await bench.handles.shutdown(None, 0)
            await printer.stop()
    ports.close()
