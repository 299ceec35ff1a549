"""The proof is worth something: a record with a lie in it does not pass."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from printfabric_sim import SimulatedPrinter
from tests.simulators.bookkeeping import Books, check
from tests.simulators.lives import Life, completed, live, make_unit, plug_of

Rows = list[dict[str, Any]]
Lie = Callable[[Rows, Rows], None]


# Lives with something in them to lie about: torn, garbled, doubled and lost units; copies; nothing at all.
LIVES = {
    "hard": ("tcp", "escpos", 1, "reset=keep@byte:777; power-cut=0.02@start:14; reset@unit:20"),
    "copies": ("tcp", "zpl", 2, "power-cut=0.02@start:9; jam=0.02@start:12; reset@unit:20"),
    "orderly": ("tcp", "zpl", 1, ""),
    "promised": ("ipp", "zpl", 1, "power-cut=0.02@start:9"),
    "taken": ("lpd", "zpl", 1, "power-cut=0.02@start:9"),
    "closed": ("tcp", "escpos", 1, "fin@byte:777"),
    # The first byte of the second label: all of the label means nothing.
    "noisy": ("rfc2217", "zpl", 1, f"noise=1@byte:{len(make_unit('zpl', 0, 100, 1))}"),
}


class Honest:
    """A life as it was recorded."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        self.kind, self.personality, self.copies, self.faults = LIVES[name]
        asyncio.run(self._live())

    async def _live(self) -> None:
        units = [make_unit(self.personality, n, 100, self.copies) for n in range(20)]
        life = Life(
            self.kind,
            units,
            self.copies,
            self.faults,
            77,
            10**6,
            300,
            2048,
            1,
            patience_s=10,
            tries=20,
            clear=False,
        )
        printer = SimulatedPrinter(
            self.personality,
            units_per_second=life.rate,
            faults=life.faults,
            buffer_bytes=life.buffer_bytes,
            record_dir=self.folder,
        )
        printer.connect(lambda core: plug_of(self.kind, core))
        await printer.start()
        try:
            self.passed = await live(printer, life)
        finally:
            await printer.stop()
        self.completed = completed(printer)
        self.received = printer.core.intake.received

    def check(self, folder: Path, lie: Lie | None = None) -> None:
        """Check the record, or what becomes of it when somebody lies."""
        shutil.copytree(self.folder, folder)
        if lie is not None:
            paths = folder / "units.jsonl", folder / "events.jsonl"
            units, events = ([json.loads(row) for row in path.read_text().splitlines()] for path in paths)
            before = json.dumps([units, events])
            lie(units, events)
            assert json.dumps([units, events]) != before, "no lie"
            for path, rows in zip(paths, (units, events), strict=True):
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        check(Books(self.personality, folder, *self.passed, self.completed), self.received)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return {name: Honest(name, tmp_path_factory.mktemp(name)) for name in LIVES}


def _first(rows: Rows, **facts: Any) -> dict[str, Any]:
    return next(row for row in rows if all(row.get(key) == value for key, value in facts.items()))


def leave_out_a_unit(units: Rows, events: Rows) -> None:
    spans = units[3]["spans"]
    units[:] = [unit for unit in units if unit["spans"] != spans]


def leave_out_the_last_copy(units: Rows, events: Rows) -> None:
    units.remove(next(unit for unit in reversed(units) if unit["copy"] == 2))


def print_one_copy_too_many(units: Rows, events: Rows) -> None:
    units.append({**units[1], "unit": len(units) + 1, "copy": 3})


def print_a_unit_twice(units: Rows, events: Rows) -> None:
    units.append({**units[0], "unit": len(units) + 1})


def print_what_never_came(units: Rows, events: Rows) -> None:
    units[-1]["spans"][-1][2] += 5000


def call_garbled_clean(units: Rows, events: Rows) -> None:
    _first(units, outcome="garbled").update(outcome="printed", reason="")


def call_clean_garbled(units: Rows, events: Rows) -> None:
    _first(units, outcome="printed").update(outcome="garbled", reason="who knows")


def read_another_serial(units: Rows, events: Rows) -> None:
    units[0]["serial"] = "99999"


def read_another_serial_of_a_garbled_unit(units: Rows, events: Rows) -> None:
    _first(units, outcome="garbled")["serial"] = "99999"


def read_another_serial_of_a_torn_unit(units: Rows, events: Rows) -> None:
    _first(units, outcome="truncated")["serial"] = "99999"


def tear_a_unit_twice(units: Rows, events: Rows) -> None:
    torn = next(unit for unit in units if unit["outcome"] == "truncated")
    _insert(units, torn)


def tear_a_unit_twice_that_is_printed_again(units: Rows, events: Rows) -> None:
    _insert(units, next(unit for unit in units if "printed again" in unit["reason"]))


def hide_where_the_loss_was(units: Rows, events: Rows) -> None:
    del next(event for event in events if event.get("spans"))["spans"]


def call_a_fin_of_the_printer_the_senders(units: Rows, events: Rows) -> None:
    _first(events, event="disconnected", how="closed")["how"] = "fin"
    call_garbled_clean(units, events)


def _insert(units: Rows, again: dict[str, Any]) -> None:
    """Record a piece of paper a second time, right behind the first, and count on from there."""
    units.insert(units.index(again), dict(again))
    for number, unit in enumerate(units, 1):
        if unit["duplicate_of"] is not None and unit["duplicate_of"] > again["unit"]:
            unit["duplicate_of"] += 1
        unit["unit"] = number


def name_another_job(units: Rows, events: Rows) -> None:
    units[0]["job"] = 77


def hash_something_else(units: Rows, events: Rows) -> None:
    units[0]["sha256"] = units[-1]["sha256"]


def hide_a_duplicate(units: Rows, events: Rows) -> None:
    next(unit for unit in units if unit["duplicate_of"])["duplicate_of"] = None


def hide_a_loss(units: Rows, events: Rows) -> None:
    events.remove(next(event for event in events if event.get("spans")))


def count_a_loss_wrong(units: Rows, events: Rows) -> None:
    next(event for event in events if event.get("spans"))["bytes"] -= 1


def call_a_printed_unit_lost(units: Rows, events: Rows) -> None:
    gone = [unit for unit in units if unit["spans"] == units[0]["spans"]]
    units[:] = [unit for unit in units if unit not in gone]
    events.append({"event": "discarded", "inlet": 1, "reason": "outside a format", "units": 1, "copies": 0,
                   "spans": gone[0]["spans"], "bytes": gone[0]["bytes"], "unread": []})  # fmt: skip


def lose_what_was_promised(units: Rows, events: Rows) -> None:
    gone = units.pop()
    reason = "came while the power was off"
    events.append({"event": "discarded", "inlet": gone["spans"][0][0], "reason": reason, "units": 1, "copies": 0,
                   "spans": gone["spans"], "bytes": gone["bytes"], "unread": []})  # fmt: skip


def lose_what_was_completed(units: Rows, events: Rows) -> None:
    lose_what_was_promised(units, events)
    events[-1]["reason"] = "power-cut"


def count_a_lost_unit_too_many(units: Rows, events: Rows) -> None:
    next(event for event in events if event.get("spans"))["units"] += 1


def call_a_read_unit_unread(units: Rows, events: Rows) -> None:
    loss = next(event for event in events if event.get("units"))
    loss["unread"] = loss["spans"]


def forget_that_copies_were_lost(units: Rows, events: Rows) -> None:
    for event in events:
        event.pop("copies", None)


def understate_what_came(units: Rows, events: Rows) -> None:
    _first(events, event="disconnected", how="fin")["received"] -= 50


LIES: list[tuple[str, Lie]] = [
    *(("hard", lie) for lie in (
        leave_out_a_unit, print_a_unit_twice, print_what_never_came, call_garbled_clean, call_clean_garbled,
        read_another_serial, name_another_job, hash_something_else, hide_a_duplicate, hide_a_loss, count_a_loss_wrong,
        read_another_serial_of_a_garbled_unit, read_another_serial_of_a_torn_unit, tear_a_unit_twice,
        hide_where_the_loss_was, count_a_lost_unit_too_many,
    )),
    *(("copies", lie) for lie in (
        leave_out_a_unit, leave_out_the_last_copy, print_one_copy_too_many, call_a_printed_unit_lost,
        forget_that_copies_were_lost, hide_a_loss, tear_a_unit_twice, tear_a_unit_twice_that_is_printed_again,
        call_a_read_unit_unread,
    )),
    ("promised", lose_what_was_completed),
    *((life, lose_what_was_promised) for life in ("promised", "taken")),
    ("closed", call_a_fin_of_the_printer_the_senders),
    ("noisy", hide_a_loss),
    *(("orderly", lie) for lie in (leave_out_a_unit, understate_what_came, call_a_printed_unit_lost)),
]  # fmt: skip


def test_honest_records_pass(honest, tmp_path):
    for name, life in honest.items():
        life.check(tmp_path / name)
    units = (honest["hard"].folder / "units.jsonl").read_text()
    assert all(f'"{outcome}"' in units for outcome in ("printed", "garbled", "truncated"))


@pytest.mark.parametrize(("life", "lie"), LIES, ids=lambda each: getattr(each, "__name__", each))
def test_a_record_that_lies_does_not_pass(honest, tmp_path, life, lie):
    with pytest.raises(AssertionError):
        honest[life].check(tmp_path / "copy", lie)
