"""Test pages: one label, receipt or page in the language of a printer. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime


def document(format_: str, printer: str, now: datetime) -> tuple[bytes, str]:
    """Return a test document for a media type, and what it is: a label, a receipt, or a page of text."""
    name = "".join(c for c in printer if c.isascii() and c.isprintable() and c not in "^~")[:40]
    moment = f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if "zpl" in format_:
        return (
            f"^XA^FO40,40^A0N,48,48^FDPrint Fabric^FS^FO40,104^A0N,32,32^FDTest label for {name}^FS"
            f"^FO40,148^A0N,28,28^FD{moment}^FS^FO40,196^BY2^BCN,80,Y,N,N^FDPF-TEST^FS^XZ\n"
        ).encode("ascii"), "label"
    text = f"Print Fabric\nTest page for {name}\n{moment}\n"
    if "escpos" in format_:
        return b"\x1b@" + text.encode("ascii") + b"\n\n\n\x1dVA\x03", "receipt"
    return text.encode("ascii") + b"\f", "page"


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """Yield a document as an upload wants it."""
    yield content
