"""The inside of a simulated printer: bytes come in, the personality makes units of them, the paper path prints them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import IO, Any, ParamSpec, TypeVar

from printfabric_sim.assembly import KEEP_CONTENT_BYTES
from printfabric_sim.condition import Cause, Condition
from printfabric_sim.drain import Drain
from printfabric_sim.guard import guarded
from printfabric_sim.inlet import Inlet, Link, NoLink
from printfabric_sim.intake import Intake
from printfabric_sim.marks import Mark
from printfabric_sim.noise import Noise
from printfabric_sim.paper_path import PaperPath
from printfabric_sim.personality import Personality
from printfabric_sim.record import Outcome, Record, UnitRecord
from printfabric_sim.unit import Draft, Job, Unit
from printfabric_sim.warm_up import WarmUp
from printfabric_sim.watcher import Watcher

P = ParamSpec("P")
T = TypeVar("T")


class Core:
    """One printer without its plugs: intake, interpreter, paper path, record.

    Everything runs on one event loop and is called from there only; no method blocks.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        record: Record,
        *,
        unit_s: float = 0.0,
        path_depth: int = 2,
        buffer_bytes: int = 65536,
        keep: IO[bytes] | None = None,
        back_channel: bool = True,
        warm_up_s: float = 0.0,
    ) -> None:
        self.loop = loop
        self.record = record
        self.path = PaperPath(self, loop, unit_s, path_depth)
        self.drain = Drain(loop, self._pump)
        self.intake = Intake(self, buffer_bytes, keep)
        self.watcher = Watcher()
        self.noise = Noise(record)
        self.back_channel = back_channel
        self.warming = WarmUp(loop, self.path, warm_up_s)
        self.on_unit: list[Callable[[UnitRecord, Unit], None]] = []
        self._personality: Personality | None = None
        self._jobs = 0
        self._inlets = 0
        self._connections = 0  # inlets that were not turned away

    @property
    def personality(self) -> Personality:
        """The interpreter; set once by `fit`."""
        assert self._personality is not None
        return self._personality

    def consult(self, ask: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T | None:
        """Let the personality do something; if it raises, that is noted in the record and the answer is None."""
        return guarded(self.record, None, ask, *arguments, **named)

    def fit(self, personality: Personality) -> None:
        """Put the interpreter in."""
        self._personality = personality
        self.path.reprint_after_error = personality.reprints_after_error

    # What a personality sees (personality.Machine)

    @property
    def conditions(self) -> set[Condition]:
        """What holds the printer up now."""
        return self.path.conditions

    @property
    def printed(self) -> int:
        """Units that left whole in the whole life."""
        return self.record.printed

    @property
    def units_waiting(self) -> int:
        """Finished units that have not left."""
        return self.path.waiting

    @property
    def copies_left(self) -> int:
        """Copies of the first unit that have not left."""
        return self.path.copies_left

    @property
    def media_left(self) -> int | None:
        """Units until the media runs out."""
        return self.path.supplies.media_left

    @property
    def draft_bytes(self) -> int:
        """Bytes in the unit in progress."""
        return self.intake.assembly.draft.size

    @property
    def buffer_full(self) -> bool:
        """Say whether the active input buffer is full."""
        active = self.intake.active
        return active is not None and len(active.buffer) >= self.intake.capacity

    def hold(self, condition: Condition, cause: Cause = Cause.PRINTER) -> None:
        """Bring about a condition."""
        self.path.hold(condition, cause)

    def release(self, condition: Condition, cause: Cause | None = None) -> None:
        """End a condition for one cause, or altogether."""
        self.path.release(condition, cause)

    def event(self, name: str, /, **facts: Any) -> None:
        """Note something in the record."""
        self.record.event(name, **facts)

    def reply(self, data: bytes, inlet: Inlet | None = None) -> None:
        """Send back-channel bytes, through whatever faults lie in wait."""
        target = inlet or self.intake.active
        if target is None or not self.back_channel or Condition.POWER_OFF in self.conditions:
            return
        if not target.link.hears():  # a reply that goes nowhere is none, and spends no fault
            return
        wrong = self.personality.wrong_status
        for delay, piece in self.watcher.replies(data, lambda true: self.consult(wrong, true)):
            if delay > 0:
                self.loop.call_later(delay, target.link.write, piece)
            else:
                target.link.write(piece)

    def begin_job(self, name: str, inlet: Inlet) -> Job:
        """Start a job inside an inlet."""
        job = self._new_job(name, inlet)
        self.watcher.job(job.number)
        return job

    def cancel(self, reason: str) -> None:
        """Drop everything buffered, in progress and queued; a moving unit comes out torn."""
        waiting = self.path.inlets()
        for inlet in self.intake.inlets.values():  # those that are over before that are told by their endings
            inlet.cut = inlet.cut or inlet.number in waiting
        loss = self.intake.clear(reason)
        loss += self.path.clear(reason, truncate=True)
        if loss:
            self.record.lost("cancelled", loss, reason=reason)
        self._pump()  # senders that waited for room, or for their end, go on

    def put_away(self) -> None:
        """The simulator ends: what is still inside is told, and nothing moves any more."""
        loss = self.intake.clear("stopped", tear=False)
        loss += self.path.clear("stopped", truncate=False)
        if loss:
            self.record.lost("discarded", loss, reason="the simulator was stopped")

    def drop_draft(self, reason: str) -> None:
        """Give up the unit in progress only."""
        if loss := self.intake.assembly.give_up(reason):
            self.record.lost("cancelled", loss, reason=reason)

    def restart(self, reason: str) -> None:
        """Lose everything and start as after power-on; connections stay as they are."""
        self.cancel(reason)
        self.consult(self.personality.reset)
        self.warming.begin()

    def print_own(self, kind: str, content: bytes) -> None:
        """Print a unit of the printer's own making; it has no spans."""
        draft = Draft(KEEP_CONTENT_BYTES)
        draft.add(memoryview(content), 0, 0)
        draft.spans.clear()
        self.path.put(draft.finish(kind, Job(0, "printer")))

    # What connections do

    def open_inlet(self, kind: str, peer: str, link: Link, job_name: str = "") -> Inlet:
        """Return a new inlet; a job begins with it."""
        inlet = self._new_inlet(kind, peer, link)
        self._connections += 1
        self.intake.inlets[inlet.number] = inlet
        job = self._new_job(job_name, inlet)
        guarded(self.record, inlet, self.personality.inlet_opened, inlet)
        # Faults may break the link, which the caller has not tied to its inlet yet.
        self.loop.call_soon(self._opened, self._connections, job.number)
        return inlet

    def turn_away(self, kind: str, peer: str, why: str) -> Inlet:
        """Return an inlet for bytes that nothing is made of: they count as received, and are told as lost."""
        inlet = self._new_inlet(kind, peer, NoLink())
        inlet.refused, inlet.ended = why, "refused"
        self.event("disconnected", inlet=inlet.number, how=inlet.ended, received=0)
        return inlet

    def room(self, inlet: Inlet) -> int:
        """Bytes the input buffer of `inlet` can still take, none beyond the byte at which a fault strikes."""
        return self.before_strike(max(0, self.intake.capacity - len(inlet.buffer)))

    def before_strike(self, size: int) -> int:
        """Return how many of the next `size` bytes come up to the one at which a fault strikes, that one among them."""
        due = self.watcher.next_byte - self.intake.received
        return size if due >= size else min(size, max(1, int(due)))

    def feed(self, inlet: Inlet, data: bytes) -> None:
        """Take bytes that arrived on `inlet`, pausing its link when the buffer is full."""
        while data:
            size = self.before_strike(len(data))
            (self.intake.take if self._takes(inlet) else self.intake.refuse)(inlet, data[:size])
            data = data[size:]
            if self.intake.received >= self.watcher.next_byte:
                self.watcher.byte(self.intake.received)

    def end(self, inlet: Inlet, how: str, *, drop: bool = False) -> None:
        """The inlet is over: `how` as in `Inlet.ended`; with `drop` what has not begun to move is thrown away.

        That may still happen after an orderly end.
        """
        before, inlet.ended = inlet.ended, inlet.ended or how
        if not before:
            self.event("disconnected", inlet=inlet.number, how=how, received=inlet.received)
        if drop:
            inlet.ended = how
            self.intake.drop(inlet)
        if not before:
            self.intake.ended(inlet)

    def lose_all(self, reason: str) -> None:
        """The memory is gone: buffers, the unit in progress, the path; every inlet is over."""
        self.cancel(reason)
        for inlet in list(self.intake.inlets.values()):
            if not inlet.ended:
                inlet.ended = reason
                self.event("disconnected", inlet=inlet.number, how=reason, received=inlet.received)
            done, inlet.on_done = inlet.on_done, None
            self.intake.forget(inlet)
            if done is not None:
                done(False)
        self.consult(self.personality.reset)

    # What the paper path says (paper_path.PathOwner)

    def on_mark(self, mark: Mark) -> None:
        """Everything before it has left: the personality's answer is due."""
        self.intake.assembly.advance()
        self.consult(mark.call)

    def on_unit_started(self, number: int) -> None:
        """A unit begins to move."""
        self.watcher.start(number)

    def on_unit_left(self, unit: Unit, copy: int, outcome: Outcome, reason: str) -> None:
        """A piece of paper is out: into the record, then to whoever listens."""
        entry = self.record.add(unit, copy, outcome, reason)
        unit.job.units += 1
        if outcome is not Outcome.TRUNCATED:
            self.consult(self.personality.unit_left, unit, copy)
        for listener in self.on_unit:
            listener(entry, unit)
        self.watcher.unit(entry.unit)

    def on_path_moved(self) -> None:
        """There may be room again."""
        self._pump()

    def on_condition(self, condition: Condition, on: bool) -> None:
        """A condition has come or gone."""
        self.event("condition", condition=condition.value, on=on)
        self.consult(self.personality.condition_changed, condition, on)

    def _new_inlet(self, kind: str, peer: str, link: Link) -> Inlet:
        self._inlets += 1
        self.event("connected", inlet=self._inlets, kind=kind, peer=peer)
        return Inlet(self._inlets, kind, peer, link, Job(0))

    def _new_job(self, name: str, inlet: Inlet) -> Job:
        self._jobs += 1
        inlet.job = Job(self._jobs, name)
        self.event("job", job=self._jobs, name=name, inlet=inlet.number)
        return inlet.job

    def _opened(self, connection: int, job: int) -> None:
        self.watcher.job(job)
        self.watcher.connect(connection)

    def _takes(self, inlet: Inlet) -> bool:
        return not inlet.ended and Condition.POWER_OFF not in self.conditions

    def _pump(self) -> None:
        self.intake.pump()
