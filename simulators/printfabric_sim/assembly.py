"""The unit in progress: every byte the interpreter takes goes into it, is obeyed, or is lost and told so."""

from __future__ import annotations

from typing import Protocol

from printfabric_sim.drain import Drain
from printfabric_sim.guard import guarded
from printfabric_sim.inlet import Damage, Inlet
from printfabric_sim.loss import Loss
from printfabric_sim.marks import Mark
from printfabric_sim.paper_path import PaperPath
from printfabric_sim.personality import Personality, Step
from printfabric_sim.record import Record
from printfabric_sim.unit import Draft, Job, Span

# The head of a unit kept in memory for its serial text and its picture.
KEEP_CONTENT_BYTES = 256 * 1024


class AssemblyOwner(Protocol):
    """What the assembly needs of the printer around it."""

    path: PaperPath
    drain: Drain
    record: Record

    @property
    def personality(self) -> Personality:
        """The interpreter."""


class Assembly:
    """Puts units together from the interpreter's steps. `draft` is the one in progress, empty between units."""

    def __init__(self, owner: AssemblyOwner) -> None:
        self.draft = Draft(KEEP_CONTENT_BYTES)
        self._owner = owner
        self._job = Job(0)  # of the bytes that came last
        self._doubt = ""  # why it is not known which commands are in force

    def apply(self, inlet: Inlet, step: Step) -> None:
        """Do what the interpreter has decided about the front of the buffer of `inlet`."""
        if step.used:
            taken = self._consume(inlet, step.used, step.part)
            if step.reason and not step.part:
                self.discarded(inlet, Loss(taken), step.reason)
        if step.anew:
            self._doubt = ""
        if step.drop:
            self._drop(inlet, step)
            self.draft = Draft(KEEP_CONTENT_BYTES)
        if step.copies:
            unit = self.draft.finish(self._owner.personality.kind, inlet.job, step.copies)
            self.draft = Draft(KEEP_CONTENT_BYTES)
            self._owner.path.put(unit)
        elif self.draft.size:
            self.advance()
        if step.mark is not None:
            self._owner.path.mark(Mark(step.mark, inlet.number, inlet.consumed, self.inked))

    def advance(self) -> None:
        """What is there of the unit in progress is printed, where paper moves as data arrives and can move now."""
        path, draft = self._owner.path, self.draft
        if draft.on_paper or path.waiting or path.conditions or not draft.size:
            return
        draft.on_paper = self._owner.personality.prints_as_it_goes and self.inked

    @property
    def inked(self) -> bool:
        """Say whether the unit in progress makes a mark on paper as far as it is there."""
        personality = self._owner.personality
        inked = guarded(self._owner.record, None, lambda: personality.inked)
        return self.draft.size > 0 and inked is not False

    def cut_short(self, inlet: Inlet) -> None:
        """A command ends too early, or is longer than the buffer: it becomes part of what is being printed, or is lost."""
        inlet.tail = b""  # what comes completes nothing
        self.draft.cut = self.draft.size > 0
        self.apply(inlet, Step(len(inlet.buffer), part=self.draft.cut, reason="a command cut short"))

    def _drop(self, inlet: Inlet, step: Step) -> None:
        """The unit in progress makes no mark: it is told as lost, unless it is whole and was not to make any."""
        spans, nothing = self.draft.spans, "nothing to print"
        harmed = self.draft.garbled or self.draft.cut or len({span.inlet for span in spans}) > 1
        if not step.void or harmed:
            self.discarded(inlet, Loss(spans), nothing if step.void else step.reason or nothing)
        elif step.reason:
            facts = Loss(spans).facts()
            self._owner.record.event(nothing, inlet=inlet.number, reason=step.reason, spans=facts["spans"])

    def end_of_input(self, inlet: Inlet) -> None:
        """All of `inlet` is interpreted and no more comes; a unit that a broken sender left is garbled from now on."""
        clean = inlet.ended == "fin"
        if self.holds(inlet) and not clean:
            self.draft.garbled = f"inlet {inlet.number} broke off inside"
        step = guarded(self._owner.record, inlet, self._owner.personality.end_of_input, inlet, clean)
        if step is None:
            self.spoiled(inlet)
        else:
            self.apply(inlet, step)

    def spoiled(self, inlet: Inlet) -> None:
        """The interpreter raised: what it has begun comes out garbled with all that is buffered behind it."""
        size, why = len(inlet.buffer), "the personality failed"
        inlet.tail = b""
        if self.draft.size:
            self.draft.garbled = why
            self.apply(inlet, Step(size, part=True, copies=1))
        else:
            self.apply(inlet, Step(size, reason=why))
        guarded(self._owner.record, inlet, self._owner.personality.flush)

    def give_up(self, reason: str, *, tear: bool = True) -> Loss:
        """Drop the unit in progress and return what is lost; it comes out torn if a piece of it is printed.

        Without `tear` it is only lost.
        """
        draft, self.draft = self.draft, Draft(KEEP_CONTENT_BYTES)
        personality = self._owner.personality
        guarded(self._owner.record, None, personality.flush)
        if not draft.on_paper or not tear:
            return Loss(draft.spans)
        self._owner.path.torn(draft.finish(personality.kind, self._job), reason)
        return Loss()

    def holds(self, inlet: Inlet) -> bool:
        """Say whether the last bytes of the unit in progress came from `inlet`."""
        return bool(self.draft.spans) and self.draft.spans[-1].inlet == inlet.number

    def discarded(self, inlet: Inlet, loss: Loss, reason: str) -> None:
        """Input of `inlet` is thrown away: say so."""
        if loss:
            self._owner.record.lost("discarded", loss, inlet=inlet.number, reason=reason)

    def _consume(self, inlet: Inlet, used: int, part: bool) -> list[Span]:
        """Move `used` bytes from the buffer into the draft (or nowhere), around places the line has damaged.

        Return what went nowhere.
        """
        position = 0
        nowhere: list[Span] = []
        if part:
            self._job = inlet.job
        with memoryview(inlet.buffer) as whole:
            while inlet.damage and inlet.damage[0].offset < inlet.consumed + used - position:
                harm = inlet.damage.popleft()
                size = max(0, harm.offset - inlet.consumed)
                with whole[position : position + size] as piece:
                    self._take(inlet, piece, part, nowhere)
                position += size
                inlet.consumed += size + harm.skip
                self._harm(inlet, harm, part, inlet.consumed + used - position)
            with whole[position:used] as piece:
                self._take(inlet, piece, part, nowhere)
        inlet.consumed += used - position
        del inlet.buffer[:used]
        inlet.shown = max(0, inlet.shown - used)
        while inlet.recognised and inlet.recognised[0].end <= inlet.consumed:
            inlet.recognised.popleft()
        return nowhere

    def _harm(self, inlet: Inlet, harm: Damage, part: bool, end: int) -> None:
        """Hold damage against what it is in; bytes up to `end` are being taken, and what is changed behind them is left."""
        personality = self._owner.personality
        whole_behind = self.draft.size == 0 and personality.marks_beginning and not harm.changed
        if self.draft.size or (part and not whole_behind):
            self.draft.garbled = harm.reason
        elif personality.commands_persist and not part:
            self._doubt = harm.reason
        inlet.damage.extendleft(harm.beyond(end))

    def _take(self, inlet: Inlet, piece: memoryview, part: bool, nowhere: list[Span]) -> None:
        """Put `piece`, the next of `inlet`, where it goes."""
        if piece and part:
            self.draft.garbled = self.draft.garbled or self._doubt
            self.draft.add(piece, inlet.number, inlet.consumed)
        elif piece:
            nowhere.append(Span(inlet.number, inlet.consumed, inlet.consumed + len(piece)))
