from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spooler.ledger import (
    NOTHING_PROVEN,
    Evidence,
    EvidenceLevel,
    EvidenceSource,
    Ledger,
    Offsets,
    Outcome,
    Span,
    broken_off,
    level_of,
    may_be_resent,
    merge,
    next_copy,
    offset_at,
    outcome_of,
    over_attempts,
    over_copies,
    sent_again,
    uncertain_span,
    with_evidence,
)

SIZE = 10_000
TRUST = st.sampled_from([EvidenceLevel.ACCEPTED, EvidenceLevel.ACKED, EvidenceLevel.CONFIRMED])
ANYTHING = st.builds(Offsets, *[st.integers(0, SIZE * 2)] * 4)


@st.composite
def ordered(draw: st.DrawFn) -> Offsets:
    """Offsets as they always are: spooled >= accepted >= acked >= confirmed."""
    return Offsets(*sorted((draw(st.integers(0, SIZE)) for _ in range(4)), reverse=True))


def is_ordered(offsets: Offsets) -> bool:
    return list(offsets) == sorted(offsets, reverse=True)


@given(ordered(), ANYTHING)
def test_news_never_lower_what_is_known_and_keep_the_order_whatever_a_peer_says(known, news):
    merged = merge(known, news)

    assert is_ordered(merged)
    assert all(after >= before for after, before in zip(merged, known, strict=True))


@given(ordered(), ordered(), ordered())
def test_the_order_in_which_news_arrive_does_not_matter(known, one, other):
    assert merge(merge(known, one), other) == merge(merge(known, other), one)


@given(ordered(), ordered())
def test_news_heard_twice_say_nothing_new(known, news):
    once = merge(known, news)

    assert merge(once, news) == once


def test_a_peer_cannot_prove_bytes_that_it_was_never_given():
    assert merge(Offsets(100), Offsets(0, 500, 500, 500)) == Offsets(100, 100, 100, 100)


def test_what_the_printer_confirmed_the_host_took():
    assert merge(Offsets(100, 10, 0, 0), Offsets(0, 0, 0, 60)) == Offsets(100, 60, 60, 60)


@given(ordered(), TRUST, st.none() | st.integers(0, SIZE * 2))
def test_the_uncertain_span_lies_between_the_proof_and_the_last_byte_that_may_have_left(
    offsets, trust, intent
):
    span = uncertain_span(offsets, trust, intent)
    last = max(offsets.accepted, min(intent or 0, offsets.spooled))

    if span is None:
        assert last <= offset_at(offsets, trust)
    else:
        assert span.start == offset_at(offsets, trust)
        assert span.end == last
        assert span.start < span.end <= offsets.spooled


@given(ordered(), TRUST, st.none() | st.integers(0, SIZE))
def test_an_ended_attempt_has_the_outcome_its_evidence_allows_and_no_better(offsets, trust, intent):
    span = uncertain_span(offsets, trust, intent)
    outcome = outcome_of(offsets, SIZE, span, trust)

    assert (outcome is Outcome.PRINTED) == (offset_at(offsets, trust) >= SIZE)
    if outcome is Outcome.NOT_PRINTED:
        assert offsets.accepted == 0
    if outcome is Outcome.PARTIAL:
        assert 0 < offset_at(offsets, trust) < SIZE
        assert span is None
    assert outcome is not Outcome.PENDING


@given(ordered(), TRUST, st.none() | st.integers(0, SIZE))
def test_nothing_is_sent_again_where_that_might_double_it(offsets, trust, intent):
    span = uncertain_span(offsets, trust, intent)
    start = may_be_resent(offsets, span, trust)

    assert (start is None) == (span is not None)
    if start is not None:
        assert start >= offsets.accepted


@pytest.mark.parametrize(
    ("offsets", "level"),
    [
        (Offsets(100, 0, 0, 0), EvidenceLevel.SPOOLED),
        (Offsets(100, 99, 99, 99), EvidenceLevel.SPOOLED),
        (Offsets(100, 100, 99, 99), EvidenceLevel.ACCEPTED),
        (Offsets(100, 100, 100, 0), EvidenceLevel.ACKED),
        (Offsets(100, 100, 100, 100), EvidenceLevel.CONFIRMED),
        (Offsets(99, 99, 99, 99), EvidenceLevel.NONE),
    ],
)
def test_the_level_is_the_strongest_that_covers_the_whole_document(offsets, level):
    assert level_of(offsets, 100) is level


def test_an_empty_document_needs_no_printer_to_be_printed():
    assert level_of(Offsets(), 0) is EvidenceLevel.SPOOLED
    assert outcome_of(Offsets(), 0, None, EvidenceLevel.CONFIRMED) is Outcome.PRINTED


def test_an_attempt_cut_inside_a_write_is_uncertain_up_to_where_the_host_meant_to_write():
    ledger = broken_off(Ledger(Offsets(100, 40, 40, 0)), EvidenceLevel.ACKED, intent=56)

    assert ledger.uncertain == Span(40, 56)
    assert outcome_of(ledger.offsets, 100, ledger.uncertain, EvidenceLevel.ACKED) is Outcome.UNKNOWN


def test_a_resumed_attempt_goes_on_where_the_paper_stood():
    first, second = Ledger(Offsets(100, 40, 40, 0)), Ledger(Offsets(100, 100, 100, 0))

    assert over_attempts([(first, 0), (second, 40)]).offsets == Offsets(100, 100, 100, 0)


def test_an_attempt_from_the_beginning_starts_the_paper_anew():
    first, second = (
        broken_off(Ledger(Offsets(100, 40, 10, 0)), EvidenceLevel.ACKED),
        Ledger(Offsets(100, 20, 20, 0)),
    )

    assert over_attempts([(first, 0), (second, 0)]) == second


def test_an_attempt_that_gave_the_host_nothing_takes_no_doubt_away():
    cut = broken_off(Ledger(Offsets(100, 40, 10, 0)), EvidenceLevel.ACKED)

    assert over_attempts([(cut, 0), (Ledger(Offsets(100)), 0)]).uncertain == Span(10, 40)


def test_what_was_uncertain_before_the_byte_that_was_resumed_stays_uncertain():
    cut = broken_off(Ledger(Offsets(100, 40, 10, 0)), EvidenceLevel.ACKED)

    assert over_attempts([(cut, 0), (Ledger(Offsets(100, 100, 100, 0)), 30)]).uncertain == Span(10, 30)


def test_a_job_without_attempts_has_nothing_proven():
    assert over_attempts([]) is NOTHING_PROVEN


def test_a_job_is_proven_as_well_as_the_weakest_of_its_copies():
    taken = Evidence(EvidenceLevel.ACCEPTED, EvidenceSource.DRIVER_WRITE, 100)
    acknowledged = Evidence(EvidenceLevel.ACKED, EvidenceSource.TCP_ACK, 100)
    second = next_copy(with_evidence(Ledger(Offsets(100, 100, 30, 0)), [taken]))
    assert second.level is EvidenceLevel.SPOOLED
    last = with_evidence(replace(second, offsets=Offsets(100, 100, 100, 100)), [acknowledged])
    assert last.level is EvidenceLevel.ACCEPTED
    assert over_copies(last) == Ledger(Offsets(100, 100, 30, 0), evidence=(taken, acknowledged))
    assert over_copies(last).level is EvidenceLevel.ACCEPTED


def test_the_copies_before_are_remembered_over_any_number_of_them():
    ledger = Ledger(Offsets(100, 100, 0, 0))
    for _ in range(3):
        ledger = replace(next_copy(ledger), offsets=Offsets(100, 100, 100, 100))
    assert over_copies(ledger).level is EvidenceLevel.ACCEPTED


def test_what_is_sent_again_is_proven_by_the_new_attempt_alone():
    assert sent_again(Ledger(Offsets(100, 100, 100, 0)), 60).offsets == Offsets(100, 60, 60, 0)
    assert sent_again(Ledger(Offsets(100, 60, 40, 0)), 60).offsets == Offsets(100, 60, 40, 0)
    assert sent_again(NOTHING_PROVEN, 0) is NOTHING_PROVEN
