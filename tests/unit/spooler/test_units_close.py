"""What gets a printer out of a unit of which it has only the beginning."""

from __future__ import annotations

import pytest

from spooler.units.escpos import EscPosSplitter
from spooler.units.pcl import UEL
from spooler.units.pjl_pcl import PjlPclSplitter
from spooler.units.splitter import NOTHING_OPEN, Close, Splitter
from spooler.units.text import TextSplitter
from spooler.units.whole import WholeSplitter
from spooler.units.zpl import ZplSplitter

_PJL = UEL + b"@PJL ENTER LANGUAGE=PCL\r\n"


@pytest.mark.parametrize(
    ("kind", "begun", "close"),
    [
        (ZplSplitter, b"^XA^FDhalf", Close(b"~JX", drops=True)),
        (ZplSplitter, b"^XA^FDwhole^XZ\n", Close(b"", drops=True)),
        (ZplSplitter, b"^XA^GFB,10,10,1,123", Close(bytes(7) + b"~JX", drops=True)),
        (ZplSplitter, b"~CT+^XA^FDhalf", Close(b"+JX", drops=True)),
        (EscPosSplitter, b"half", Close(b"\x1b@\x1dVB\x00")),
        (EscPosSplitter, b"\x1b@\x1bE\x01", Close(b"\x1b@", drops=True)),
        (EscPosSplitter, b"\x1dv0\x00\x02\x00\x02\x00\xff", Close(bytes(3) + b"\x1b@\x1dVB\x00")),
        (EscPosSplitter, b"half\x1dv0\x00", Close(bytes(16) + b"\x1b@\x1dVB\x00")),
        (PjlPclSplitter, _PJL + b"half", Close(UEL)),
        (PjlPclSplitter, _PJL + b"half\x1b*b9W123", Close(bytes(6) + UEL)),
        (PjlPclSplitter, b"\x1bEhalf a page", Close(b"\x1bE")),
        (PjlPclSplitter, _PJL + b"page\x0c" + UEL, NOTHING_OPEN),
        (TextSplitter, b"half", Close(b"\x0c")),
        (TextSplitter, b"half \x1b(0", None),
        (WholeSplitter, b"\x01\x02", None),
    ],
)
def test_the_close_is_the_languages_own_and_fills_what_was_counted_out(
    kind: type[Splitter], begun: bytes, close: Close | None
) -> None:
    splitter = kind()
    splitter.feed(begun)
    assert splitter.close() == close
