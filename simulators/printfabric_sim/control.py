"""The control port: HTTP and JSON, to look at the printers of a process and to break them from outside.

    GET    /printers                       all of them
    GET    /printers/NAME                  one
    GET    /printers/NAME/units?from=1     its units, oldest first; also outcome=garbled
    GET    /printers/NAME/events?from=0
    GET    /printers/NAME/units/17.png     a picture of a unit (.txt: its text), if its content is still kept
    POST   /printers/NAME/faults           {"fault": "media-out=3; reset@unit:17"}
    DELETE /printers/NAME/faults[/ACTION]  end lasting faults and withdraw waiting ones
    PATCH  /printers/NAME                  {"units_per_second": 8, "media": 100, "drawer": "shut"}
    GET    /faults                         every fault there is

Anybody who reaches the port may do all of this: it listens on the loopback unless told otherwise.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from printfabric_sim.fault_table import ACTIONS, FaultError
from printfabric_sim.http_server import BadRequest, Request, serve_http
from printfabric_sim.printer import SimulatedPrinter

_JSON = "application/json"
_MAX_BODY_BYTES = 65536
_MAX_ROWS = 10_000
Answer = tuple[int, str, bytes]


class ControlServer:
    """The control port of the printers in `printers` (name to printer; looked at anew for every request)."""

    def __init__(
        self, printers: Mapping[str, SimulatedPrinter], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.port = port
        self._printers = printers
        self._host = host
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; port 0 becomes a real one."""
        self._server = await asyncio.start_server(self._accepted, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await serve_http(reader, writer, reader.read, self._respond)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            # The client's connection or its HTTP, with nobody to tell; or `stop`, and asyncio's server complains of a
            # handler that ends cancelled.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _respond(self, request: Request) -> Answer:
        url = urlsplit(request.path)
        parts = [unquote(part) for part in url.path.split("/") if part]
        try:
            if parts == ["faults"]:
                return _json(200, {a.name: {"values": a.values, "text": a.text} for a in ACTIONS.values()})
            if parts == ["printers"]:
                return _json(200, {"printers": [printer.status() for printer in self._printers.values()]})
            if len(parts) >= 2 and parts[0] == "printers" and parts[1] in self._printers:
                return await self._printer(self._printers[parts[1]], parts[2:], parse_qs(url.query), request)
        except FaultError as error:
            raise BadRequest(str(error)) from error
        return _json(404, {"error": f"nothing at {url.path}"})

    async def _printer(
        self, printer: SimulatedPrinter, rest: list[str], query: dict[str, list[str]], request: Request
    ) -> Answer:
        match [request.method, *rest]:
            case ["GET", "units"]:
                return _json(200, {"units": _units(printer, query)})
            case ["GET", "units", name]:
                return self._picture(printer, name)
            case ["GET", "events"]:
                first = _from(query, 0)
                return _json(200, {"events": printer.record.events[first : first + _MAX_ROWS]})
            case ["GET"]:
                pass
            case ["PATCH"]:
                self._change(printer, await _body(request))
            case ["POST", "faults"]:
                printer.fault(str((await _body(request)).get("fault", "")))
            case ["DELETE", "faults"]:
                printer.clear()
            case ["DELETE", "faults", name]:
                printer.clear(name)
                printer.engine.forget(name)
            case _:
                return _json(404, {"error": f"cannot {request.method} {request.path}"})
        return _json(200, printer.status())

    def _change(self, printer: SimulatedPrinter, body: dict[str, Any]) -> None:
        for key, value in body.items():
            if key == "units_per_second" and isinstance(value, int | float):
                printer.core.path.unit_s = 1.0 / float(value) if float(value) > 0 else 0.0
            elif key == "media" and (value is None or isinstance(value, int)):
                printer.load_media(value)
            elif not printer.personality.attend(key, str(value)):
                raise BadRequest(
                    f'no setting {key}={value!r}; there are: units_per_second, media, drawer ("shut")'
                )

    def _picture(self, printer: SimulatedPrinter, name: str) -> Answer:
        number, _, suffix = name.partition(".")
        content = printer.content(int(number)) if number.isdigit() else None
        if content is None or suffix not in ("png", "txt"):
            return _json(404, {"error": f"no picture {name}"})
        if suffix == "txt":
            return 200, "text/plain; charset=utf-8", printer.personality.text(content).encode()
        out = io.BytesIO()
        printer.personality.render(content).save(out, "PNG")
        return 200, "image/png", out.getvalue()


def _units(printer: SimulatedPrinter, query: dict[str, list[str]]) -> list[dict[str, Any]]:
    first = _from(query, 1)
    outcome = query.get("outcome", [""])[0]
    rows = (unit.as_dict() for unit in printer.record.units if unit.unit >= first)
    return [row for row in rows if not outcome or row["outcome"] == outcome][:_MAX_ROWS]


def _from(query: dict[str, list[str]], otherwise: int) -> int:
    text = query.get("from", [str(otherwise)])[0]
    if not text.isdigit():
        raise BadRequest(f"from={text!r} is no number")
    return int(text)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read(_MAX_BODY_BYTES) or b"{}")
    except ValueError as error:
        raise BadRequest(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body is no JSON object")
    return body


def _json(status: int, value: object) -> Answer:
    return status, _JSON, json.dumps(value, default=str).encode() + b"\n"
