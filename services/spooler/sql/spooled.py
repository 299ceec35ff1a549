"""What a batch has for the spool: written and synced together, before the rows that name it."""

from __future__ import annotations

from collections.abc import Sequence

from chassis import logs
from chassis.errors import FabricError, StoreUnavailable
from spooler.group_commit import Entry
from spooler.spool.log import Spool
from spooler.spool.record import Extent
from spooler.sql.accept import Kept
from spooler.sql.batch import Operation

log = logs.get(__name__)


def into_spool(spool: Spool, batch: Sequence[Entry[Operation]]) -> None:
    """Put there what a batch's documents need, with one sync, and note where it lies; who has no room gets that as error."""
    todo = list[tuple[Entry[Operation], list[Kept], int]]()
    for entry in batch:
        kept = entry.work.kept
        if kept is not None:
            todo += [(entry, kept, index) for index, one in enumerate(kept) if one.to_spool]
    if not todo:
        return
    places: list[Extent | FabricError]
    try:
        places = spool.put([kept[index].data for _entry, kept, index in todo])
    except Exception as error:  # a bug with documents fails their jobs, not what shares the batch with them
        log.exception("documents cannot be put into the spool", documents=len(todo), error=repr(error))
        places = [StoreUnavailable(f"the spool failed: {error!r}")] * len(todo)
    for (entry, kept, index), place in zip(todo, places, strict=True):
        if isinstance(place, Extent):
            kept[index] = kept[index]._replace(extent=place)
        else:
            entry.error = place
