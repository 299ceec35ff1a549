"""A session whose monitor belongs to somebody else and has bugs: the port must never hang, never spin, never lie."""

import asyncio
import io
import json
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis import logs
from chassis.errors import DeviceFault, DeviceNotConnected, Internal, WriteTimeout
from portmon.counters import PortCounters
from portmon.document import (
    FAR_BUFFER_BYTES,
    MOST_OFFSET,
    Disposition,
    DocInfo,
    DocKey,
    Evidence,
    Phase,
    Progress,
    Slice,
)
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit, OpenContext, Port, PortMonitor, PortSettings
from portmon.port_state import PortState
from portmon.session import PortSession


class BuggyPort(Port):
    """Does what it is told to get wrong."""

    resumable = True

    def __init__(self, wrong: str) -> None:
        self.wrong = wrong
        self.readable = wrong == "fileno"
        self.taken = b""

    def fileno(self) -> int | None:
        if self.wrong == "fileno":
            raise ZeroDivisionError("fileno")
        return None

    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        if self.wrong == "start_doc":
            raise KeyError("start_doc")

    def write(self, data: memoryview) -> int:
        if self.wrong == "write":
            raise RuntimeError(f"write {bytes(data)!r}")
        self.taken += bytes(data[:3])
        return min(len(data), 3)

    def acked(self) -> int:
        return 10**9 if self.wrong == "acked" else len(self.taken)

    def end_doc(self) -> Evidence:
        return Evidence.DRIVER_WRITE

    def abort_doc(self, keep: bool) -> bool | None:
        return True

    def close(self) -> None:
        if self.wrong == "close":
            raise RuntimeError("close")


class FarPort(BuggyPort):
    """Fails late in a document of which the printer may have printed nothing yet, as LPR's does."""

    far_buffer_bytes = MOST_OFFSET

    def write(self, data: memoryview) -> int:
        if len(self.taken) >= 600_000:
            raise RuntimeError("write")
        self.taken += bytes(data)
        return len(data)


class RefusingPort(BuggyPort):
    """Takes nothing, although its descriptor is writable: a parallel port, whose driver knows no poll."""

    write_timeout_s = 1.0
    tries = 0

    def fileno(self) -> int | None:
        return self._null

    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        self._null = os.open(os.devnull, os.O_WRONLY)

    def write(self, data: memoryview) -> int:
        self.tries += 1
        return 0

    def close(self) -> None:
        os.close(self._null)


class BuggyMonitor(PortMonitor[PortSettings]):
    """Opens buggy ports."""

    scheme, name, settings = "buggy", "Buggy Port", PortSettings
    wrong = ""
    port = BuggyPort

    def device(self, port: str, settings: PortSettings) -> str:
        return "nowhere"

    def open_port(self, port: str, settings: PortSettings, context: OpenContext) -> Port:
        if self.wrong == "open":
            raise TypeError("open")
        return self.port(self.wrong)


class Rig:
    """A session of a buggy monitor."""

    def __init__(self, folder: Path) -> None:
        self.monitor = BuggyMonitor(MonitorInit("edge-7", folder))
        self.journal = Journal.open(folder / "journal", "BUG1:")
        self.session = PortSession("BUG1:", "fabric", self.journal, PortCounters())

    async def open(self, wrong: str) -> PortSession:
        self.monitor.wrong = wrong
        await self.session.open(self.monitor, PortSettings())
        return self.session

    async def print(self, n: int, data: bytes = b"0123456789", **what: Any) -> Progress:
        end = what.pop("end", Disposition.COMPLETE)
        key = DocKey(n.to_bytes(16, "big"), 1)
        async with asyncio.timeout(30):
            return await self.session.call(
                Slice(key, lambda *_: None, start=DocInfo(), data=data, end=end, **what)
            )


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    found = Rig(tmp_path)
    yield found
    await found.session.close()
    found.journal.close()


async def test_short_writes_are_continued_until_all_is_taken(rig: Rig) -> None:
    await rig.open("")
    found = await rig.print(1)
    assert (found.phase, found.accepted, found.acked, found.error) == (Phase.ENDED, 10, 10, None)


async def test_a_device_that_takes_nothing_though_it_polls_writable_is_tried_ever_more_seldom(
    rig: Rig,
) -> None:
    rig.monitor.port = RefusingPort
    session = await rig.open("")
    found = await rig.print(1)
    assert isinstance(found.error, WriteTimeout)
    port = session.port
    assert isinstance(port, RefusingPort)
    assert port.tries < 60  # within a second


async def test_a_monitor_that_fails_to_open_is_an_internal_error_and_not_a_hang(rig: Rig) -> None:
    with pytest.raises(Internal, match="TypeError"):
        async with asyncio.timeout(30):
            await rig.open("open")


async def test_a_bug_in_write_breaks_the_document_off_and_the_port_wants_to_be_opened_again(rig: Rig) -> None:
    session = await rig.open("write")
    found = await rig.print(1)
    assert found.phase is Phase.ENDED
    assert isinstance(found.error, DeviceFault)
    assert found.error.win32 == 31
    assert not found.resumable
    assert session.state is PortState.FAILED
    again = await rig.print(2)
    assert isinstance(again.error, DeviceNotConnected)


async def test_what_is_printed_is_in_no_log_of_a_bug(rig: Rig) -> None:
    out = io.StringIO()
    logs.configure("portmon", log_format="json", stream=out)
    await rig.open("write")
    found = await rig.print(1, b"a patient's name")
    assert found.error is not None
    assert "patient" not in f"{found.error.message}{found.error.metadata}"
    assert "RuntimeError" in found.error.message
    (line,) = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (line["event"], line["port"], line["error"]) == ("monitor failed", "BUG1:", "RuntimeError")
    assert any(one.startswith("test_session.py") and one.endswith(" write") for one in line["where"])
    assert "patient" not in out.getvalue()


async def test_a_bug_leaves_all_uncertain_that_the_printer_may_still_hold(rig: Rig) -> None:
    rig.monitor.port = FarPort
    await rig.open("")
    found = await rig.print(1, bytes(700_000))
    assert isinstance(found.error, DeviceFault)
    assert found.acked > FAR_BUFFER_BYTES
    assert (found.uncertain_start, found.uncertain_end >= found.acked) == (0, True)


async def test_a_bug_in_start_doc_is_answered_too(rig: Rig) -> None:
    await rig.open("start_doc")
    found = await rig.print(1)
    assert found.phase is Phase.NEVER_SEEN
    assert found.error is not None


async def test_a_bug_between_documents_neither_hangs_nor_spins(rig: Rig) -> None:
    session = await rig.open("fileno")
    async with asyncio.timeout(30):
        while session.state is not PortState.FAILED:  # noqa: ASYNC110 - the port's thread finds out
            await asyncio.sleep(0.01)
    before = time.process_time()
    await asyncio.sleep(0.3)
    assert time.process_time() - before < 0.1
    assert session.state is PortState.FAILED


async def test_a_bug_in_close_does_not_keep_the_port(rig: Rig) -> None:
    session = await rig.open("close")
    async with asyncio.timeout(30):
        await session.close()
    assert session.state is PortState.FAILED


async def test_a_device_that_acknowledges_too_much_is_believed_up_to_what_it_got(rig: Rig) -> None:
    await rig.open("acked")
    found = await rig.print(1)
    assert (found.accepted, found.acked) == (10, 10)


async def test_slices_after_the_close_are_refused_and_waiting_ones_answered(rig: Rig) -> None:
    session = await rig.open("")
    answers: list[Progress] = []
    for n in range(3):
        session.submit(
            Slice(DocKey(bytes(15) + bytes([n]), 1), lambda one, _: answers.append(one), data=b"x")
        )
    await session.close()
    await asyncio.sleep(0)
    assert len(answers) == 3
    with pytest.raises(Exception, match="was closed"):
        session.submit(Slice(DocKey(bytes(16), 1), lambda *_: None))
    await session.close()


async def test_a_sender_that_waits_for_room_is_let_in_when_a_slice_is_done(rig: Rig) -> None:
    session = await rig.open("")
    for n in range(300):
        async with asyncio.timeout(30):
            await rig.print(n, b"x" * 30)
            assert session.window == 1 << 20
    answered = 0
    for n in range(300, 320):
        async with asyncio.timeout(30):
            found = await rig.print(
                n, bytes(1 << 20), end=None, offset=1
            )  # refused at once, and as large as the room
        assert found.error is not None
        answered += 1
        await session.abort(DocKey(n.to_bytes(16, "big"), 1))
        assert session.window == 1 << 20
    assert answered == 20


class AskedPort(BuggyPort):
    """Says what it was doing when it was asked."""

    def __init__(self, wrong: str) -> None:
        super().__init__(wrong)
        self.writing, self.asked = False, list[tuple[str, bool]]()
        self.half = threading.Event()  # of the document was written
        self.go_on = threading.Event()

    def control(self, code: int, data: bytes) -> bytes:
        self.asked.append((threading.current_thread().name, self.writing))
        return len(self.taken).to_bytes(1, "big")

    def write(self, data: memoryview) -> int:
        self.writing = True
        try:
            if len(self.taken) == 3:
                self.half.set()
                assert self.go_on.wait(30)
            return super().write(data)
        finally:
            self.writing = False


async def test_a_device_is_asked_on_its_ports_thread_and_never_amid_a_write(rig: Rig) -> None:
    rig.monitor.port = AskedPort
    session = await rig.open("")
    port = session.port
    assert isinstance(port, AskedPort)
    printing = asyncio.create_task(rig.print(1))
    await asyncio.to_thread(port.half.wait, 30)
    reads = session.ask(lambda port: port.control(1, b""), quiet=True)
    changes = session.ask(lambda port: port.control(2, b""))
    await asyncio.sleep(0)
    assert port.asked == [], "the write has not ended"
    port.go_on.set()
    async with asyncio.timeout(30):
        assert await reads == bytes([6]), "in the document, behind the write"
        assert await changes == bytes([10]), "behind the document"
        assert (await printing).error is None
    assert port.asked == [("port-BUG1:", False)] * 2
    assert await session.ask(lambda port: port.control(1, b""), quiet=True) == bytes([10])


class AwaitedPort(BuggyPort):
    """Has every byte at once, and says that it is on paper when the test lets it."""

    context: OpenContext

    def __init__(self, wrong: str) -> None:
        super().__init__(wrong)
        self.ejected = threading.Event()

    def end_doc(self) -> Evidence:
        assert self.context.wait.until(self.ejected.is_set, time.monotonic() + 30)
        return Evidence.PJL


class AwaitedMonitor(BuggyMonitor):
    """Opens such ports."""

    def open_port(self, port: str, settings: PortSettings, context: OpenContext) -> Port:
        opened = AwaitedPort("")
        opened.context = context
        return opened


async def test_a_document_is_sent_before_its_last_page_is_ejected(rig: Rig) -> None:
    rig.monitor = AwaitedMonitor(rig.monitor.init)
    session = await rig.open("")
    port = session.port
    assert isinstance(port, AwaitedPort)
    told = list[Progress]()
    sent, ended = asyncio.Event(), asyncio.Event()

    def reply(progress: Progress, last: bool) -> None:
        told.append(progress)
        if progress.phase is Phase.SENT:
            sent.set()
        if last:
            ended.set()

    key = DocKey((7).to_bytes(16, "big"), 1)
    session.submit(Slice(key, reply, start=DocInfo(), data=b"page", end=Disposition.COMPLETE, size=4))
    async with asyncio.timeout(30):
        await sent.wait()
        assert not ended.is_set()
        assert (told[-1].accepted, told[-1].acked) == (4, 4)
        port.ejected.set()
        await ended.wait()
    assert (told[-1].phase, told[-1].evidence, told[-1].error) == (Phase.ENDED, Evidence.PJL, None)
