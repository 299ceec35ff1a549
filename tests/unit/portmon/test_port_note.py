"""The note of a port's journal in a power cut: each page of the header is then as it was synced last, or as it is now."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from portmon.journal.file import HEADER_BYTES, JournalFile
from portmon.journal.port_note import PortNote

PAGE = 4096


class Disk(JournalFile):
    """A journal that remembers what of it is on the disk."""

    synced = b""
    syncs = 0

    def write_note(self, note: Mapping[str, Any], *, durable: bool = True) -> None:
        super().write_note(note, durable=durable)
        if durable:
            self.synced, self.syncs = self.path.read_bytes(), self.syncs + 1

    def after_power_cut(self) -> Iterator[bytes]:
        """Return all that may be found on the disk."""
        now, beneath = self.path.read_bytes(), self.synced or self.path.read_bytes()
        for first, second in itertools.product((now, beneath), repeat=2):
            yield first[:PAGE] + second[PAGE:HEADER_BYTES] + now[HEADER_BYTES:]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk.create(tmp_path / "journal", 1, {"port": "COM1:", "fences": {}, "line": None})
    assert isinstance(found, Disk)
    yield found
    found.close()


def test_a_fence_that_was_stored_is_there_whatever_was_noted_of_the_line_after_it(
    disk: Disk, tmp_path: Path
) -> None:
    note, fence, found_at = PortNote(disk), 0, tmp_path / "found"
    for steps in itertools.product(("fence", "line", "restored"), repeat=4):
        for step in steps:
            if step == "fence":
                note.store_fence("fabric", fence := fence + 1)
            else:
                note.store_line({"device": "/dev/ttyS0"} if step == "line" else None)
            for content in set(disk.after_power_cut()):
                found_at.write_bytes(content)
                found = JournalFile(found_at)
                assert PortNote(found).fence("fabric") == fence, steps
                found.close()


def test_an_opening_of_a_line_waits_for_the_disk_twice_and_its_closing_never(disk: Disk) -> None:
    note = PortNote(disk)
    note.store_fence("fabric", 1)
    note.store_line({"device": "/dev/ttyS0"})
    note.store_line({"device": "/dev/ttyS0", "ours": []})
    assert disk.syncs == 2
    note.store_line(None)
    assert disk.syncs == 2
    assert note.line is None
