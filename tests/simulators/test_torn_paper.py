"""Only what can have been printed comes out torn, and the independent count knows it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from printfabric_sim.inlet import NoLink
from tests.simulators.bookkeeping import Books
from tests.simulators.torn_paper import check_torn
from tests.simulators.virtual_time import printer_of, run

CUT = b"\n\x1dV\x00"
RECEIPT, PAGE = b"Receipt no 00001\nmilk\n", b"page no 00001\nmilk\n"
DLE_ENQ_2 = b"\x10\x05\x02"
STOPPING = ["media-out", "cover-open", "jam", "cutter", "pause"]


def torn(personality: str, *pieces: bytes, faults: str = "", end: str = "power-cut", **how: Any) -> list[Any]:
    """Feed a printer piece by piece, half a second apart, and let `end` strike; return what came out: unit and outcome."""

    async def life() -> list[Any]:
        async with printer_of(personality, faults=faults, **how) as printer:
            inlet = printer.core.open_inlet("test", "test", NoLink())
            for piece in pieces:
                printer.core.feed(inlet, piece)
                await asyncio.sleep(0.5)
            printer.fault(end) if end in ("power-cut", "jam") else printer.core.end(inlet, end, drop=True)
            units = [(unit.bytes, unit.outcome.value) for unit in printer.record.units]
            paper = sum(size for size, _ in units)
            told = sum(event["bytes"] for event in printer.record.events if "bytes" in event)
            assert paper + told == len(b"".join(pieces).replace(DLE_ENQ_2, b""))
            return units

    return run(life())


@pytest.mark.parametrize("end", ["power-cut", "reset"])
@pytest.mark.parametrize(("personality", "half"), [("escpos", RECEIPT), ("plain", PAGE)])
def test_half_a_unit_that_is_on_paper_comes_out_torn(personality, half, end):
    assert torn(personality, half, end=end) == [(len(half), "truncated")]


@pytest.mark.parametrize("stop", STOPPING)
@pytest.mark.parametrize(("personality", "half"), [("escpos", RECEIPT), ("plain", PAGE)])
def test_a_stopped_printer_has_no_torn_piece_to_give(personality, half, stop):
    assert torn(personality, half, faults=stop) == []


def test_what_was_printed_before_the_printer_stopped_is_on_paper():
    assert torn("escpos", RECEIPT, b"bread\n", faults="media-out@time:0.2") == [(28, "truncated")]


def test_what_waited_for_paper_is_printed_when_there_is_some():
    assert torn("escpos", RECEIPT, b"bread\n", faults="media-out=0.7") == [(28, "truncated")]


@pytest.mark.parametrize("settings", [b"\x1b@\x1ba\x01", b"\x1b@\n\n"])
@pytest.mark.parametrize("end", ["power-cut", "reset"])
def test_settings_without_ink_are_no_paper(settings, end):
    assert torn("escpos", settings, end=end) == []


def test_an_empty_line_of_a_page_is_no_paper():
    assert torn("plain", b"\n\n") == []


def test_what_stands_behind_a_unit_in_the_path_does_not_come_out_before_it():
    three = [b"Receipt no 00001" + CUT + b"Receipt no 00002" + CUT, b"Receipt no 00003\nhalf"]
    assert torn("escpos", *three, units_per_second=0.5, path_depth=4) == [(20, "truncated")]


def test_dle_enq_2_behind_settings_tears_nothing():
    assert torn("escpos", b"\x1b@", DLE_ENQ_2, end="jam") == []


# The count by itself: records by hand.

SENT = b"Receipt no 00001" + CUT + b"Receipt no 00002\nhalf" + b"\x1b@"
HALF = [1, 20, 41]


def books_of(folder: Path, units: list[dict[str, Any]], events: list[dict[str, Any]]) -> Books:
    """Return the books of a life of one sender."""
    connected = {"event": "connected", "inlet": 1, "peer": "a", "time": 10.0}
    for name, rows in (("units", units), ("events", [connected, *events])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Books("escpos", folder, {"a": SENT})


def piece(number: int, spans: list[int], time: float, outcome: str = "truncated") -> dict[str, Any]:
    return {"unit": number, "outcome": outcome, "spans": [spans], "reason": "power-cut", "time": time}


def condition(name: str, on: bool, time: float) -> dict[str, Any]:
    return {"event": "condition", "condition": name, "on": on, "time": time}


def lost(span: list[int], time: float) -> dict[str, Any]:
    return {"event": "cancelled", "spans": [span], "unread": [], "time": time}


HONEST = {
    "behind a whole one": ([piece(1, [1, 0, 20], 11, "printed"), piece(2, HALF, 12)], []),
    "the condition was over": ([piece(1, HALF, 12)], [condition("media-out", True, 9), condition("media-out", False, 11)]),
    "the condition came later": ([piece(1, HALF, 12)], [condition("pause", True, 11)]),
    "lost long ago": ([piece(1, HALF, 12)], [lost([1, 0, 20], 11)]),
}  # fmt: skip
LIES = {
    "without media": ([piece(1, HALF, 12)], [condition("media-out", True, 9)]),
    "before what was before it": ([piece(1, HALF, 12), piece(2, [1, 0, 20], 12)], []),
    "over what was lost with it": ([piece(1, HALF, 12)], [lost([1, 0, 20], 12)]),
    "of nothing": ([piece(1, [1, 41, 43], 12)], []),
}


@pytest.mark.parametrize("name", HONEST)
def test_the_count_accepts_a_torn_piece_that_can_be(tmp_path, name):
    books = books_of(tmp_path, *HONEST[name])
    check_torn(books, [unit for unit in books.units if unit["outcome"] == "truncated"])


@pytest.mark.parametrize("name", LIES)
def test_the_count_rejects_a_torn_piece_that_cannot_be(tmp_path, name):
    books = books_of(tmp_path, *LIES[name])
    with pytest.raises(AssertionError):
        check_torn(books, books.units[:1])
