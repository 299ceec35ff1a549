"""When a journal says that it never saw a document: by the fabric's own clock, never by the host's."""

from __future__ import annotations

from pathlib import Path

import pytest

from portmon.document import DocKey, Phase
from portmon.journal.fabric_times import FabricTimes
from portmon.journal.file import SINCE_NS
from portmon.journal.port_journal import Journal
from portmon.journal.slot import ms_of
from spooler.job import make_uid

FABRIC = "fabric"
NOON = 1_800_000_000_000  # milliseconds, by the fabric's clock
HOUR = 3_600_000


def made_at(ms: int) -> DocKey:
    return DocKey(ms.to_bytes(6, "big") + b"\x70\x00" + bytes(8), 1)


def phase(journal: Journal, ms: int, fabric: str = FABRIC) -> Phase:
    return journal.outcome(made_at(ms), fabric).phase


class Host:
    """A host whose port monitor starts again and again, sometimes behind a power cut."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self._boot, self._patch = path, 0, monkeypatch
        self.lose_power()

    def lose_power(self) -> None:
        self._boot += 1
        boot = self._boot.to_bytes(16, "big")
        self._patch.setattr("portmon.journal.file.boot_id", lambda: boot)

    def clock_says(self, ms: int) -> None:
        self._patch.setattr("portmon.journal.port_journal.time.time_ns", lambda: ms * 1_000_000)

    def start(self, **told: int) -> Journal:
        """Start the port monitor. `told`: what time it is at which fabric, as this run is told."""
        times = FabricTimes()
        for fabric, ms in told.items():
            times.hear(fabric, ms)
        return Journal.open(self.path, "COM1:", slots=16, times=times)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path / "com1.journal", monkeypatch)


def test_a_journal_that_nobody_told_the_time_has_never_seen_nothing(host: Host) -> None:
    assert phase(host.start(), NOON + 1000 * HOUR) is Phase.UNKNOWN


def test_only_documents_that_are_newer_than_what_was_told_were_never_seen(host: Host) -> None:
    journal = host.start(fabric=NOON)
    assert [phase(journal, NOON + after) for after in (-1, 0, 1)] == [
        Phase.UNKNOWN,
        Phase.UNKNOWN,
        Phase.NEVER_SEEN,
    ]
    assert journal.outcome(DocKey(b"\x00" * 16, 1), FABRIC).phase is Phase.UNKNOWN


def test_behind_a_power_cut_the_host_clock_decides_nothing(host: Host) -> None:
    journal = host.start(fabric=NOON)
    journal.store_fence(FABRIC, 1)
    host.lose_power()
    host.clock_says(NOON - 24 * HOUR)  # a board without a battery
    assert phase(host.start(), NOON + 1) is Phase.UNKNOWN
    after = host.start(fabric=NOON + HOUR)
    assert phase(after, NOON + HOUR) is Phase.UNKNOWN
    assert phase(after, NOON + HOUR + 1) is Phase.NEVER_SEEN


def test_what_was_told_holds_over_restarts_and_a_stop_in_order_until_power_is_lost(host: Host) -> None:
    journal = host.start(fabric=NOON)
    journal.store_fence(FABRIC, 1)
    again = host.start(fabric=NOON + HOUR)  # after a kill
    assert phase(again, NOON + 1) is Phase.NEVER_SEEN
    again.close()
    host.lose_power()  # of a host that was shut down before
    assert phase(host.start(fabric=NOON + 2 * HOUR), NOON + 1) is Phase.NEVER_SEEN
    host.lose_power()
    assert phase(host.start(fabric=NOON + 3 * HOUR), NOON + 1) is Phase.UNKNOWN


def test_each_fabric_has_its_own_clock(host: Host) -> None:
    journal = host.start(fabric=NOON, slow=NOON - HOUR)
    for fence, fabric in enumerate((FABRIC, "slow"), 1):
        journal.store_fence(fabric, fence)
    again = host.start()
    assert phase(again, NOON - 1) is Phase.UNKNOWN
    assert phase(again, NOON - 1, "slow") is Phase.NEVER_SEEN
    assert phase(again, NOON + HOUR, "another") is Phase.UNKNOWN


def test_the_first_word_to_a_run_counts_and_a_clock_that_steps_back_proves_nothing_more(host: Host) -> None:
    times = FabricTimes()
    times.hear(FABRIC, NOON)
    times.hear(FABRIC, NOON + HOUR)
    times.hear(FABRIC, NOON - HOUR)
    assert times.get(FABRIC) == NOON


def test_a_journal_of_before_times_were_told_is_read_and_asks_for_its_time(host: Host) -> None:
    host.start().note.store_line(None)  # its note knows no time
    host.clock_says(NOON)
    assert phase(host.start(), NOON + HOUR) is Phase.UNKNOWN
    assert phase(host.start(fabric=NOON), NOON + 1) is Phase.NEVER_SEEN


def test_the_mark_of_a_loss_rises_though_the_host_clock_goes_back(host: Host) -> None:
    before = host.start()._words[SINCE_NS]
    host.lose_power()
    host.clock_says(0)
    assert host.start()._words[SINCE_NS] > before


def test_a_uid_tells_when_it_was_made() -> None:
    assert ms_of(made_at(NOON).uid) == NOON
    assert ms_of(b"\x00" * 16) is None


def test_of_a_fabric_whose_unsettled_documents_made_room_for_anothers_nothing_is_never_seen(
    tmp_path: Path,
) -> None:
    times = FabricTimes()
    times.hear("A", 1000)
    times.hear("B", 1000)
    journal = Journal.open(tmp_path / "journal", "COM1:", slots=16, times=times)
    journal.store_fence("A", 1)
    journal.store_fence("B", 1)
    printed, absent = (DocKey(make_uid(2000 + n, bytes(10)), 1) for n in range(2))
    journal.end(journal.begin(printed, "A", 0, pipe=True), 0)
    assert journal.outcome(absent, "A").phase is Phase.NEVER_SEEN
    keys = [DocKey(make_uid(3000 + n, bytes(10)), 1) for n in range(16)]
    for key in keys:
        journal.end(journal.begin(key, "B", 0, pipe=True), 0)
    journal.store_fence("A", 2)
    assert journal.outcome(absent, "A").phase is Phase.UNKNOWN
    for key in (keys[0], keys[1]):
        journal.settle([key], "B")
    journal.begin(DocKey(make_uid(4000, bytes(10)), 1), "B", 0, pipe=True)
    journal.begin(DocKey(make_uid(4001, bytes(10)), 1), "B", 0, pipe=True)
    assert journal.outcome(printed, "A").phase is Phase.UNKNOWN
