"""The wire: what passes through a port, live, as lines of text. Bytes are customers' data: it is asked for, and written down."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chassis.errors import FabricError
from portui.model_answers import Moment
from portui.web.changes import sentence
from portui.web.moments import stamp
from portui.web.rendering import console_of

_WIDTH = 16
SIGNALS = ("RTS", "CTS", "DTR", "DSR", "DCD", "RI")
_BYTES = {"out": "TX", "in": "RX"}
_MARKS = {"out": "→ out", "in": "← in ", "event": "· ctl"}


async def wire(request: Request) -> Response:
    """Stream the wire of a port; it ends when the browser goes, or with the reason why it cannot be shown."""
    name = f"hosts/{request.path_params['host']}/ports/{request.path_params['port']}"
    printing = console_of(request).printing
    mask = request.query_params.get("mask") == "1"

    async def events() -> AsyncIterator[bytes]:
        try:
            async for moment in printing.wire(name, mask=mask):
                yield b"data: " + json.dumps(list(lines(moment))).encode() + b"\n\n"
                yield b"event: line\ndata: " + json.dumps(lamps(moment)).encode() + b"\n\n"
        except FabricError as error:
            yield b"event: ended\ndata: " + json.dumps(sentence(error)).encode() + b"\n\n"
        else:
            yield b'event: ended\ndata: "The recorder ended."\n\n'

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


def lamps(moment: Moment) -> dict[str, str]:
    """Return what a moment tells of a serial line's lamps, by signal: `on`, `off`, or when bytes last went that way."""
    clock = stamp(moment.time)
    if moment.direction in _BYTES:
        return {_BYTES[moment.direction]: clock}
    return {name: "on" if name in moment.signals else "off" for name in SIGNALS if moment.signals}


def lines(moment: Moment) -> Iterator[tuple[str, str, str]]:
    """Yield a moment as (class, line, annotation), sixteen bytes a line; the annotation stands at the last one.

    A line begins with its time, RFC 3339 to the millisecond, which the page's script puts into the zone of who looks.
    """
    clock = f"{moment.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" if moment.time else " " * 12
    kind = moment.direction if moment.direction in _MARKS else "event"
    head = f"{clock}  {_MARKS[kind]}  "
    shown = "ctl" if kind == "event" else kind
    if moment.skipped:
        yield "ctl", head + f"{moment.skipped} bytes are not shown", ""
    pieces = [moment.data[start : start + _WIDTH] for start in range(0, len(moment.data), _WIDTH)] or [b""]
    note = "; ".join(moment.notes)
    signals = " ".join(moment.signals)
    for index, piece in enumerate(pieces):
        text = "".join(chr(c) if 32 <= c < 127 else "." for c in piece)
        last = index == len(pieces) - 1
        body = f"{piece.hex(' '):47}  {text}" if piece else signals
        yield shown, head + (body or note), note if last and body else ""
