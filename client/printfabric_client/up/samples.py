"""The first print: a strip of labels with a token, and the paper on which it came out."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

SAMPLE_LABELS = 5


def sample_labels(token: str) -> list[bytes]:
    """Return a strip of labels, a document each, with `token` and a number on them."""
    now, rings = _now(), _rings()
    return [
        (
            f"^XA^PW812^LL406^FO40,30^A0N,60,60^FDPrint Fabric^FS^FO40,110^A0N,32,32^FD{now}^FS"
            f"^FO40,160^A0N,32,32^FDlabel {number} of {SAMPLE_LABELS}^FS"
            f"^FO40,220^BY2^BCN,100,Y,N,N^FD{token}-{number}^FS^FO520,60{rings}^FS^XZ\n"
        ).encode()
        for number in range(1, SAMPLE_LABELS + 1)
    ]


def _now() -> str:
    return datetime.now(tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _rings() -> str:
    """Return a drawing of rings as a ZPL graphic, 256 x 256 dots: something to send and to look at."""
    half, row_bytes = 128, 32
    rows = []
    for y in range(-half, half):
        dots = (
            1 if (x * x + y * y) ** 0.5 < half and int((x * x + y * y) ** 0.5) % 16 < 6 else 0
            for x in range(-half, half)
        )
        rows.append(f"{int(''.join(map(str, dots)), 2):0{row_bytes * 2}X}")
    total = row_bytes * len(rows)
    return f"^GFA,{total},{total},{row_bytes},{''.join(rows)}"


async def find_paper(paper: Path, printer: str, token: str, patience_s: float = 5.0) -> Path | None:
    """Return the text of the unit on which `token` came out; the picture lies beside it. None: it did not."""
    end = time.monotonic() + patience_s
    folder = paper / printer / "printed"
    while True:
        # Newest first: there may be many by now.
        for file in sorted(folder.glob("*.txt"), reverse=True):
            # The picture comes last.
            if file.with_suffix(".png").exists() and token in file.read_text("utf-8", "replace"):
                return file
        if time.monotonic() > end:
            return None
        await asyncio.sleep(0.05)
