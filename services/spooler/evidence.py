"""The single proofs of an attempt: who says how far it got, and since when. Pure.

There is one for each level that was reached, so that a confirmed document names its transport's word beside its
printer's; and one more when its end was concluded because nothing came within a time-out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from spooler.ledger import Evidence, EvidenceLevel, EvidenceSource
from spooler.port import Progress

NO_END_HEARD = "the printer did not answer in time: that it has ended was concluded by a time-out"

# How far each level had got when it last rose, and when the spooler heard so.
Reached = dict[EvidenceLevel, tuple[int, datetime]]


def note(reached: Reached, progress: Progress, now: datetime) -> None:
    """Remember when each offset rose."""
    for level, offset in zip(_ORDER, (progress.accepted, progress.acked, progress.confirmed), strict=True):
        known = reached.get(level)
        if offset and (known is None or known[0] < offset):
            reached[level] = (offset, now)


def proofs_of(progress: Progress, reached: Reached, now: datetime) -> Iterator[Evidence]:
    """Yield what the end of an attempt rests on, weakest first; of one that broke off, what its host has of it."""
    note(reached, progress, now)
    for level in _ORDER:
        if (known := reached.get(level)) is not None:
            yield Evidence(level, _source(level, progress), *known)
    if progress.source is EvidenceSource.TIMEOUT:
        reach = progress.acked if progress.level is EvidenceLevel.ACKED else progress.accepted
        yield Evidence(progress.level, EvidenceSource.TIMEOUT, reach, now, NO_END_HEARD)


_ORDER = (EvidenceLevel.ACCEPTED, EvidenceLevel.ACKED, EvidenceLevel.CONFIRMED)


def _source(level: EvidenceLevel, progress: Progress) -> EvidenceSource:
    """Return who says so: whoever the host names for this level, else its journal."""
    if level is progress.level and progress.source not in (None, EvidenceSource.TIMEOUT):
        assert progress.source is not None
        return progress.source
    if level is EvidenceLevel.ACKED and progress.transport is not None:
        return progress.transport
    return EvidenceSource.JOURNAL


def word_of(detail: str, size_bytes: int, now: datetime) -> Evidence:
    """Return a person's word about a document, in the place of a proof."""
    return Evidence(EvidenceLevel.NONE, EvidenceSource.OPERATOR, size_bytes, now, detail)
