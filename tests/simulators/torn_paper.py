"""When a piece of paper may be torn: the part of the independent count that looks at units of outcome `truncated`."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.simulators.grammar import END

if TYPE_CHECKING:
    from tests.simulators.bookkeeping import Books

Row = dict[str, Any]
# What makes no mark on paper in the languages of `lives.make_unit`.
_UNMARKED = re.compile(rb"(?:\x1b@|\s)*")


def check_torn(books: Books, units: list[Row]) -> None:
    """Check the torn pieces among `units`, which are all of the same bytes.

    One that is printed again was torn by a condition of its own; of the others there is one, the last. A piece of a unit
    that never came to its end has something on it, and was printed when it could be.
    """
    torn = [unit for unit in units if unit["outcome"] == "truncated"]
    again = Counter(unit["reason"].partition(";")[0] for unit in torn if "printed again" in unit["reason"])
    for condition, count in again.items():
        came = [e for e in _conditions(books) if e["condition"] == condition and e["on"]]
        assert count <= len(came), f"torn {count} times by {condition}, which came {len(came)} times"
    final = [unit for unit in torn if "printed again" not in unit["reason"]]
    assert len(final) <= 1, f"unit {units[0]['unit']} is torn for good more than once"
    assert all(unit is max(units, key=lambda each: each["unit"]) for unit in final), (
        "it goes on after its end"
    )
    for unit in final:
        whole = b"".join(books.streams[inlet][start:end] for inlet, start, end in unit["spans"])
        if END[books.personality].search(whole) is None:
            assert _UNMARKED.fullmatch(whole) is None, f"unit {unit['unit']} is a torn piece of {whole!r}"
            _check_it_could_move(books, unit)
            _check_nothing_was_before_it(books, unit)


def _check_it_could_move(books: Books, unit: Row) -> None:
    """A condition that has held from before its first byte until it came out has left it no time."""
    first = unit["spans"][0][0]
    began = next(e["time"] for e in books.events if e["event"] == "connected" and e["inlet"] == first)
    since: dict[str, float] = {}
    for event in _conditions(books):
        if event["on"] and event["time"] <= began:
            since[event["condition"]] = event["time"]
        elif not event["on"] and event["time"] < unit["time"]:
            since.pop(event["condition"], None)
    assert not since, f"unit {unit['unit']} came out in spite of {', '.join(since)}"


def _check_nothing_was_before_it(books: Books, unit: Row) -> None:
    """What the same sender had sent before it was out, or was lost, before it."""
    inlet, start, _ = unit["spans"][0]
    late = [
        u["unit"] for u in books.units if u["unit"] > unit["unit"] and _lies_before(u["spans"], inlet, start)
    ]
    assert not late, f"unit {unit['unit']} came out before {late}, which were sent before it"
    for loss in books.losses:
        read = [span for span in loss["spans"] if span not in loss["unread"]]
        assert loss["time"] < unit["time"] or not _lies_before(read, inlet, start), (
            f"unit {unit['unit']} came out before what was lost then: {loss}"
        )


def _lies_before(spans: list[list[int]], inlet: int, start: int) -> bool:
    return any(span[0] == inlet and span[2] <= start for span in spans)


def _conditions(books: Books) -> list[Row]:
    return [event for event in books.events if event["event"] == "condition"]
