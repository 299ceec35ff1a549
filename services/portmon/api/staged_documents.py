"""Documents that lie on this host whole, among those that calls are about."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from chassis.errors import InvalidArgument
from portmon.document import Disposition, DocKey, Phase, Progress, Slice
from portmon.hold import Hold
from portmon.host_port import HostPort
from portmon.port_name import same
from portmon.session import PortSession
from portmon.staging.area import NotStaged, StagedDocument, Staging


async def put_source(hold: Hold, staging: Staging, piece: Slice) -> Progress | None:
    """Give a slice that begins a staged document the document; return what to answer instead when it is not here.

    Raises:
        InvalidArgument: its end is not said with its start.
    """
    if piece.end is not Disposition.COMPLETE:
        raise InvalidArgument(
            "a staged document ends in the slice that begins it", fields=[("end", "is missing")]
        )
    found = staging.find(piece.key)
    if found is not None and _is_of(found, hold, piece) and await asyncio.to_thread(found.put_in_order):
        piece.source = found
        return None
    known = hold.port.journal.known(piece.key)
    if known.phase in (Phase.IN_PROGRESS, Phase.ENDED):
        return None  # the session says how far it is
    text = f"document {piece.key} is not staged for port {hold.port.name}"
    known.error = NotStaged(text, port=hold.port.name, document=piece.key)
    return known


def _is_of(found: StagedDocument, hold: Hold, piece: Slice) -> bool:
    facts = found.facts
    mine = (facts.fabric, facts.port) == (hold.owner.fabric, same(hold.port.name))
    whole = (facts.resume_offset, facts.resume_prefix) == (piece.resume_offset, piece.resume_prefix)
    return mine and whole and piece.size == facts.end


async def take_back(session: PortSession, staging: Staging, key: DocKey, how: Disposition) -> Progress:
    """End a document at once. What its spooler hears of as not begun, no later run of this process begins either."""
    progress = await session.abort(key, how)
    if progress.phase is Phase.NEVER_SEEN and (found := staging.find(key)) is not None:
        await asyncio.to_thread(found.give_back)
        await asyncio.to_thread(found.drop)
    return progress


def settle(port: HostPort, staging: Staging, keys: Iterable[DocKey], fabric: str) -> None:
    """Forget documents whose outcome is durable at the spooler, and those it will not have printed."""
    asked = list(keys)
    port.journal.settle(asked, fabric)
    if len(staging):
        waiting = set(port.session.queued()) if port.session is not None else set()
        over = [key for key in asked if key not in waiting and not port.journal.awaits_settling(key)]
        staging.forget(key for key in over if not staging.is_ordered(key))


def known_documents(hold: Hold, staging: Staging) -> list[Progress]:
    """Return every document of the hold's fabric that is queued, in progress, or ended and not settled."""
    # The queue first: what leaves it meanwhile is in the journal with what became of it.
    queued = hold.session.queued()
    ordered = staging.ordered(same(hold.port.name), hold.owner.fabric)
    waiting = {*queued, *(one.facts.key for one in ordered if staging.is_ordered(one.facts.key))}
    known = [as_known(one, staging, waiting) for one in hold.port.journal.unsettled(hold.owner.fabric)]
    have = {one.key for one in known}
    unknown = (key for key in (*queued, *waiting) if key not in have)
    return known + [as_known(Progress(key, Phase.QUEUED), staging, waiting) for key in dict.fromkeys(unknown)]


def as_known(found: Progress, staging: Staging, waiting: set[DocKey]) -> Progress:
    """Return the journal's word about a document, with what else is known of it here.

    What waits to be begun, or to go on after a restart of this process, may be at any moment.
    """
    if found.key in waiting and found.phase in (Phase.NEVER_SEEN, Phase.UNKNOWN, Phase.INTERRUPTED):
        found.phase = Phase.QUEUED
    if found.phase is Phase.UNKNOWN and staging.is_untouched(found.key):
        found.phase = Phase.NEVER_SEEN
    if found.phase in (Phase.QUEUED, Phase.IN_PROGRESS):
        found.staged = staging.find(found.key) is not None
    return found
