"""A pty that is made anew between the question how far a document is and its going on: nothing goes on there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tty
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portmon.counters import PortCounters
from portmon.document import Disposition, DocInfo, DocKey, Phase, Progress, Slice
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit
from portmon.registry import Registry
from portmon.session import PortSession
from tests.contract.monitor_contract import new_key
from tests.rig.until import until

PORT, HALF, REST = "COM1:", b"first half, ", b"second half"


class Line:
    """A pty under a name that stays when it is made anew."""

    def __init__(self, folder: Path) -> None:
        self.name = folder / "line"
        self._open()

    def _open(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.came = b""
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(os.ttyname(self._slave))

    def made_anew(self) -> None:
        """Put another one in its place, to which the kernel gives the same number when that is free."""
        self.close()
        self._open()

    def look(self) -> bytes:
        """Return all that has come."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._master, 65536):
                self.came += data
        return self.came

    def close(self) -> None:
        """Take it away."""
        os.close(self._slave)
        os.close(self._master)


class Rig:
    """A line, and the port on it over a kill of its port monitor."""

    def __init__(self, folder: Path, open_mode: str) -> None:
        self.folder, self.line = folder, Line(folder)
        self.monitor = Registry(MonitorInit("edge-7", folder / "files"), []).scheme("serial")
        self._settings = self.monitor.settings.model_validate(
            {"device": str(self.line.name), "openMode": open_mode}
        )
        self.journal = Journal.open(folder / "journal", PORT)
        self.session: PortSession | None = None

    async def open(self) -> None:
        """Open the port."""
        self.session = PortSession(PORT, "fabric", self.journal, PortCounters())
        await self.session.open(self.monitor, self._settings)

    async def begin(self, key: DocKey) -> None:
        """Print the first half of a document, after which the port monitor is killed and starts again."""
        await self.open()
        assert (await self.send(key, start=DocInfo(), data=HALF)).error is None
        await until(lambda: self.line.look() == HALF)
        shutil.copy(self.folder / "journal", self.folder / "after the kill")
        await self.close()
        self.journal = Journal.open(self.folder / "after the kill", PORT)
        self.journal.device_is(self.monitor.identity(PORT, self._settings))

    async def send(self, key: DocKey, **what: Any) -> Progress:
        """Hand one slice over and return its answer."""
        assert self.session is not None
        return await self.session.call(Slice(key, lambda _progress, _last: None, **what))

    async def go_on(self, key: DocKey) -> Progress:
        """Send the rest, at the byte that was said."""
        return await self.send(
            key,
            start=DocInfo(),
            resume_offset=len(HALF),
            offset=len(HALF),
            data=REST,
            end=Disposition.COMPLETE,
        )

    async def close_port(self) -> None:
        """Close the port, if it is open."""
        if self.session is not None:
            await self.session.close()
            self.session = None

    async def close(self) -> None:
        """Close port and journal."""
        await self.close_port()
        self.journal.close()


@pytest.fixture(params=["exclusive", "document"])
async def rig(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    found = Rig(tmp_path, request.param)
    yield found
    await found.close()
    found.line.close()


@pytest.mark.parametrize("attempt", [1, 2])
async def test_on_the_same_pty_a_document_goes_on(rig: Rig, attempt: int) -> None:
    key = new_key()
    await rig.begin(key)
    assert rig.journal.outcome(key, "fabric").resumable
    await rig.open()
    assert (await rig.go_on(DocKey(key.uid, attempt))).error is None
    await until(lambda: rig.line.look() == HALF + REST)


@pytest.mark.parametrize("opened", ["opened before", "opened behind"])
@pytest.mark.parametrize("attempt", [1, 2])
async def test_on_a_pty_that_was_made_anew_since_the_question_it_does_not(
    rig: Rig, attempt: int, opened: str
) -> None:
    key = new_key()
    await rig.begin(key)
    assert rig.journal.outcome(key, "fabric").resumable
    if opened == "opened before":
        await rig.open()
    rig.line.made_anew()
    if opened == "opened behind":
        await rig.open()
    refused = await rig.go_on(DocKey(key.uid, attempt))
    assert refused.error is not None
    assert rig.line.look() == b""
    await rig.close_port()
    rig.journal.device_is(rig.monitor.identity(PORT, rig._settings))
    found = rig.journal.outcome(key, "fabric")
    assert (found.phase, found.resumable) == (Phase.INTERRUPTED, False)
    assert (found.uncertain_start, found.uncertain_end) == (0, len(HALF))
