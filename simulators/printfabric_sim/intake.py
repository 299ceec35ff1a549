"""Input buffers of a printer: what has arrived and is not interpreted yet, and whose turn it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import IO

from printfabric_sim.assembly import Assembly, AssemblyOwner
from printfabric_sim.condition import Condition
from printfabric_sim.guard import Steps, guarded
from printfabric_sim.inlet import Damage, Inlet, Recognised
from printfabric_sim.loss import Loss, unread, without
from printfabric_sim.marks import Ending
from printfabric_sim.personality import Arrival
from printfabric_sim.unit import Span

# Conditions in which the interpreter itself stands still, not only the paper.
_DEAF = frozenset({Condition.BUSY, Condition.POWER_OFF, Condition.WARMING_UP})


class Intake:
    """Input buffers of `capacity` bytes, one per inlet, and the assembly that is filled from them.

    Bytes of two inlets never mix inside a unit while both are open: an inlet keeps the interpreter until it is
    between units with nothing buffered. A unit that one inlet left unfinished may be finished by the next, as in a
    real printer; its spans then name both, and if the first broke off it is garbled.
    """

    def __init__(self, owner: AssemblyOwner, capacity: int, keep: IO[bytes] | None) -> None:
        self.capacity = capacity
        self.inlets: dict[int, Inlet] = {}
        self.assembly = Assembly(owner)
        self.active: Inlet | None = None
        self.received = 0
        # Called with every byte that counts as received, before anything is made of it.
        self.on_bytes: list[Callable[[Inlet, bytes], None]] = []
        self._owner = owner
        self._keep = keep
        self._queue: deque[Inlet] = deque()  # inlets with something to interpret, in order of arrival
        self._pumping = False
        self._steps = Steps()

    def take(self, inlet: Inlet, data: bytes) -> None:
        """Buffer bytes of `inlet` and obey the commands in them that are obeyed on arrival."""
        start, position = inlet.received, 0
        for end, size, obey in self._commands(inlet, data):
            inlet.recognised.append(Recognised(start + end - size, start + end, start + end))
            self._put(inlet, data[position:end])
            position = end
            guarded(self._owner.record, inlet, obey)
        self._put(inlet, data[position:] if position else data)
        if len(inlet.buffer) >= (inlet.high_water or self.capacity):
            self.set_paused(inlet, True)

    def refuse(self, inlet: Inlet, data: bytes) -> None:
        """Bytes of `inlet` have come after its end, or without power: they count as received and are thrown away."""
        why = inlet.refused or ("came after the end" if inlet.ended else "came while the power was off")
        swallowed = Span(inlet.number, self._arrived(inlet, data), inlet.received)
        inlet.cut = True
        if not inlet.ended:  # what comes next lies behind them
            inlet.swallow(swallowed.start, len(data), why)
        self.assembly.discarded(inlet, unread([swallowed]), why)

    def ended(self, inlet: Inlet) -> None:
        """`inlet.ended` was set: interpret what is left of it, then forget it."""
        self._line_up(inlet)
        self.pump()

    def drop(self, inlet: Inlet) -> Loss:
        """Throw away what `inlet` has buffered, its unit in progress and its units that do not move yet."""
        loss = self._emptied(inlet)
        inlet.cut = True
        if not inlet.ended:
            # A line goes on: what comes next may be the rest of what was thrown away.
            inlet.damage.append(Damage(inlet.received, 0, "its beginning was thrown away"))
        gone = list(loss.spans)
        if self.assembly.holds(inlet):
            gone += self.assembly.draft.spans
            loss += self.assembly.give_up("connection reset")
        first = min((span.start for span in gone if span.inlet == inlet.number), default=inlet.received)
        loss += self._owner.path.drop(inlet.number, first)
        self.assembly.discarded(inlet, loss, "thrown away")
        return loss

    def clear(self, reason: str, *, tear: bool = True) -> Loss:
        """Empty every buffer and give up the unit in progress; return what is lost."""
        for inlet in self.inlets.values():
            inlet.cut = inlet.cut or bool(inlet.buffer) or self.assembly.holds(inlet)
        buffered = [
            self._emptied(inlet) for inlet in self.inlets.values()
        ]  # read with the unit in progress before it
        loss = self.assembly.give_up(reason, tear=tear)
        for each in buffered:
            loss += each
        return loss

    def _emptied(self, inlet: Inlet) -> Loss:
        """Throw the buffer away and return what is lost."""
        obeyed = self._obeyed(inlet)
        return unread(without(_empty(inlet), obeyed))

    def _obeyed(self, inlet: Inlet) -> list[Span]:
        """Return the commands among what is buffered that were obeyed when they came: they are not lost with the rest."""
        return guarded(self._owner.record, inlet, self._owner.personality.obeyed, inlet) or []

    def _commands(self, inlet: Inlet, data: bytes) -> Iterator[Arrival]:
        """Return the commands in `data` that are obeyed on arrival, each when the one before it was obeyed."""
        record, personality = self._owner.record, self._owner.personality
        found = guarded(record, inlet, lambda: iter(personality.realtime(data, inlet)))
        while found is not None and (arrival := guarded(record, inlet, next, found, None)) is not None:
            yield arrival

    def forget(self, inlet: Inlet) -> None:
        """The inlet is over and interpreted; `on_done` is called when all of it has left the printer."""
        self.inlets.pop(inlet.number, None)
        if inlet in self._queue:
            self._queue.remove(inlet)
        if self.active is inlet:
            self.active = None
        if "full" in inlet.pauses:  # its connection may go on without it
            self.set_paused(inlet, False)
        if (done := inlet.on_done) is not None:
            self._owner.path.mark(Ending(lambda whole: done(whole and not inlet.cut), self.assembly.inked))

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
        self.assembly.advance()
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
        if active is not None and self.assembly.draft.size:
            return None
        self.active = self._queue.popleft() if self._queue else None
        return self.active

    def _advance(self, inlet: Inlet) -> bool:
        """Let the interpreter take one step; False when it needs more bytes or more time."""
        if not inlet.buffer:
            if inlet.ended:
                self.assembly.end_of_input(inlet)
                self.forget(inlet)
            else:
                self.active = None if not self.assembly.draft.size else inlet
            return True
        inlet.shown = self._owner.drain.show(len(inlet.buffer), inlet.shown)
        limited = inlet.shown < len(inlet.buffer)
        buffer = inlet.buffer[: inlet.shown] if limited else inlet.buffer
        inlet.last = bool(inlet.ended) and not limited
        step = guarded(self._owner.record, inlet, self._steps.ask, self._owner.personality, buffer, inlet)
        if step is None:
            self.assembly.spoiled(inlet)
            return True
        if step.used or step.copies or step.drop or step.mark is not None:
            self.assembly.apply(inlet, step)
            return True
        if limited:
            self._owner.drain.wait()
            return False
        if inlet.ended or len(inlet.buffer) >= self.capacity:
            self.assembly.cut_short(inlet)
            return True
        return False

    def _put(self, inlet: Inlet, data: bytes) -> None:
        """Buffer `data`, which no command divides, and interpret what can be."""
        if not data:
            return
        if inlet.ended:  # a fault has struck at the command before
            self.refuse(inlet, data)
            return
        room = self.capacity - len(inlet.buffer)
        start = self._arrived(inlet, data)
        if inlet.lossy and len(data) > room:
            kept = max(0, room)
            swallowed = Span(inlet.number, start + kept, inlet.received)
            inlet.swallow(swallowed.start, len(data) - kept, "overrun")
            inlet.tail = b""  # what comes completes nothing
            if lost := unread(without([swallowed], self._obeyed(inlet))):
                self._owner.record.lost("overrun", lost, inlet=inlet.number, reason="the buffer was full")
            data = data[:kept]
        inlet.buffer += data
        self._line_up(inlet)
        self.pump()

    def _arrived(self, inlet: Inlet, data: bytes) -> int:
        """Count `data` as received and return its place among the bytes of `inlet`."""
        if self._keep is not None:
            self._keep.write(data)
        for listener in self.on_bytes:
            listener(inlet, data)
        start = inlet.received
        inlet.received += len(data)
        self.received += len(data)
        return start


def _empty(inlet: Inlet) -> list[Span]:
    """Throw the buffer away and return what was in it; what the line has swallowed before was told then."""
    spans, position, left = list[Span](), inlet.consumed, len(inlet.buffer)
    for harm in inlet.damage:
        if harm.skip:
            spans.append(Span(inlet.number, position, harm.offset))
            left -= harm.offset - position
            position = harm.offset + harm.skip
    spans.append(Span(inlet.number, position, position + left))
    inlet.buffer.clear()
    inlet.shown = 0
    # What comes next may be changed: a fault has struck at a byte in the middle of what the line has spoiled.
    inlet.damage = deque(left for harm in inlet.damage for left in harm.beyond(inlet.received))
    inlet.forget_tokens()
    inlet.consumed = inlet.received
    return spans
