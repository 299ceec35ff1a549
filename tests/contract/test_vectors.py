"""Conformance: rows of Windows' own answers, replayed over gRPC on real processes (`make vectors`)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contract.vectors import __main__
from tests.contract.vectors.own import own_rows
from tests.contract.vectors.rows import BODY, Given, Got, Row, Verdict, judge, like, read_rows, size_of
from tests.contract.vectors.run import replay, report

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "vectors.json"


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    """All rows, our own and the reference's, replayed once on one fabric."""
    rows = own_rows() + (read_rows(REFERENCE) if REFERENCE.exists() else [])
    return {one.row.id: one for one in asyncio.run(replay(rows))}


def _none_fails(found: Sequence[Verdict]) -> None:
    """Check that no row fails, and that all of each was replayed."""
    assert found
    assert not [one.row.id for one in found if isinstance(one.row.input, Given) and one.row.input.ignored()]
    failed = [one for one in found if one.result == "fails"]
    assert not failed, "\n" + report(failed)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_rows_made_from_the_rules_hold(verdicts: dict[str, Verdict]) -> None:
    found = [one for name, one in verdicts.items() if name.startswith("OWN-")]
    _none_fails(found)
    assert all(one.result == "holds" for one in found)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_reference_row_holds_or_differs_on_purpose(verdicts: dict[str, Verdict]) -> None:
    if not REFERENCE.exists():
        missing = f"no reference vectors at {REFERENCE}: only our own rows were replayed"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    found = [one for name, one in verdicts.items() if not name.startswith("OWN-")]
    _none_fails(found)
    assert all(one.why for one in found if one.result == "differs"), "a difference without its reason"


def _row(**what: object) -> Row:
    fields: dict[str, object] = {
        "id": "T-1", "rule": "r", "function": "OpenPort", "command": None, "preconditions": (), "input": {},
        "native_ok": True, "native": (0,), "out": {}, "win32": 0, "grpc": "OK", "notes": "",
    }  # fmt: skip
    return Row(**(fields | what))  # type: ignore[arg-type]


def test_a_row_holds_differs_with_its_reason_or_fails() -> None:
    assert judge(_row(), Got(0)).result == "holds"
    assert judge(_row(), Got(87, "INVALID_ARGUMENT")).result == "fails"
    assert judge(_row(grpc="NOT_FOUND", win32=1796, native=(1796,)), Got(1796)).result == "fails"
    on_purpose = judge(_row(win32=170, grpc="ABORTED"), Got(170, "ABORTED"))
    assert on_purpose.result == "differs"
    assert "one hold" in on_purpose.why
    assert judge(_row(out={"item": 3}), Got(0)).result == "fails"
    assert judge(_row(out={"item": 3}), Got(0, out={"item": 4})).result == "fails"
    assert judge(_row(out={"item": [3, 4]}), Got(0, out={"item": 4})).result == "holds"


def test_a_difference_that_nothing_explains_fails_whatever_its_rule_is_called() -> None:
    asked = {"win32": 170, "grpc": "ABORTED", "function": "ReadPort", "rule": "a-rule-with-a-name"}
    assert judge(_row(**asked), Got(170, "ABORTED")).result == "fails"
    assert judge(_row(**asked, notes="fabric: refused"), Got(170, "ABORTED")).why == "fabric: refused"


def test_what_differs_is_compared_with_all_that_the_row_gives() -> None:
    refused = {"win32": 183, "grpc": "ALREADY_EXISTS", "function": "AddPortUI", "out": {"name": "new"}}
    assert judge(_row(**refused), Got(183, "ALREADY_EXISTS")).result == "differs"
    assert judge(_row(**refused), Got(183, "ALREADY_EXISTS", {"name": "new"})).result == "fails"
    both = _row(
        **(refused | {"native": (87,), "native_ok": False, "notes": "another code", "out": {"item": 1}})
    )
    assert judge(both, Got(183, "ALREADY_EXISTS", {"item": 2})).result == "fails"
    assert judge(both, Got(183, "ALREADY_EXISTS", {"item": 1})).result == "differs"


def test_a_row_that_asks_nothing_of_the_fabric_has_windows_answer() -> None:
    nothing = _row(win32=None, grpc="n/a", native=(1780, 0), native_ok=None)
    assert judge(nothing, Got(1780, "INVALID_ARGUMENT")).result == "holds"
    assert judge(nothing, Got(87, "INVALID_ARGUMENT")).result == "fails"


def test_the_bool_of_windows_is_compared_too() -> None:
    refused = _row(native_ok=False, native=())
    assert judge(refused, Got(0)).result == "fails"
    delivered = _row(function="XcvData (API)", native=(122,), win32=122, grpc=BODY)
    assert judge(delivered, Got(122)).result == "holds"
    assert judge(delivered, Got(122, "OUT_OF_RANGE")).result == "fails"


def test_an_input_that_nobody_looked_at_is_told() -> None:
    given = Given({"name": "COM1:", "colour": "blue", "sequence": "once"})
    assert given["name"] == "COM1:"
    assert given.ignored() == ["colour"]
    assert judge(_row(input=given), Got(0)).to_json()["ignored"] == ["colour"]
    assert dict(given)
    assert given.ignored() == []


def test_vectors_that_fail_fail_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def replayed(rows: Sequence[Row]) -> list[Verdict]:
        return [judge(row, Got(0)) for row in rows]

    monkeypatch.setattr(__main__, "replay", replayed)
    vector = {"id": "T-1", "function": "OpenPort", "expect": {"ok": True, "win32": [0]}}
    for code, wanted in ((0, 0), (1796, 1)):
        file = tmp_path / "vectors.json"
        file.write_text(json.dumps({"vectors": [{**vector, "fabric": {"win32": code, "grpc": "OK"}}]}))
        monkeypatch.setattr(
            sys, "argv", ["vectors", "--file", str(file), "--output", str(tmp_path / "out.json")]
        )
        assert __main__.main() == wanted


def test_sizes_and_values_are_read_as_vectors_write_them() -> None:
    sizes = [size_of(text, 40) for text in (0, None, "N", "N-1", "needed+2", "len", "small", "plenty")]
    assert sizes == [0, None, 40, 39, 42, 40, 1, 296]
    assert all([like("<=260", 260), like("N", 1), like("non-zero", 5), like([3, 4], 4)])
    assert not any([like("<=260", 261), like("N", 0), like("non-zero", 0), like([3, 4], 5)])
