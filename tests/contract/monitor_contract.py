"""A bench for any port monitor: one port, its journal and its session, with a peer of `monitor_rigs` at the other end."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from typing import Any

from portmon.counters import PortCounters
from portmon.document import Disposition, DocInfo, DocKey, Progress, Slice
from portmon.journal.fabric_times import FabricTimes
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit
from portmon.registry import Registry
from portmon.session import PortSession
from tests.contract.monitor_rigs import Rig


def new_key(attempt: int = 1) -> DocKey:
    """Return a key as a spooler makes them: UUIDv7, now."""
    stamp = int(time.time() * 1000).to_bytes(6, "big")
    rest = bytearray(uuid.uuid4().bytes[6:])
    rest[0] = 0x70 | rest[0] & 0x0F
    return DocKey(stamp + bytes(rest), attempt)


class Bench:
    """One port, its journal and its session, without gRPC."""

    def __init__(self, rig: Rig, **settings: Any) -> None:
        self.rig = rig
        registry = Registry(MonitorInit("bench", rig.folder / "files"), rig.others)
        self.monitor = registry.scheme(rig.scheme)
        self.extra = settings
        times = FabricTimes()
        times.hear("fabric", 0)
        self.journal = Journal.open(rig.folder / "journal", rig.port, times=times)
        self.counters = PortCounters()
        self.session: PortSession | None = None

    async def open(self) -> PortSession:
        """Open the port."""
        settings = self.monitor.settings.model_validate({**self.rig.settings(), **self.extra})
        self.session = PortSession(self.rig.port, "fabric", self.journal, self.counters)
        await self.session.open(self.monitor, settings)
        return self.session

    async def slice(self, key: DocKey, **what: Any) -> Progress:
        """Hand one slice over and return its answer."""
        assert self.session is not None
        if "start" in what:
            what["start"] = replace(what["start"], output_file=self.rig.output_file)
        return await self.session.call(Slice(key, lambda _progress, _last: None, **what))

    @property
    def info(self) -> DocInfo:
        """What a document has to say of itself here."""
        return DocInfo(output_file=self.rig.output_file)

    async def start(self, key: DocKey, **what: Any) -> Progress:
        """Begin a document."""
        return await self.slice(key, start=DocInfo(document_name="test"), **what)

    async def end(self, key: DocKey, size: int | None = None) -> Progress:
        """End a document."""
        return await self.slice(key, end=Disposition.COMPLETE, size=size)

    async def print(self, data: bytes, *, piece: int = 65536, key: DocKey | None = None) -> Progress:
        """Send a whole document in pieces and return its end."""
        key = key or new_key()
        assert (await self.start(key)).error is None
        for offset in range(0, len(data), piece):
            found = await self.slice(key, offset=offset, data=data[offset : offset + piece])
            assert found.error is None, found
        return await self.end(key, len(data))

    async def close(self) -> None:
        """Close port and journal."""
        if self.session is not None:
            await self.session.close()
            self.session = None

    async def stuck(self, key: DocKey, data: bytes) -> asyncio.Task[Progress]:
        """Write to a stalled peer until nothing moves; return the write that hangs."""
        writing = asyncio.create_task(self.slice(key, offset=0, data=data))
        at = self.journal.find(key)
        assert at is not None
        before, since = -1, time.monotonic()
        while time.monotonic() - since < 0.25:
            await asyncio.sleep(0.01)
            now = self.journal.progress(at).accepted
            if now != before:
                before, since = now, time.monotonic()
        assert not writing.done(), "the peer took everything: the document is too small to be stuck"
        return writing
