"""Documents as other people's libraries make them, through a language monitor: they arrive byte by byte and are confirmed."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from portmon.document import Evidence
from portmon.languages.escpos import Escpos
from portmon.languages.zpl import Zpl
from tests.contract.language_bench import kept, language_bench


def escpos_receipt(number: int) -> bytes:
    """Return a receipt with text, an image, a QR code and a bar code, by python-escpos."""
    receipt = import_module("escpos.printer").Dummy()
    receipt.text(f"Receipt {number:05d}\n")
    receipt.qr(f"https://example.org/{number}")
    receipt.barcode("4006381333931", "EAN13")
    receipt.image(Image.new("1", (64, 64)))
    receipt.cut()
    return bytes(receipt.output)


@pytest.mark.parametrize(
    ("pipe", "proof"), [(False, Evidence.ESCPOS), (True, Evidence.ESCPOS_ANSWERED)], ids=["tcp", "pty"]
)
async def test_receipts_of_python_escpos_are_answered_one_by_one(
    tmp_path: Path, pipe: bool, proof: Evidence
) -> None:
    file = tmp_path / "arrived"
    async with language_bench(
        tmp_path, Escpos, "escpos", pipe=pipe, units_per_second=50, keep_bytes=str(file)
    ) as bench:
        await bench.open()
        for number in range(1, 6):
            found = await bench.print(escpos_receipt(number))
            assert (found.error, found.evidence) == (None, proof)
            assert len(bench.printer.record.units) == number
        assert [unit.serial for unit in bench.printer.record.units] == [f"{n:05d}" for n in range(1, 6)]
    for number in range(1, 6):
        assert escpos_receipt(number) in kept(file)


async def test_labels_of_simple_zpl_are_confirmed_by_the_counter(tmp_path: Path) -> None:
    with warnings.catch_warnings():  # its source has an escape that compiling it warns of
        warnings.simplefilter("ignore")
        zpl = import_module("simple_zpl2").ZPLDocument
    labels = b""
    for number in range(4):
        label = zpl()
        label.add_field_origin(20, 20)
        label.add_field_data(f"Label {number:05d}")
        labels += label.zpl_bytes
    file = tmp_path / "arrived"
    async with language_bench(tmp_path, Zpl, "zpl", units_per_second=50, keep_bytes=str(file)) as bench:
        await bench.open()
        found = await bench.print(labels)
        assert (found.error, found.evidence, found.confirmed) == (None, Evidence.ZPL, len(labels))
        assert len(bench.printer.record.units) == 4
    assert labels in kept(file)
