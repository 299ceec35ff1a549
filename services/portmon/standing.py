"""Whether a device stands in the middle of a document, so that what comes goes on there. Pure but for the journal it asks."""

from __future__ import annotations

from collections.abc import Callable

from portmon.document import DocKey, Evidence, Phase, Progress

_ATTEMPTS_BACK = 4


def stands_in(
    known: Callable[[DocKey], Progress], key: DocKey, resume_offset: int, last: DocKey | None
) -> bool:
    """Tell whether the last attempt that was begun stopped exactly where this one goes on.

    `known` asks the port's journal; `last` is the last document of this opening: what came between would show there.
    """
    for attempt in range(key.attempt - 1, max(0, key.attempt - 1 - _ATTEMPTS_BACK), -1):
        found = known(DocKey(key.uid, attempt))
        if found.phase in (Phase.ENDED, Phase.INTERRUPTED):
            stopped_there = found.accepted == resume_offset and found.evidence is Evidence.NONE
            return stopped_there and last in (None, found.key)
    return False
