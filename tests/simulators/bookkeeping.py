"""An independent count: the bytes that went over the wire against the record's claims, in both directions.

Nothing of the simulator is used here: units and events are read from the files it left, bytes come from the test's own
recorder, and the units in them are found by the small grammar below. The languages are those that `lives.make_unit` writes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from tests.simulators.grammar import EJECTED, END, GAP, INK, OPEN, SERIAL, WHOLE, copies_of
from tests.simulators.promises import NEVER_TAKEN, check_promises
from tests.simulators.torn_paper import check_torn
from tests.simulators.undisturbed import check_undisturbed, only_whole

Row = dict[str, Any]
# Faults that throw input away, or break a connection so that a sender must begin somewhere again.
DESTROYING = ("reset", "fin=drop", "power-cut", "reboot")
BREAKING = (*DESTROYING, "fin", "device-gone", "accept-close")
# Losses that only such a fault explains; all others are of bytes that are no whole unit.
DESTROYED = ("thrown away", *NEVER_TAKEN, "power-cut", "reboot")
# A line of which something was thrown away goes on with a piece of a unit.
MAIMED = (
    "its beginning was thrown away",
    "its beginning came while the power was off",
    "came while the power was off",
)
# Or the end of the test, if a sender has been accepted late.
STOPPED = "the simulator was stopped"
LOSSES = ("discarded", "cancelled", "overrun")


class Piece(NamedTuple):
    """A span of one inlet."""

    inlet: int
    start: int
    end: int


class Books:
    """The record of one life, read from its folder, and what the wire brought: `sent` by sender, `streams` by inlet.

    And what the printer has promised: senders that were `answered`, as having been heard to the end, and inlets of jobs that
    it calls `completed`.
    """

    def __init__(
        self,
        personality: str,
        folder: Path,
        sent: dict[str, bytes],
        answered: Collection[str] = (),
        completed: Collection[int] = (),
    ) -> None:
        self.personality = personality
        self.units = _rows(folder / "units.jsonl")
        self.events = _rows(folder / "events.jsonl")
        connected = [event for event in self.events if event["event"] == "connected"]
        self.streams = {event["inlet"]: sent.get(event["peer"], b"") for event in connected}
        self.answered = [event["inlet"] for event in connected if event["peer"] in answered]
        self.completed = completed
        over = [event for event in self.events if event["event"] == "disconnected"]
        self.ended = {event["inlet"]: event["how"] for event in over}
        self.until = {
            event["inlet"]: event["received"] for event in over
        }  # more may have come, and was refused
        self.losses = [event for event in self.events if event["event"] in LOSSES]
        # A format without a field, a cut or feeds without a word: what no sender meant for paper, and is told all the same.
        self.blank = [event for event in self.events if event["event"] == "nothing to print"]
        self.struck = [event["fault"] for event in self.events if event["event"] == "fault"]
        self.damage = [
            Piece(e["inlet"], e["at"], e["at"] + e["bytes"])
            for e in self.events
            if e["event"] == "bytes damaged"
        ]
        self.arrived: dict[int, int] = {}  # how far each inlet came
        self.made: dict[tuple[Piece, ...], list[Row]] = defaultdict(list)
        for unit in self.units:
            self.made[tuple(Piece(*span) for span in unit["spans"])].append(unit)

    def bytes_of(self, pieces: tuple[Piece, ...] | list[Piece]) -> bytes:
        """Return what the wire brought there."""
        return b"".join(self.streams[inlet][start:end] for inlet, start, end in pieces)

    def broke(self, actions: tuple[str, ...] = BREAKING) -> bool:
        """Say whether one of these faults has struck."""
        return any(fault.startswith(actions) for fault in self.struck)

    def hurt(self, pieces: tuple[Piece, ...] | list[Piece]) -> bool:
        """Say whether the line has damaged a byte there, as the record claims."""
        return any(
            d.inlet == p.inlet and d.start < p.end and p.start < d.end for d in self.damage for p in pieces
        )


def check(books: Books, received: int) -> None:
    """Compare the record with the wire; `received` is how many bytes the printer says have arrived."""
    books.arrived = _arrived(books)
    assert sum(books.arrived.values()) == received, "bytes that are in nobody's account"
    _every_byte_is_in_one_place(books)
    assert [unit["unit"] for unit in books.units] == list(range(1, len(books.units) + 1))
    for pieces, units in books.made.items():
        _check_unit(books, pieces, units)
    _check_losses(books)
    _check_blank(books)
    _check_duplicates(books)
    check_promises(books)
    in_order = all(how == "fin" for how in books.ended.values()) and not books.broke()
    # A sender that gave up may be accepted when the test is over.
    late = books.broke(("accept-late",)) and any(loss.get("reason") == STOPPED for loss in books.losses)
    if in_order and not late and all(only_whole(books, stream) for stream in books.streams.values()):
        check_undisturbed(books)


def _arrived(books: Books) -> dict[int, int]:
    """Return how far each inlet came; all the wire brought, where nobody broke off."""
    arrived = dict(books.until)
    untold = [loss for loss in books.losses if "spans" not in loss or "reason" not in loss]
    assert untold == [], "it is not said which bytes were lost, or why"
    claims = [span for row in (*books.units, *books.losses, *books.blank) for span in row["spans"]]
    for inlet, _, end in claims:
        arrived[inlet] = max(arrived[inlet], end)
    for inlet, size in arrived.items():
        brought = len(books.streams[inlet])
        assert size <= brought, f"inlet {inlet}: {size} bytes are said to have arrived of {brought}"
        # A FIN that a fault has sent is no orderly end of the sender's.
        if books.ended[inlet] == "fin" and not books.broke(tuple(set(BREAKING) - {"fin"})):
            left = brought - books.until.get(inlet, 0)
            assert left == 0, f"inlet {inlet}: {left} bytes of an orderly sender are not told"
    return arrived


def _every_byte_is_in_one_place(books: Books) -> None:
    """A byte that arrived is in one unit, or told as lost once, or between units; none is left inside at the end."""
    for inlet, size in books.arrived.items():
        told = sorted(
            (piece.start, piece.end)
            for row in (*books.made, *(told["spans"] for told in (*books.losses, *books.blank)))
            for piece in (Piece(*span) for span in row)
            if piece.inlet == inlet
        )
        position = 0
        for start, end in [*told, (size, size)]:
            assert start < end or start == size, "an empty span"
            assert position <= start, f"inlet {inlet}: bytes {start} to {position} are in two places"
            gap = [Piece(inlet, position, start)]
            assert _is_wordless(books, gap[0]), f"nobody tells of {books.bytes_of(gap)!r}, {gap}"
            position = end


def _is_wordless(books: Books, gap: Piece) -> bool:
    """Say whether a gap between units says nothing; a damaged byte excuses the command around it, and no more."""
    hits = sorted(d for d in books.damage if d.inlet == gap.inlet and d.start < gap.end and gap.start < d.end)
    starts, ends = [gap.start, *(d.end for d in hits)], [*(d.start for d in hits), gap.end]
    around = [books.bytes_of([Piece(gap.inlet, *ends)]) for ends in zip(starts, ends, strict=True)]
    return all(
        GAP[books.personality].fullmatch(text) or (hits and len(text.strip()) < len(b"~HI"))
        for text in around
    )


def _check_unit(books: Books, pieces: tuple[Piece, ...], units: list[Row]) -> None:
    """One making of paper: its bytes, its copies, and whether it is what it is called."""
    whole = books.bytes_of(pieces)
    hurt = books.hurt(pieces)
    inlets = [piece.inlet for piece in pieces]
    for unit in units:
        assert unit["bytes"] == len(whole)
        assert hurt or unit["sha256"] == hashlib.sha256(whole).hexdigest(), "the hash is not of these bytes"
        owner = [e["inlet"] for e in books.events if e["event"] == "job" and e["job"] == unit["job"]]
        assert owner == [inlets[-1]], f"job {unit['job']} is none of inlet {inlets[-1]}"
        if (found := SERIAL.search(whole)) and not hurt and len(pieces) == 1:
            assert unit["serial"] == found[1].decode(), f"serial {unit['serial']}, and it reads {found[1]!r}"
        assert hurt or (unit["serial"] or "").encode() in whole, f"serial {unit['serial']} is nowhere in it"
    check_torn(books, units)
    out = [unit for unit in units if unit["outcome"] != "truncated"]
    asked = [unit["copy"] for unit in out]
    assert asked == list(range(1, len(out) + 1)), f"copies {asked} of {pieces}"
    assert len(out) <= copies_of(whole), "more copies than were asked for"
    broken = any(books.ended.get(inlet, "") != "fin" for inlet in inlets if inlet != inlets[-1])
    joined = any(a.inlet == b.inlet and a.end != b.start for a, b in itertools.pairwise(pieces))
    at_end = pieces[-1].end == books.until[inlets[-1]] and books.ended[inlets[-1]] != "fin"
    cut_off = at_end and OPEN[books.personality].fullmatch(whole) is None
    for unit in out:
        if hurt or broken or joined or cut_off:
            assert unit["outcome"] == "garbled", f"unit {unit['unit']} is no unit that anybody sent: {pieces}"
            continue
        maimed = unit["reason"] in MAIMED
        assert unit["outcome"] == "printed" or maimed, unit
        # A command that one sender has left half and another half completes is no command.
        read = b"|".join(books.bytes_of([piece]) for piece in pieces)
        patterns = _what_may_be_a_unit(books, pieces, maimed)
        assert any(pattern.fullmatch(read) for pattern in patterns), f"{read!r} is not one unit"


def _what_may_be_a_unit(books: Books, pieces: tuple[Piece, ...], maimed: bool) -> list[re.Pattern[bytes]]:
    """Return the patterns of a unit with nothing against it: a fragment only where a sender began or stopped in one."""
    first, last = pieces[0], pieces[-1]
    ejected = [EJECTED[books.personality]] if books.personality in EJECTED else []
    if maimed or first.start == 0 or len({piece.inlet for piece in pieces}) > 1:
        return [OPEN[books.personality], *ejected]
    stopped = last.end == books.until.get(last.inlet)
    return [WHOLE[books.personality], *(ejected if stopped else [])]


def _check_losses(books: Books) -> None:
    """What is told as lost is counted right; a whole unit is lost by nothing but a fault that destroys."""
    missing = 0
    for units in books.made.values():
        whole = books.bytes_of([Piece(*span) for span in units[0]["spans"]])
        # A torn piece that is not to be printed again was its copy.
        done = max(unit["copy"] - ("printed again" in unit["reason"]) for unit in units)
        missing += max(0, copies_of(whole) - done)
    told = sum(loss.get("copies", 0) for loss in books.losses)
    assert missing == told, f"{missing} copies are missing, {told} are told"
    for loss in books.losses:
        pieces = [Piece(*span) for span in loss["spans"]]
        assert loss["bytes"] == sum(piece.end - piece.start for piece in pieces)
        _check_units_lost(books, loss, pieces)
        if loss.get("reason") in DESTROYED:
            assert books.broke(), f"{loss['reason']} without a cause"
        elif loss.get("reason") != STOPPED and not books.hurt(pieces):
            for piece in pieces:
                lost = books.bytes_of([piece])
                found = WHOLE[books.personality].search(lost)
                inked = found is not None and INK.search(found[0]) is not None
                assert not inked or not _begins_clean(books, piece, found.start() if found else 0), loss


def _check_units_lost(books: Books, loss: Row, pieces: list[Piece]) -> None:
    """Finished units are counted, and no others: neither a torn one nor what lies in a buffer that nobody has read."""
    unread = [Piece(*span) for span in loss["unread"]]
    assert not Counter(unread) - Counter(pieces), "bytes are said to be unread that are not said to be lost"
    read = list((Counter(pieces) - Counter(unread)).elements())
    if books.hurt(read) or loss["reason"] == "nothing to print":  # two halves without a field between them
        return
    ends = len(END[books.personality].findall(books.bytes_of(read)))
    # A UEL ends a page as well, and is in no span.
    assert loss["units"] == ends or (books.personality == "pjl" and ends <= loss["units"] <= len(read)), (
        f"{loss['units']} units are said to be lost, {ends} are: {loss}"
    )


def _check_blank(books: Books) -> None:
    """What is said to have nothing on it has nothing on it, and is what one sender sent."""
    for event in books.blank:
        pieces = [Piece(*span) for span in event["spans"]]
        assert INK.search(books.bytes_of(pieces)) is None, f"called nothing: {books.bytes_of(pieces)!r}"
        assert len({piece.inlet for piece in pieces}) == 1, f"nothing, of two senders: {event}"
        assert not books.hurt(pieces), f"nothing, and damaged: {event}"


def _begins_clean(books: Books, piece: Piece, at: int) -> bool:
    """Say whether the unit found at `at` of a lost piece is a whole one, not the end of one begun before."""
    if books.personality == "zpl":
        return True
    return piece.start + at == 0 or at > 0


def _check_duplicates(books: Books) -> None:
    first: dict[tuple[str, int], Row] = {}
    for unit in books.units:
        if unit["outcome"] != "truncated":
            known = first.setdefault((unit["sha256"], unit["copy"]), unit)
            expected = None if known["spans"] == unit["spans"] else known["unit"]
            assert unit["duplicate_of"] == expected


def _rows(path: Path) -> list[Row]:
    return [json.loads(row) for row in path.read_text().splitlines()]
