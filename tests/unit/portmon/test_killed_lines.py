"""Serial lines whose port monitor is killed: what the kernel may drop of them is in doubt, and nothing else is."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.errors import WrongState
from portmon.device_wait import DeviceWait
from portmon.document import MOST_OFFSET, DocInfo, DocKey, Evidence, Phase, Progress, Slice
from portmon.journal.port_journal import Journal
from portmon.line.terminal import let_go, open_terminal
from portmon.line.transmitter import Transmitter, incarnation
from portmon.line_store import BriefLineStore
from portmon.monitor import OpenContext, Port
from portmon.monitors._fifo import FifoPort
from portmon.monitors._node import opened as opened_node
from portmon.refusals import goes_on_at
from tests.rig.programs import wait_until

KEY = DocKey(bytes(range(16)), 1)
FIFO_BYTES = 256


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "com1.journal"


def opened(path: Path) -> Journal:
    """Open it as the next process would, after one that just vanished."""
    journal = Journal.open(path, "COM1:", slots=64)
    journal.device_is("the same line")
    return journal


def killed(
    path: Path, *, accepted: int, acked: int, window: int, confirmed: int = 0, keeps: bool = False
) -> Progress:
    """Return what is known of a document after a kill, by the next process."""
    journal = opened(path)
    at = journal.begin(KEY, "fabric", 0, pipe=True, keeps=keeps)
    journal.intend(at, accepted)
    journal.accept(at, accepted)
    journal.acknowledge(at, acked, window)
    if confirmed:
        journal.confirm(at, confirmed)
    return opened(path).outcome(KEY, "fabric")


def test_what_lay_in_the_queue_of_a_killed_line_is_uncertain(path: Path):
    found = killed(path, accepted=20_000, acked=15_904, window=FIFO_BYTES)
    assert (found.phase, found.accepted) == (Phase.INTERRUPTED, 20_000)
    assert (found.uncertain_start, found.uncertain_end) == (15_904 - FIFO_BYTES, 20_000)
    assert not found.resumable


def test_what_the_printer_has_confirmed_is_not_uncertain(path: Path):
    found = killed(path, accepted=20_000, acked=15_904, window=4096, confirmed=15_000)
    assert (found.uncertain_start, found.uncertain_end) == (15_000, 20_000)


def test_a_killed_line_whose_chip_had_sent_all_goes_on_at_its_byte(path: Path):
    found = killed(path, accepted=20_000, acked=20_000, window=0)
    assert (found.uncertain_start, found.uncertain_end, found.resumable) == (0, 0, True)


def test_a_killed_line_that_keeps_what_it_took_goes_on_at_its_byte(path: Path):
    found = killed(path, accepted=20_000, acked=0, window=0, keeps=True)
    assert (found.uncertain_end, found.resumable) == (0, True)


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    pair = os.openpty()
    yield pair
    for fd in pair:
        os.close(fd)


def killed_pty(path: Path) -> Progress:
    return killed(path, accepted=20_000, acked=20_000, window=5000, keeps=True)


def test_what_a_killed_pty_may_hold_is_uncertain_once_the_pty_is_another_one(path: Path):
    assert killed_pty(path).resumable
    journal = opened(path)
    journal.device_is("the next one of that name")
    found = journal.outcome(KEY, "fabric")
    assert (found.uncertain_start, found.uncertain_end, found.resumable) == (15_000, 20_000, False)
    at = journal.find(KEY)
    assert at is not None
    assert not journal.recoverable(at)


@pytest.mark.parametrize("orderly", [True, False])
def test_nothing_is_kept_over_another_boot(path: Path, orderly: bool):
    killed_pty(path)
    if orderly:
        opened(path).close()
    data = bytearray(path.read_bytes())
    data[32:48] = bytes(16)  # the boot id
    path.write_bytes(data)
    found = opened(path).outcome(KEY, "fabric")
    assert (found.uncertain_start, found.resumable) == (15_000, False)
    assert found.uncertain_end == (20_000 if orderly else MOST_OFFSET)


def test_what_was_closed_at_its_byte_is_uncertain_once_the_device_is_another_one(path: Path):
    journal = opened(path)
    at = journal.begin(KEY, "fabric", 0, pipe=True, keeps=True)
    journal.intend(at, 20_000)
    journal.accept(at, 20_000)
    journal.end(at, 170, exact=True, doubt=15_000)
    assert (found := journal.known(KEY)).resumable
    assert found.uncertain_end == 0
    journal.device_is("the next one of that name")
    found = journal.known(KEY)
    assert (found.uncertain_start, found.uncertain_end, found.resumable) == (15_000, 20_000, False)


def test_a_pseudo_terminal_is_told_from_the_next_one_by_when_it_was_made(pty: tuple[int, int]):
    first = incarnation(os.ttyname(pty[1]))
    os.write(pty[1], b"x" * 100)
    assert first == incarnation(os.ttyname(pty[1])) != ""
    time.sleep(0.05)  # the kernel's clock for nodes goes in steps of up to 10 ms
    pair = os.openpty()
    assert incarnation(os.ttyname(pair[1])) != first
    for fd in pair:
        os.close(fd)
    assert incarnation(os.devnull) == ""


def test_what_nobody_has_read_from_a_fifo_that_is_closed_is_uncertain(tmp_path: Path):
    path = tmp_path / "lp"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    wait = DeviceWait()
    port = FifoPort(
        opened_node(str(path), "LPT1:"), OpenContext("LPT1:", wait, BriefLineStore()), 5, changes=False
    )
    port.start_doc(KEY, DocInfo(), 0)
    assert port.write(memoryview(b"x" * 5000)) == 5000
    assert os.read(reader, 2000)
    assert (port.keeps, port.abort_doc(keep=True), port.acked(), port.far_buffer_bytes) == (
        False,
        False,
        2000,
        0,
    )
    assert os.read(reader, 3000)
    assert port.abort_doc(keep=True)
    port.close()
    wait.close()
    os.close(reader)


class KeptPort(Port):
    """A port that would go on wherever it is told to."""

    resumable = True

    def fileno(self) -> int | None:
        return None

    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        """Take any."""

    def write(self, data: memoryview) -> int:
        return len(data)

    def acked(self) -> int:
        return 0

    def end_doc(self) -> Evidence:
        raise AssertionError

    def abort_doc(self, keep: bool) -> bool | None:
        return None

    def close(self) -> None:
        """Nothing is open."""


def test_a_document_with_a_queue_in_doubt_is_not_gone_on_with_under_its_attempt(path: Path):
    killed(path, accepted=20_000, acked=15_904, window=FIFO_BYTES)
    journal = opened(path)
    piece = Slice(KEY, reply=lambda *_: None, start=DocInfo(), resume_offset=20_000)
    at = journal.find(KEY)
    assert at is not None
    with pytest.raises(WrongState, match="cannot go on"):
        goes_on_at(journal, KeptPort(), "COM1:", piece, at)


# --- what is still to send


def test_a_pseudo_terminal_holds_nothing_that_a_kill_takes_away(pty: tuple[int, int]):
    line = Transmitter(pty[1], 9600)
    assert line.is_pseudo
    assert line.write(memoryview(b"x" * 3000)) == 3000
    assert (line.queued(), line.beyond()) == (0, 0)
    began = time.monotonic()
    line.send_out(longest_s=60)
    assert time.monotonic() - began < 30


def test_a_printers_line_is_never_taken_for_a_pseudo_terminal():
    # /dev/null has no modem and no queue: it stands for a driver that answers none of what a line is asked.
    fd = os.open(os.devnull, os.O_RDWR)
    line = Transmitter(fd, 9600)
    assert not line.is_pseudo
    assert line.beyond() == line.holds == 4096
    assert line.write(memoryview(b"x" * 5000)) == 256, (
        "the queue is kept short: a quarter of a second at 9600 baud"
    )
    os.close(fd)


# --- closing


def stuck_sender(taker: socket.socket) -> socket.socket:
    """Return a socket whose close() waits for a minute, for nobody takes what it has sent: it plays a stopped line."""
    sender = socket.create_connection(taker.getsockname())
    sender.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while sender.send(b"x" * 65536):
            pass
    sender.setblocking(True)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    return sender


def test_a_line_whose_closing_takes_long_is_left_to_the_kernel():
    def closing() -> bool:
        return any(one.name == "close-/dev/ttyS9" for one in threading.enumerate())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = stuck_sender(listener)
        taker, _ = listener.accept()
        began = time.monotonic()
        let_go(sender.detach(), "/dev/ttyS9")
        assert time.monotonic() - began < 30
        assert closing()
        taker.close()
    wait_until(lambda: not closing())


def test_a_line_that_is_still_being_closed_by_another_is_busy_and_is_not_kept_once_it_opens(tmp_path: Path):
    # A FIFO without a writer plays it: open() does not return.
    path = tmp_path / "ttyS9"
    os.mkfifo(path)
    with pytest.raises(OSError, match="still on its way") as refused:
        open_terminal(str(path), os.O_RDONLY, patience_s=0.2)
    assert refused.value.errno == errno.EBUSY
    writer = os.open(path, os.O_WRONLY)
    wait_until(lambda: not any(one.name == f"open-{path}" for one in threading.enumerate()))
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"nobody")
    os.close(writer)


def test_what_cannot_be_opened_is_told_as_it_is(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        open_terminal(str(tmp_path / "ttyS9"))
