"""The control port: HTTP and JSON, to look at the printers of a process and to break them from outside.

    GET    /printers                       all of them
    GET    /printers/NAME                  one
    GET    /printers/NAME/units?from=1     its units, oldest first; also outcome=garbled
    GET    /printers/NAME/events?from=0    what else happened, counted from the printer's first; `next` goes on
    GET    /printers/NAME/units/17.png     a picture of a unit (.txt: its text), if its content is still kept
    POST   /printers/NAME/faults           {"fault": "media-out=3; reset@unit:17"}
    DELETE /printers/NAME/faults[/ACTION]  end lasting faults and withdraw waiting ones
    PATCH  /printers/NAME                  {"units_per_second": 8, "media": 100, "ribbon": null, "keep_units": 1000, "drawer": "shut"}
    GET    /faults                         every fault there is

Anybody who reaches the port may do all of this: it listens on the loopback. Web pages cannot: requests that another
page's script has sent (Origin), or that came by a name other than the loopback's (Host: DNS rebinding), are refused.
Errors are {"error": a sentence}.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from printfabric_sim.fault_table import ACTIONS, FaultError
from printfabric_sim.http_server import Answer, BadRequest, Request, serve_http
from printfabric_sim.plan import PlanError, check_number
from printfabric_sim.printer import SimulatedPrinter
from printfabric_sim.record import Outcome

_JSON = "application/json"
_MAX_BODY_BYTES = 65536
_MAX_ROWS = 10_000
_SETTINGS = ("units_per_second", "media", "ribbon", "keep_units")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NUMBER = re.compile(r"[0-9]{1,18}")


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
            await serve_http(
                reader, writer, reader.read, self._respond, refuse=_refused, max_body=_MAX_BODY_BYTES
            )
        except (ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            # The client's connection or its HTTP, with nobody to tell; or `stop`, and asyncio's server complains of a
            # handler that ends cancelled.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _respond(self, request: Request) -> Answer:
        self._check_sender(request)
        url = urlsplit(request.path)
        parts = [unquote(part) for part in url.path.split("/") if part]
        if parts in (["faults"], ["printers"]):
            _only(request, "GET")
            if parts == ["faults"]:
                return _json(200, {a.name: {"values": a.values, "text": a.text} for a in ACTIONS.values()})
            return _json(200, {"printers": [printer.status() for printer in self._printers.values()]})
        if len(parts) < 2 or parts[0] != "printers":
            raise BadRequest(f"nothing at {url.path}", HTTPStatus.NOT_FOUND)
        printer = self._printers.get(parts[1])
        if printer is None:
            names = ", ".join(self._printers)
            raise BadRequest(f"no printer {parts[1]!r}; there are: {names}", HTTPStatus.NOT_FOUND)
        try:
            return await _printer(printer, parts[2:], parse_qs(url.query), request)
        except FaultError as error:
            raise BadRequest(str(error)) from error

    def _check_sender(self, request: Request) -> None:
        """Raise BadRequest for what a page in somebody's browser has sent."""
        host = urlsplit("//" + request.headers.get("host", "")).hostname or ""
        if host not in (*_LOOPBACK, self._host):
            raise BadRequest(f"no requests for the host {host!r} here", HTTPStatus.FORBIDDEN)
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers['host']}":
            raise BadRequest(f"no requests from pages of {origin[:80]!r}", HTTPStatus.FORBIDDEN)


def change(printer: SimulatedPrinter, body: dict[str, Any]) -> None:
    """Change pace, rolls, memory or a part of the printer: all that is named, or nothing. Raises BadRequest."""
    if not body:
        raise BadRequest(f"nothing to change; there are: {', '.join(_SETTINGS)}, and parts like drawer")
    for key in body.keys() & _SETTINGS:
        try:
            check_number(key, body[key])
        except PlanError as error:
            raise BadRequest(str(error)) from error
    parts = [(key, str(body[key])) for key in body.keys() - _SETTINGS]
    for key, _ in sorted(set(parts) - printer.personality.parts):
        raise BadRequest(
            f'no setting {key}={body[key]!r}; there are: {", ".join(_SETTINGS)}, for ESC/POS also drawer ("shut")'
        )
    for part in parts:
        printer.core.consult(printer.personality.attend, *part)
    if "units_per_second" in body:
        rate = float(body["units_per_second"])
        printer.core.path.unit_s = 1.0 / rate if rate > 0 else 0.0
    if "media" in body:
        printer.load_media(body["media"])
    if "ribbon" in body:
        printer.load_ribbon(body["ribbon"])
    if "keep_units" in body:
        printer.record.keep_units = body["keep_units"]


async def _printer(
    printer: SimulatedPrinter, rest: list[str], query: dict[str, list[str]], request: Request
) -> Answer:
    """Answer what is below /printers/NAME."""
    match rest:
        case []:
            if _only(request, "GET", "PATCH") == "PATCH":
                change(printer, await _body(request))
        case ["units"]:
            _only(request, "GET")
            return _json(200, _units(printer, query))
        case ["units", name]:
            _only(request, "GET")
            return _picture(printer, name)
        case ["events"]:
            _only(request, "GET")
            return _json(200, _events(printer, query))
        case ["faults"]:
            if _only(request, "POST", "DELETE") == "POST":
                printer.fault(_fault(await _body(request)))
            else:
                printer.clear()
        case ["faults", name]:
            _only(request, "DELETE")
            _clear(printer, name)
        case _:
            raise BadRequest(f"nothing at {request.path}", HTTPStatus.NOT_FOUND)
    return _json(200, printer.status())


def _clear(printer: SimulatedPrinter, name: str) -> None:
    try:
        printer.clear(name)
    except FaultError as error:
        raise BadRequest(str(error), HTTPStatus.NOT_FOUND) from error


def _fault(body: dict[str, Any]) -> str:
    fault = body.get("fault")
    if body.keys() != {"fault"} or not isinstance(fault, str):
        raise BadRequest('the body is of the form {"fault": "media-out=3; reset@unit:17"}')
    return fault


def _picture(printer: SimulatedPrinter, name: str) -> Answer:
    number, _, suffix = name.partition(".")
    content = printer.content(int(number)) if _NUMBER.fullmatch(number) else None
    if content is None or suffix not in ("png", "txt"):
        raise BadRequest(f"no picture {name}; the last 32 units have N.png and N.txt", HTTPStatus.NOT_FOUND)
    drawn = printer.core.consult(_draw if suffix == "png" else _text, printer, content)
    if drawn is None:
        raise BadRequest(
            "the personality could not draw it; its events say why", HTTPStatus.INTERNAL_SERVER_ERROR
        )
    return 200, "image/png" if suffix == "png" else "text/plain; charset=utf-8", drawn


def _draw(printer: SimulatedPrinter, content: bytes) -> bytes:
    out = io.BytesIO()
    printer.personality.render(content).save(out, "PNG")
    return out.getvalue()


def _text(printer: SimulatedPrinter, content: bytes) -> bytes:
    return printer.personality.text(content).encode()


def _units(printer: SimulatedPrinter, query: dict[str, list[str]]) -> dict[str, Any]:
    first = _from(query, 1)
    outcome = query.get("outcome", [""])[0]
    if outcome and outcome not in list(Outcome):
        raise BadRequest(f"no outcome {outcome!r}; there are: {', '.join(Outcome)}")
    rows = (unit.as_dict() for unit in printer.record.units if unit.unit >= first)
    found = itertools.islice((row for row in rows if not outcome or row["outcome"] == outcome), _MAX_ROWS)
    return {"units": list(found), "forgotten": printer.record.forgotten_units}


def _events(printer: SimulatedPrinter, query: dict[str, list[str]]) -> dict[str, Any]:
    record = printer.record
    first = max(0, _from(query, 0) - record.forgotten_events)
    rows = record.events[first : first + _MAX_ROWS]
    after = record.forgotten_events + first + len(rows)
    return {"events": rows, "forgotten": record.forgotten_events, "next": after}


def _from(query: dict[str, list[str]], otherwise: int) -> int:
    text = query.get("from", [str(otherwise)])[0]
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f"from={text[:80]!r} is no number")
    return int(text)


def _only(request: Request, *methods: str) -> str:
    """Return the method. Raises BadRequest if it is none of `methods`."""
    if request.method not in methods:
        raise BadRequest(f"{request.path} knows {' and '.join(methods)} only", HTTPStatus.METHOD_NOT_ALLOWED)
    return request.method


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read(_MAX_BODY_BYTES) or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("the body is no JSON object")
    return body


def _refused(error: BadRequest) -> Answer:
    return _json(error.status, {"error": str(error)})


def _json(status: int, value: object) -> Answer:
    return status, _JSON, json.dumps(value, default=str).encode() + b"\n"
