"""Where a printer stands that got a document up to some byte of a span, and what closes what it may have begun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from spooler import unit_scan
from spooler.documents import Documents
from spooler.job import Document, Job, Sender
from spooler.unit_scan import UnitScan
from spooler.units.splitter import Close

LABEL = b"^XA^FO30,30^FDlabel^FS^XZ\n"
PAGE = b"a page\r\n\x0c"
RECEIPT = b"\x1b@a receipt\n\n\x1dV\x00"
CUT, DROPPED, FED = b"\x1b@\x1dVB\x00", Close(b"~JX", drops=True), Close(b"\x0c")


class _OneDocument:
    """The documents of a store that has one."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self, number: int, offset: int, max_bytes: int) -> bytes:
        return self._data[offset : offset + max_bytes]

    async def read_small(self, numbers: Sequence[int]) -> dict[int, bytes]:
        return dict.fromkeys(numbers, self._data)


async def standing(data: bytes, start: int, end: int) -> unit_scan.Standing:
    job = Job(7, bytes(16), Document(size_bytes=len(data)), Sender("ann"), datetime.now(UTC))
    return await UnitScan(cast(Documents, _OneDocument(data))).standing(job, start, end)


@pytest.mark.parametrize("piece", [1 << 20, 40, 7])
@pytest.mark.parametrize(
    ("unit", "wanted"),
    [(LABEL, DROPPED.data), (PAGE, FED.data), (RECEIPT, CUT)],
    ids=["zpl", "text", "escpos"],
)
async def test_a_span_from_one_end_of_a_unit_to_another_may_end_amid_one_of_them(
    monkeypatch: pytest.MonkeyPatch, unit: bytes, wanted: bytes, piece: int
) -> None:
    monkeypatch.setattr(unit_scan, "PIECE_BYTES", piece)
    data, size = unit * 6, len(unit.rstrip(b"\n"))
    found = await standing(data, 0, len(unit) * 5 + size)
    assert found.unit == 6, "there is no seventh"
    one = await standing(data, len(unit) * 2 + size, len(unit) * 3 + size)
    for close in (found.close, one.close):
        assert close is not None
        assert close.data.lstrip(b"\0") == wanted, "zeros before it mean nothing"


async def test_one_byte_at_a_units_end_is_between_two_and_one_amid_it_is_not() -> None:
    data = PAGE * 3
    assert (await standing(data, len(PAGE), len(PAGE))).between
    amid = await standing(data, len(PAGE) + 3, len(PAGE) + 3)
    assert (amid.between, amid.close, amid.unit) == (False, FED, 2)


async def test_a_span_within_one_unit_is_closed_as_its_end_is() -> None:
    amid = await standing(LABEL * 3, len(LABEL) + 4, len(LABEL) + 9)
    assert (amid.close, amid.unit) == (DROPPED, 2)
