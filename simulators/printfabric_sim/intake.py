"""From arriving bytes to finished units: input buffers, whose turn it is, and the unit in progress."""

from __future__ import annotations

from collections import deque
from typing import IO, Protocol

from printfabric_sim.condition import Condition
from printfabric_sim.drain import Drain
from printfabric_sim.guard import Steps, guarded
from printfabric_sim.inlet import Damage, Inlet
from printfabric_sim.paper_path import Ending, PaperPath
from printfabric_sim.personality import Personality, Step
from printfabric_sim.record import Record
from printfabric_sim.unit import Draft

# The head of a unit kept in memory for its serial text and its picture.
KEEP_CONTENT_BYTES = 256 * 1024
# Conditions in which the interpreter itself stands still, not only the paper.
_DEAF = frozenset({Condition.BUSY, Condition.POWER_OFF, Condition.WARMING_UP})


class IntakeOwner(Protocol):
    """What the intake needs of the printer around it."""

    path: PaperPath
    drain: Drain
    record: Record

    @property
    def personality(self) -> Personality:
        """The interpreter."""


class Intake:
    """Input buffers of `capacity` bytes, one per inlet, and the draft the interpreter fills from them.

    Bytes of two inlets never mix inside a unit while both are open: an inlet keeps the interpreter until it is
    between units with nothing buffered. A unit that one inlet left unfinished may be finished by the next, as in a
    real printer; its spans then name both, and if the first broke off it is garbled.
    """

    def __init__(self, owner: IntakeOwner, capacity: int, keep: IO[bytes] | None) -> None:
        self.capacity = capacity
        self.inlets: dict[int, Inlet] = {}
        self.draft = Draft(KEEP_CONTENT_BYTES)
        self.active: Inlet | None = None
        self.received = 0
        self.lost_bytes = 0  # arrived, and never part of anything that came out whole
        self._owner = owner
        self._keep = keep
        self._queue: deque[Inlet] = deque()  # inlets with something to interpret, in order of arrival
        self._pumping = False
        self._steps = Steps()

    def take(self, inlet: Inlet, data: bytes) -> None:
        """Buffer bytes of `inlet` and obey the commands in them that are obeyed on arrival."""
        if self._keep is not None:
            self._keep.write(data)
        if inlet.lossy and len(inlet.buffer) + len(data) > self.capacity:
            data = self._overrun(inlet, data)
        inlet.received += len(data)
        self.received += len(data)
        position = 0
        record, personality = self._owner.record, self._owner.personality
        for end, obey in guarded(record, inlet, personality.realtime, data, inlet) or []:
            inlet.buffer += data[position:end]
            position = end
            self._line_up(inlet)
            self.pump()
            guarded(record, inlet, obey)
        inlet.buffer += data[position:] if position else data
        self._line_up(inlet)
        self.pump()
        if len(inlet.buffer) >= (inlet.high_water or self.capacity):
            self.set_paused(inlet, True)

    def ended(self, inlet: Inlet) -> None:
        """`inlet.ended` was set: interpret what is left of it, then forget it."""
        self._line_up(inlet)
        self.pump()

    def drop(self, inlet: Inlet) -> int:
        """Throw away what `inlet` has buffered, its unit in progress and its units that do not move yet.

        Return how many bytes that were.
        """
        lost = _empty(inlet)
        inlet.cut = True
        if not inlet.ended:
            # A line goes on: what comes next may be the rest of what was thrown away.
            inlet.damage.append(Damage(inlet.received, 0, "its beginning was thrown away"))
        spans = self.draft.spans
        if spans and spans[-1].inlet == inlet.number:
            lost += self.draft.size
            self.give_up("connection reset")
        size, units = self._owner.path.drop(inlet.number)
        self._discarded(inlet, lost + size, "thrown away", units)
        return lost + size

    def clear(self, reason: str) -> int:
        """Empty every buffer and give up the unit in progress; return the bytes lost."""
        lost = self.draft.size
        if self.draft.spans and (begun := self.inlets.get(self.draft.spans[-1].inlet)) is not None:
            begun.cut = True
        self.give_up(reason)
        for inlet in self.inlets.values():
            inlet.cut = inlet.cut or bool(inlet.buffer)
            lost += _empty(inlet)
        self.lost_bytes += lost
        return lost

    def give_up(self, reason: str) -> None:
        """Drop the unit in progress; where paper moves as data arrives it comes out torn."""
        draft, self.draft = self.draft, Draft(KEEP_CONTENT_BYTES)
        guarded(self._owner.record, None, self._owner.personality.flush)
        if not draft.size or not self._owner.personality.prints_as_it_goes:
            return
        inlet = self.inlets.get(draft.spans[-1].inlet)
        if inlet is not None:
            unit = draft.finish(self._owner.personality.kind, inlet.job)
            self._owner.path.torn(unit, reason)

    def forget(self, inlet: Inlet) -> None:
        """The inlet is over and interpreted; `on_done` is called when all of it has left the printer."""
        self.inlets.pop(inlet.number, None)
        if inlet in self._queue:
            self._queue.remove(inlet)
        if self.active is inlet:
            self.active = None
        if (done := inlet.on_done) is not None:
            self._owner.path.mark(Ending(lambda whole: done(whole and not inlet.cut)))

    def set_paused(self, inlet: Inlet, on: bool, reason: str = "full") -> None:
        """Stop or go on taking bytes from the sender; it goes on when no reason is left."""
        before = bool(inlet.pauses)
        (inlet.pauses.add if on else inlet.pauses.discard)(reason)
        if bool(inlet.pauses) != before:
            (inlet.link.pause if inlet.pauses else inlet.link.resume)()

    def pump(self) -> None:
        """Interpret what can be interpreted, then let waiting senders go on."""
        if self._pumping:
            return
        self._pumping = True
        hungry: Inlet | None = None
        try:
            while self._may_interpret() and (inlet := self._choose()) is not None:
                if not self._advance(inlet):
                    hungry = inlet
                    break
        finally:
            self._pumping = False
        for inlet in list(self.inlets.values()):
            # What waits for the rest of a command gets it, however full the buffer is.
            enough = self.capacity - 1 if inlet is hungry else self.capacity // 2
            if "full" in inlet.pauses and len(inlet.buffer) <= enough:
                self.set_paused(inlet, False)

    @property
    def waiting(self) -> bool:
        """Say whether bytes are buffered for want of time, not for want of more bytes."""
        held = not self._may_interpret() or self._owner.drain.bytes_per_s > 0
        return held and any(inlet.buffer for inlet in self.inlets.values())

    def _may_interpret(self) -> bool:
        path = self._owner.path
        return not path.full and not (path.conditions & _DEAF)

    def _line_up(self, inlet: Inlet) -> None:
        if inlet is not self.active and inlet not in self._queue and inlet.number in self.inlets:
            self._queue.append(inlet)

    def _choose(self) -> Inlet | None:
        """Return the inlet whose turn it is, if it has anything to do."""
        active = self.active
        if active is not None and (active.buffer or active.ended):
            return active
        if active is not None and self.draft.size:
            return None
        self.active = self._queue.popleft() if self._queue else None
        return self.active

    def _advance(self, inlet: Inlet) -> bool:
        """Let the interpreter take one step; False when it needs more bytes or more time."""
        if not inlet.buffer:
            if inlet.ended:
                self._finish(inlet)
            else:
                self.active = None if not self.draft.size else inlet
            return True
        allowance = self._owner.drain.allowance()
        limited = allowance is not None and allowance < len(inlet.buffer)
        buffer = inlet.buffer[:allowance] if limited else inlet.buffer
        step = guarded(self._owner.record, inlet, self._steps.ask, self._owner.personality, buffer, inlet)
        if step is None:
            self._spoiled(inlet)
            return True
        if step.used or step.copies or step.drop or step.mark is not None:
            self._apply(inlet, step)
            return True
        if limited:
            self._owner.drain.wait()
            return False
        if inlet.ended or len(inlet.buffer) >= self.capacity:
            # A command cut short by the end, or longer than the buffer: it becomes part of what is being printed.
            self._apply(inlet, Step(len(inlet.buffer), part=self.draft.size > 0))
            return True
        return False

    def _finish(self, inlet: Inlet) -> None:
        clean = inlet.ended == "fin"
        mine = bool(self.draft.spans) and self.draft.spans[-1].inlet == inlet.number
        if mine and not clean:
            self.draft.garbled = f"inlet {inlet.number} broke off inside"
        step = guarded(self._owner.record, inlet, self._owner.personality.end_of_input, inlet, clean)
        if step is None:
            self._spoiled(inlet)
            step = Step(0)
        self._apply(inlet, step)
        self.forget(inlet)

    def _spoiled(self, inlet: Inlet) -> None:
        """The interpreter raised: what it has begun comes out garbled with all that is buffered behind it."""
        size = len(inlet.buffer)
        if self.draft.size:
            self.draft.garbled = "the personality failed"
            self._apply(inlet, Step(size, part=True, copies=1))
        else:
            self._discarded(inlet, size, "the personality failed")
            self._apply(inlet, Step(size))
        guarded(self._owner.record, inlet, self._owner.personality.flush)

    def _discarded(self, inlet: Inlet, size: int, reason: str, units: int = 0) -> None:
        """Input is thrown away, `units` of it made whole already: say so."""
        self.lost_bytes += size
        if size:
            self._owner.record.event("discarded", inlet=inlet.number, bytes=size, units=units, reason=reason)

    def _apply(self, inlet: Inlet, step: Step) -> None:
        if step.used:
            self._consume(inlet, step.used, step.part)
        if step.drop:
            self._discarded(inlet, self.draft.size, "nothing to print")
            self.draft = Draft(KEEP_CONTENT_BYTES)
        if step.copies:
            unit = self.draft.finish(self._owner.personality.kind, inlet.job, step.copies)
            self.draft = Draft(KEEP_CONTENT_BYTES)
            self._owner.path.put(unit)
        if step.mark is not None:
            self._owner.path.mark(step.mark)

    def _consume(self, inlet: Inlet, used: int, part: bool) -> None:
        """Move `used` bytes from the buffer into the draft (or nowhere), around places the line has damaged."""
        position = 0
        with memoryview(inlet.buffer) as whole:
            while inlet.damage and inlet.damage[0].offset < inlet.consumed + used - position:
                harm = inlet.damage.popleft()
                size = max(0, harm.offset - inlet.consumed)
                if part:
                    with whole[position : position + size] as piece:
                        self.draft.add(piece, inlet.number, inlet.consumed)
                whole_behind = self.draft.size == 0 and self._owner.personality.marks_beginning
                if self.draft.size or (part and not whole_behind):
                    self.draft.garbled = harm.reason
                position += size
                inlet.consumed += size + harm.skip
            if part:
                with whole[position:used] as piece:
                    self.draft.add(piece, inlet.number, inlet.consumed)
        inlet.consumed += used - position
        del inlet.buffer[:used]
        if self._owner.drain.bytes_per_s:
            self._owner.drain.took(used)

    def _overrun(self, inlet: Inlet, data: bytes) -> bytes:
        """Return what of `data` still fits; the rest counts as received and is lost."""
        room = max(0, self.capacity - len(inlet.buffer))
        lost = len(data) - room
        inlet.damage.append(Damage(inlet.received + room, lost, "overrun"))
        inlet.received += lost
        self.received += lost
        self.lost_bytes += lost
        self._owner.record.event("overrun", inlet=inlet.number, bytes=lost)
        return data[:room]


def _empty(inlet: Inlet) -> int:
    """Throw the buffer away and return its size."""
    lost = len(inlet.buffer)
    inlet.buffer.clear()
    inlet.damage.clear()
    inlet.consumed = inlet.received
    return lost
