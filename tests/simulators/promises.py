"""What a printer has told its senders, held against the record: what was answered was taken, what is completed is on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulators.grammar import INK, WHOLE

if TYPE_CHECKING:
    from tests.simulators.bookkeeping import Books

# So are bytes lost that the printer never took: who sent them has no promise.
NEVER_TAKEN = (
    "came after the end",
    "came to a closed door",
    "came while the power was off",
    "waited to be served when the power went",
)
# What the printer may say of a document of which this is lost is anything but "completed".
GONE = (*NEVER_TAKEN, "thrown away", "power-cut", "reboot", "the simulator was stopped")


def check_promises(books: Books) -> None:
    """Compare answers with what the record claims; a document that was taken may be lost later, by a power cut."""
    for inlet in books.answered:
        short = len(books.streams[inlet]) - books.arrived[inlet]
        assert short == 0, f"inlet {inlet} was answered, and {short} bytes had not arrived"
        assert _lost(books, inlet, NEVER_TAKEN) == [], f"inlet {inlet} was answered, and this was not taken"
    for inlet in books.completed:
        assert _lost(books, inlet, GONE) == [], f"inlet {inlet} is called completed, and this is lost"
        for unit in WHOLE[books.personality].finditer(books.streams[inlet]):
            if ink := INK.search(unit[0]):
                place = unit.start() + ink.start()
                paper = [
                    piece
                    for pieces in books.made
                    for piece in pieces
                    if piece.inlet == inlet and piece.start <= place < piece.end
                ]
                assert paper, f"inlet {inlet} is called completed, and not on paper is {unit[0]!r}"


def _lost(books: Books, inlet: int, reasons: tuple[str, ...]) -> list[list[int]]:
    losses = (loss for loss in books.losses if loss["reason"] in reasons)
    return [span for loss in losses for span in loss["spans"] if span[0] == inlet]
