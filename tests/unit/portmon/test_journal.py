import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chassis.errors import PortBusy
from portmon.document import FAR_BUFFER_BYTES, DocKey, Evidence, Phase
from portmon.journal.file import HEADER_BYTES
from portmon.journal.port_journal import Journal

FABRIC = "fabric"


def key(n: int, attempt: int = 1, at_s: float | None = None) -> DocKey:
    stamp = int((time.time() if at_s is None else at_s) * 1000)
    return DocKey(stamp.to_bytes(6, "big") + b"\x70\x00" + n.to_bytes(8, "big"), attempt)


def reopen(journal: Journal, path: Path) -> Journal:
    """Open it as the next process would, after one that just vanished."""
    return Journal.open(path, "COM1:")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "com1.journal"


def new(path: Path, slots: int = 4096) -> Journal:
    journal = Journal.open(path, "COM1:", slots=slots)
    journal.device_is("the same device")
    return journal


def test_a_document_is_followed_from_begin_to_end(path: Path) -> None:
    journal, one = new(path), key(1)
    at = journal.begin(one, FABRIC, 100, pipe=True)
    journal.intend(at, 200)
    journal.accept(at, 180)
    journal.acknowledge(at, 150)
    found = journal.outcome(one, FABRIC)
    assert (found.phase, found.accepted, found.acked, found.resume_offset) == (
        Phase.IN_PROGRESS,
        180,
        150,
        100,
    )
    journal.accept(at, 200)
    journal.end(at, 0, Evidence.OUTPUT_QUEUE)
    found = journal.outcome(one, FABRIC)
    assert (found.phase, found.win32, found.evidence) == (Phase.ENDED, 0, Evidence.OUTPUT_QUEUE)
    assert (found.uncertain_start, found.uncertain_end, found.resumable) == (0, 0, False)


def test_a_pipe_that_was_killed_between_writes_is_known_to_the_byte(path: Path) -> None:
    journal, one = new(path), key(1)
    at = journal.begin(one, FABRIC, 0, pipe=True, keeps=True)
    journal.intend(at, 4096)
    journal.accept(at, 4096)
    after = reopen(journal, path)
    after.device_is("the same device")
    found = after.outcome(one, FABRIC)
    assert (found.phase, found.accepted, found.resumable, found.uncertain_end) == (
        Phase.INTERRUPTED,
        4096,
        True,
        0,
    )
    after.device_is("another device")
    assert not after.outcome(one, FABRIC).resumable


def test_a_pipe_that_was_killed_in_a_write_says_which_bytes_are_in_doubt(path: Path) -> None:
    journal, one = new(path), key(1)
    at = journal.begin(one, FABRIC, 0, pipe=True, keeps=True)
    journal.accept(at, 4096)
    journal.intend(at, 8192)
    after = reopen(journal, path)
    after.device_is("the same device")
    found = after.outcome(one, FABRIC)
    assert (found.uncertain_start, found.uncertain_end, found.resumable) == (4096, 8192, False)


@pytest.mark.parametrize(
    ("window", "start"), [(0, 1_000_000 - FAR_BUFFER_BYTES), (65_536, 1_000_000 - 65_536)]
)
def test_a_connection_that_died_with_the_process_may_have_lost_what_was_acknowledged(
    path: Path, window: int, start: int
) -> None:
    journal, one = new(path), key(1)
    at = journal.begin(one, FABRIC, 0, pipe=False)
    journal.intend(at, 1_200_000)
    journal.accept(at, 1_100_000)
    journal.acknowledge(at, 1_000_000, window)
    found = reopen(journal, path).outcome(one, FABRIC)
    assert (found.uncertain_start, found.uncertain_end, found.resumable) == (start, 1_200_000, False)


@pytest.mark.parametrize(
    ("left", "end"),
    [(None, 1_200_000), (1_050_000, 1_050_000), (900_000, 1_000_000), (1_300_000, 1_300_000)],
    ids=["not known", "less than was accepted", "never less than was acknowledged", "more than was accepted"],
)
def test_a_broken_document_is_uncertain_up_to_what_left_the_host_also_after_a_restart(
    path: Path, left: int | None, end: int
) -> None:
    journal, one = new(path), key(1)
    at = journal.begin(one, FABRIC, 0, pipe=False)
    journal.intend(at, 1_200_000)
    journal.accept(at, 1_200_000)
    journal.acknowledge(at, 1_000_000)
    journal.end(at, 31, exact=False, doubt=950_000, left=left)
    for found in (journal.outcome(one, FABRIC), reopen(journal, path).outcome(one, FABRIC)):
        assert (found.uncertain_start, found.uncertain_end, found.resumable) == (950_000, end, False)


def test_a_doubt_about_what_never_left_is_a_byte_and_not_taken_for_none(path: Path) -> None:
    journal, one = new(path), key(1)
    at = journal.begin(one, FABRIC, 0, pipe=False)
    journal.accept(at, 5000)
    journal.end(at, 31, exact=False, doubt=0, left=0)
    found = journal.outcome(one, FABRIC)
    assert (found.accepted, found.uncertain_start, found.uncertain_end) == (5000, 0, 1)


def test_a_kill_amid_the_prefix_is_not_resumable(path: Path) -> None:
    journal, one = new(path), key(1)
    at = journal.begin(one, FABRIC, 500, pipe=True, prefix=True)
    after = reopen(journal, path)
    after.device_is("the same device")
    assert not after.outcome(one, FABRIC).resumable
    assert not after.recoverable(at)


def test_a_document_of_another_fabric_is_not_told(path: Path) -> None:
    journal, one = new(path), key(1)
    journal.begin(one, FABRIC, 0, pipe=True)
    assert journal.outcome(one, "others").phase is Phase.UNKNOWN
    assert journal.unsettled("others") == []
    assert [found.key for found in journal.unsettled(FABRIC)] == [one]


def test_slots_are_reused_only_after_they_were_settled_and_a_full_journal_is_busy(path: Path) -> None:
    journal = new(path, slots=16)
    keys = [key(n) for n in range(16)]
    for one in keys:
        journal.end(journal.begin(one, FABRIC, 0, pipe=True), 0, Evidence.OUTPUT_QUEUE)
    with pytest.raises(PortBusy) as refused:
        journal.begin(key(99), FABRIC, 0, pipe=True)
    assert refused.value.win32 == 170
    assert journal.settle(keys[:2], FABRIC) == 2
    assert journal.outcome(keys[0], FABRIC).phase is Phase.ENDED  # as long as nobody needs the slot
    journal.begin(key(99), FABRIC, 0, pipe=True)
    assert journal.find(keys[0]) is None
    assert journal.settle([key(99)], FABRIC) == 0, "a document in progress is not settled"


def test_a_fabric_that_went_away_does_not_block_the_port_for_ever(path: Path) -> None:
    journal = new(path, slots=16)
    for n in range(16):
        journal.end(journal.begin(key(n), "gone", 0, pipe=True), 0, Evidence.OUTPUT_QUEUE)
    assert journal.begin(key(99), FABRIC, 0, pipe=True)


def test_interrupted_documents_are_settled_too(path: Path) -> None:
    journal, one = new(path), key(1)
    journal.begin(one, FABRIC, 0, pipe=True)
    after = reopen(journal, path)
    assert after.settle([one], FABRIC) == 1
    assert after.unsettled(FABRIC) == []


def test_fences_and_the_saved_line_outlive_the_process(path: Path) -> None:
    journal = new(path)
    for n in range(40):
        journal.note.store_fence(f"fabric-{n}", n + 1)
    journal.note.store_line({"device": "/dev/ttyS0", "termios": [1, 2]})
    after = reopen(journal, path)
    assert after.note.fence("fabric-39") == 40
    assert after.note.fence("never") == 0
    assert after.note.line == {"device": "/dev/ttyS0", "termios": [1, 2]}


@pytest.mark.parametrize("harm", ["short", "empty", "magic", "version", "size", "facts", "other port"])
def test_a_file_that_cannot_be_trusted_is_set_aside_and_its_documents_are_unknown(
    path: Path, harm: str
) -> None:
    journal, one = new(path), key(1, at_s=time.time() - 1)
    journal.begin(one, FABRIC, 0, pipe=True)
    journal.close()
    data = bytearray(path.read_bytes())
    if harm == "short":
        del data[HEADER_BYTES // 2 :]
    elif harm == "empty":
        data.clear()
    elif harm == "size":
        data += b"x" * 8
    else:
        data[{"magic": 0, "version": 8, "facts": 1040, "other port": 0}[harm]] ^= (
            0xFF if harm != "other port" else 0
        )
    path.write_bytes(data)
    after = Journal.open(path, "COM2:" if harm == "other port" else "COM1:")
    assert after.outcome(one, FABRIC).phase is Phase.UNKNOWN
    assert len(list(path.parent.glob("*.bad-*"))) == 1


def test_a_torn_slot_is_dropped_and_what_it_may_have_been_is_unknown(path: Path) -> None:
    journal = new(path)
    kept, torn = key(1), key(2)
    journal.begin(kept, FABRIC, 0, pipe=True)
    journal.begin(torn, FABRIC, 0, pipe=True)
    journal.close()
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 128 + 8] ^= 0x10  # in the second slot's uid
    path.write_bytes(data)
    after = reopen(journal, path)
    assert after.outcome(kept, FABRIC).phase is Phase.INTERRUPTED
    assert after.outcome(torn, FABRIC).phase is Phase.UNKNOWN


CHILD = """
import os, sys
from pathlib import Path
from portmon.journal.port_journal import Journal
from portmon.document import DocKey
journal = Journal.open(Path(sys.argv[1]), "COM1:")
fd = os.open(sys.argv[2], os.O_WRONLY)
at = journal.begin(DocKey(bytes.fromhex(sys.argv[3]), 1), "fabric", 0, pipe=True)
os.write(1, b"go")
offset = 0
while True:
    journal.intend(at, offset + 1000)
    offset += os.write(fd, b"x" * 1000)
    journal.accept(at, offset)
"""


def test_a_kill_at_any_instruction_leaves_a_journal_that_agrees_with_the_reader(tmp_path: Path) -> None:
    chance = random.Random(11)
    total = 0
    for n in range(12):
        fifo, path, one = tmp_path / f"fifo{n}", tmp_path / "j", key(n)
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(fifo), one.uid.hex()], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.read(2) == b"go"
        got, until = 0, time.monotonic() + chance.uniform(0.0, 0.03)
        while time.monotonic() < until:
            try:
                got += len(os.read(reader, 1 << 16))
            except BlockingIOError:
                continue
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        while data := os.read(reader, 1 << 16):
            got += len(data)
        os.close(reader)
        journal = Journal.open(path, "COM1:")
        found = journal.outcome(one, FABRIC)
        assert found.phase is Phase.INTERRUPTED
        assert found.accepted <= got <= max(found.accepted, found.uncertain_end)
        total += got
        journal.close()
    assert total > 0


def test_how_full_it_is_counts_what_nobody_has_settled(path: Path) -> None:
    journal = new(path, slots=4)
    assert journal.fill == 0
    first, second = key(1), key(2)  # a key has its moment in it
    for one in (first, second):
        journal.end(journal.begin(one, FABRIC, 0, pipe=True), 0, Evidence.OUTPUT_QUEUE)
    assert journal.fill == 0.5
    journal.settle([first], FABRIC)
    assert journal.fill == 0.25
    assert reopen(journal, path).fill == 0.25


def test_a_journal_has_all_its_pages_on_the_disk_also_one_that_had_holes(tmp_path: Path) -> None:
    def is_whole() -> bool:
        found = (tmp_path / "journal").stat()
        return found.st_blocks * 512 >= found.st_size

    Journal.open(tmp_path / "journal", "COM1:").close()
    assert is_whole()
    size = (tmp_path / "journal").stat().st_size
    os.truncate(tmp_path / "journal", size // 2)
    os.truncate(tmp_path / "journal", size)
    assert not is_whole()
    Journal.open(tmp_path / "journal", "COM1:").close()
    assert is_whole()
