"""Staged documents on the disk: what comes, what is refused, what a restart finds, and who may print it."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from chassis.errors import (
    DeadlineExceeded,
    DigestMismatch,
    SpoolFull,
    Verdict,
    WrongOffset,
    WrongState,
)
from portmon.document import DocInfo, DocKey, Phase, Progress
from portmon.staging import area as staging
from portmon.staging.area import NotStaged, StagedDocument, Staging
from portmon.staging.document import StagedFacts
from portmon.staging.metrics import StagingCollector
from portmon.staging.state import TRANSITIONS, StagedEvent, StagedState, step

DATA = bytes(range(256)) * 4
_numbers = itertools.count(1)


def facts(size: int = len(DATA), **what: object) -> StagedFacts:
    key = DocKey(next(_numbers).to_bytes(16, "big"), 1)
    found = StagedFacts(key, "fabric", "com1:", DocInfo("labels", 4711, size_bytes=size), size)
    return replace(found, **what)  # type: ignore[arg-type]


def room(folder: Path, quota: int = 1 << 20, keep_s: float = 100.0) -> Staging:
    return Staging(folder / "staged", quota, keep_s)


def brought(where: Staging, wanted: StagedFacts | None = None, data: bytes = DATA) -> StagedDocument:
    found = where.take(wanted or facts())
    found.receive(found.facts.resume_offset, data)
    found.complete(hashlib.sha256(data).digest())
    return found


def test_the_table_lets_nothing_be_begun_that_nobody_ordered() -> None:
    assert [state for state in StagedState if StagedEvent.BEGIN in TRANSITIONS[state]] == [
        StagedState.ORDERED,
        StagedState.BEGUN,
    ]
    assert step(StagedState.ORDERED, StagedEvent.GIVE_BACK) is StagedState.STAGED
    with pytest.raises(WrongState):
        step(StagedState.RECEIVING, StagedEvent.ORDER)


def test_a_document_comes_in_pieces_and_what_is_here_already_is_dropped(tmp_path: Path) -> None:
    found = room(tmp_path).take(facts())
    found.receive(0, DATA[:400])
    found.receive(100, DATA[100:600])
    assert found.sync() == 600
    found.receive(500, DATA[500:])
    found.complete(hashlib.sha256(DATA).digest())
    assert found.read(0, 5000) == DATA
    assert found.read(1000, 10) == DATA[1000:1010]


def test_a_gap_and_what_is_beyond_the_end_are_refused_with_the_offset_to_go_on_at(tmp_path: Path) -> None:
    found = room(tmp_path).take(facts())
    found.receive(0, DATA[:100])
    for offset, data in ((101, b"x"), (100, DATA)):
        with pytest.raises(WrongOffset) as raised:
            found.receive(offset, data)
        assert raised.value.expected == 100
    with pytest.raises(NotStaged):
        found.complete(hashlib.sha256(DATA).digest())
    assert not found.put_in_order()


def test_a_wrong_digest_is_noticed_on_what_the_disk_gives_back(tmp_path: Path) -> None:
    found = room(tmp_path).take(facts())
    found.receive(0, DATA)
    with pytest.raises(DigestMismatch):
        found.complete(hashlib.sha256(DATA[:-1]).digest())
    assert not found.is_whole


def test_a_stretch_of_a_document_keeps_the_documents_own_offsets(tmp_path: Path) -> None:
    wanted = facts(resume_offset=1000, resume_prefix=b"^XA")
    found = brought(room(tmp_path), wanted, DATA[1000:])
    assert found.read(1000, 4096) == DATA[1000:]
    again = room(tmp_path).find(wanted.key)
    assert again is not None
    assert again.facts == wanted


def test_a_restart_finds_every_state_that_was_told_to_somebody(tmp_path: Path) -> None:
    where = room(tmp_path)
    partly = where.take(facts())
    partly.receive(0, DATA[:300])
    partly.sync()
    staged, ordered, begun, later = (brought(where) for _ in range(4))
    for one in (ordered, begun, later):
        assert one.put_in_order()
    begun.begin()
    after = room(tmp_path)
    states = [getattr(after.find(one.facts.key), "state", None) for one in (partly, staged, ordered, begun)]
    assert states == [StagedState.RECEIVING, StagedState.STAGED, StagedState.ORDERED, StagedState.BEGUN]
    assert [one.facts.key for one in after.ordered("com1:", "fabric")] == [
        one.facts.key for one in (ordered, begun, later)
    ]
    assert after.ordered("com1:", "another") == []
    rest = after.take(partly.facts)
    assert rest.sync() == 300


@pytest.mark.parametrize("harm", ["cut", "facts", "state", "empty", "foreign"])
def test_a_file_that_cannot_be_trusted_is_dropped(tmp_path: Path, harm: str) -> None:
    found = brought(room(tmp_path))
    [path] = (tmp_path / "staged").iterdir()
    text = bytearray(path.read_bytes())
    if harm == "cut":
        del text[-1:]
    elif harm == "facts":
        text[530] ^= 1
    elif harm == "state":
        text[12] = 3
    elif harm == "empty":
        text.clear()
    else:
        text[:] = os.urandom(len(text))
    path.write_bytes(text)
    after = room(tmp_path)
    assert after.find(found.facts.key) is None
    assert not path.exists()


def test_a_full_quota_refuses_for_now_and_what_can_never_fit_for_good(tmp_path: Path) -> None:
    where = room(tmp_path, quota=2 * len(DATA))
    first, _second = brought(where), where.take(facts())
    with pytest.raises(SpoolFull) as raised:
        where.take(facts())
    assert raised.value.verdict is Verdict.RETRY
    with pytest.raises(SpoolFull) as raised:
        where.take(facts(2 * len(DATA) + 1))
    assert raised.value.verdict is Verdict.HOLD
    assert where.refused == 2
    first.drop()
    where.take(facts())
    assert where.used_bytes == 2 * len(DATA)


def test_the_disk_keeps_a_reserve_for_the_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(SpoolFull):
        room(tmp_path).take(facts())


def test_what_was_not_begun_is_the_spoolers_again_and_what_ended_needs_no_bytes(tmp_path: Path) -> None:
    where = room(tmp_path)
    found = brought(where)
    found.put_in_order()
    assert where.is_ordered(found.facts.key)
    found.answered(Progress(found.facts.key, Phase.NEVER_SEEN))
    assert not where.is_ordered(found.facts.key)
    assert where.is_untouched(found.facts.key)
    found.put_in_order()
    found.begin()
    found.answered(Progress(found.facts.key, Phase.IN_PROGRESS))
    assert found.state is StagedState.BEGUN
    found.answered(Progress(found.facts.key, Phase.ENDED))
    assert where.find(found.facts.key) is None
    assert list((tmp_path / "staged").iterdir()) == []
    with pytest.raises(WrongState):
        found.begin()


def test_a_document_whose_time_ran_out_is_not_begun(tmp_path: Path) -> None:
    found = brought(room(tmp_path), facts(expires_at=time.time() - 1))
    found.put_in_order()
    with pytest.raises(DeadlineExceeded):
        found.begin()
    assert found.state is StagedState.ORDERED


def test_what_nobody_orders_is_given_back_after_a_while_and_what_is_ordered_is_not(tmp_path: Path) -> None:
    where = room(tmp_path, keep_s=50.0)
    old, young, ordered = brought(where), brought(where), brought(where)
    ordered.put_in_order()
    old.used_at -= 60
    ordered.used_at -= 60
    assert 0 < where.drop_expired() <= 50
    assert where.find(old.facts.key) is None
    assert where.find(young.facts.key) is young
    assert where.find(ordered.facts.key) is ordered


def test_other_facts_for_the_same_attempt_begin_it_anew(tmp_path: Path) -> None:
    where = room(tmp_path)
    first = brought(where)
    second = where.take(replace(first.facts, finishes=False))
    assert second is not first
    assert second.sync() == 0
    third = brought(where)
    third.put_in_order()
    assert where.take(replace(third.facts, finishes=False)) is third


def test_metrics_say_how_much_lies_here_and_how_much_may(tmp_path: Path) -> None:
    where = room(tmp_path, quota=3 * len(DATA))
    brought(where)
    brought(where).put_in_order()
    where.take(facts())
    with pytest.raises(SpoolFull):
        where.take(facts())
    registry = CollectorRegistry()
    registry.register(StagingCollector("edge-7", where))
    states = {
        state: registry.get_sample_value("printfabric_staged_documents", {"host": "edge-7", "state": state})
        for state in ("receiving", "staged", "ordered", "begun")
    }
    assert states == {"receiving": 1, "staged": 1, "ordered": 1, "begun": 0}
    for name, value in (("bytes", 3 * len(DATA)), ("quota_bytes", 3 * len(DATA)), ("refused_total", 1)):
        assert registry.get_sample_value(f"printfabric_staged_{name}", {"host": "edge-7"}) == value


def test_other_attempts_of_a_job_and_what_waits_long_make_room(tmp_path: Path) -> None:
    where = room(tmp_path, quota=2 * len(DATA))
    first = brought(where)
    again = where.take(replace(first.facts, key=DocKey(first.facts.key.uid, 2)))
    assert where.find(first.facts.key) is None
    ordered = brought(where)
    ordered.put_in_order()
    with pytest.raises(SpoolFull):
        where.take(facts())
    again.used_at -= staging.EVICT_S + 1
    ordered.used_at -= staging.EVICT_S + 1
    where.take(facts())
    assert where.find(again.facts.key) is None
    assert where.find(ordered.facts.key) is ordered


def test_nobody_else_may_read_what_lies_here(tmp_path: Path) -> None:
    brought(room(tmp_path))
    [path] = (tmp_path / "staged").iterdir()
    assert path.stat().st_mode & 0o077 == 0
