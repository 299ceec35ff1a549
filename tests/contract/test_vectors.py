"""Conformance: rows of Windows' own answers, replayed over gRPC on real processes (`make vectors`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contract.vectors.own import own_rows
from tests.contract.vectors.rows import Got, Row, Verdict, judge, like, read_rows, size_of
from tests.contract.vectors.run import replay, report

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "vectors.json"


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    """All rows, our own and the reference's, replayed once on one fabric."""
    rows = own_rows() + (read_rows(REFERENCE) if REFERENCE.exists() else [])
    return {one.row.id: one for one in asyncio.run(replay(rows))}


def _none_fails(found: Sequence[Verdict]) -> None:
    assert found
    failed = [one for one in found if one.result == "fails"]
    assert not failed, "\n" + report(failed)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_rows_made_from_the_rules_hold(verdicts: dict[str, Verdict]) -> None:
    _none_fails([one for name, one in verdicts.items() if name.startswith("OWN-")])


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
    on_purpose = judge(_row(win32=170, grpc="ABORTED", notes="one hold"), Got(170, "ABORTED"))
    assert (on_purpose.result, on_purpose.why) == ("differs", "one hold")
    assert judge(_row(out={"item": 3}), Got(0)).result == "fails"
    assert judge(_row(out={"item": 3}), Got(0, out={"item": 4})).result == "fails"
    assert judge(_row(out={"item": [3, 4]}), Got(0, out={"item": 4})).result == "holds"


def test_sizes_and_values_are_read_as_vectors_write_them() -> None:
    sizes = [size_of(text, 40) for text in (0, None, "N", "N-1", "needed+2", "len", "small", "plenty")]
    assert sizes == [0, None, 40, 39, 42, 40, 1, 296]
    assert all([like("<=260", 260), like("N", 1), like("non-zero", 5), like([3, 4], 4)])
    assert not any([like("<=260", 261), like("N", 0), like("non-zero", 0), like([3, 4], 5)])
