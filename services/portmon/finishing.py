"""Documents that a former run of this process was to print, while nobody can be reached who would say so again.

The host begins nothing of its own accord: what it prints here its spooler has ordered, and asks about before it does
anything else with the job. Where the spooler is back first, it has the port, and its word counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from chassis import logs
from chassis.errors import FabricError
from chassis.tasks import Backoff, Tasks
from portmon.document import Disposition, Phase, Slice
from portmon.handles import Handles
from portmon.hold import Hold, Owner
from portmon.host_port import HostPort
from portmon.ports import Ports
from portmon.staging.area import StagedDocument
from portmon.staging.state import StagedState
from portmon.way import Way

# A device that is away when the host comes up is often one that comes up with it.
RETRY = Backoff(first_s=0.5, most_s=30.0)
SPOOLER = "staged"  # who has a port that was opened here
log = logs.get(__name__)


class Finishing:
    """Prints what was ordered, port by port. `way_of` returns what a port is opened through for a language monitor."""

    def __init__(
        self, ports: Ports, handles: Handles, tasks: Tasks, way_of: Callable[[str, bool], Way]
    ) -> None:
        self._ports, self._handles, self._tasks, self._way_of = ports, handles, tasks, way_of

    async def start(self) -> None:
        """Sort out what the former run has left, and begin. Call it before anybody is served."""
        found: dict[tuple[str, str], list[StagedDocument]] = {}
        for one in self._ports.staging.documents():
            found.setdefault((one.facts.port, one.facts.fabric), []).append(one)
        for (name, fabric), documents in found.items():
            port = self._ports.get(name) if name in self._ports else None
            await asyncio.to_thread(_sort_out, port, fabric, documents)
            ordered = self._ports.staging.ordered(name, fabric)
            if port is not None and ordered:
                self._tasks.spawn(f"finish {name}", self._finish(port, Owner(fabric, SPOOLER), ordered))

    async def _finish(self, port: HostPort, owner: Owner, documents: list[StagedDocument]) -> None:
        """Print these, in order, until one does not come out or the spooler has the port."""
        log.info("printing on without a spooler", port=port.name, documents=len(documents))
        first, failures = documents[0].facts, 0
        while port.hold is None and any(_is_wanted(one) for one in documents):
            try:
                way = self._way_of(first.language, first.bidirectional) if first.language else None
                hold = await self._handles.reopen(port, owner, first.info.printer, way)
            except FabricError as error:
                failures += 1
                log.info("port for staged documents not opened", port=port.name, why=error.message)
                await asyncio.sleep(RETRY.wait_s(failures))
                continue
            self._handles.stream_began(hold)  # it lives until this is done with it
            await self._print(hold, documents)
            if hold.is_current:
                await asyncio.to_thread(_give_back, documents)
                await self._handles.close(hold)
            return

    async def _print(self, hold: Hold, documents: Iterable[StagedDocument]) -> None:
        name, through = hold.port.name, None
        for one in documents:
            if not _is_wanted(one):
                continue
            through = through or _way(one)
            if not hold.is_current or _way(one) != through:
                return
            try:
                progress = await hold.session.call(slice_of(one))
            except FabricError as error:
                log.info("port for staged documents closed", port=name, why=error.message)
                return
            if progress.error is not None:
                log.warning("staged document not printed", port=name, why=progress.error.message)
                return


def slice_of(document: StagedDocument) -> Slice:
    """Return what a session is told to print a staged document whole."""
    facts = document.facts
    return Slice(
        facts.key,
        reply=lambda *_: None,
        start=facts.info,
        resume_offset=facts.resume_offset,
        resume_prefix=facts.resume_prefix,
        end=Disposition.COMPLETE,
        size=facts.end,
        source=document,
        guarded=True,
    )


def _way(document: StagedDocument) -> tuple[str, bool]:
    return document.facts.language, document.facts.bidirectional


def _is_wanted(document: StagedDocument) -> bool:
    return document.state in (StagedState.ORDERED, StagedState.BEGUN)


def _sort_out(port: HostPort | None, fabric: str, documents: Iterable[StagedDocument]) -> None:
    """Drop what has ended, and leave to the spooler what must not, or need not, go on without it. Blocks."""
    begun = {one.facts.key: one for one in documents if one.state is StagedState.BEGUN}
    stopped = port is None
    for known in port.journal.unsettled(fabric) if port is not None else ():
        one = begun.get(known.key)
        if one is not None and one.facts.finishes and known.phase is Phase.INTERRUPTED and known.resumable:
            del begun[known.key]
        elif known.win32 or known.phase is Phase.INTERRUPTED:
            stopped = True  # nothing is printed behind half a document
    for one in begun.values():
        # What is known of these is in the journal; where it knows nothing, half of one may be on paper.
        stopped = stopped or port is None or port.journal.find(one.facts.key) is None
        one.drop()
    _give_back(one for one in documents if stopped or not one.facts.finishes)


def _give_back(documents: Iterable[StagedDocument]) -> None:
    for one in documents:
        try:
            if one.state is StagedState.ORDERED:
                one.give_back()
        except FabricError as error:
            log.exception("staged document not given back", document=str(one.facts.key), why=error.message)
