"""Moving jobs: those that were named, or off a port, a printer, or a whole host to be drained. Shown before it happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.web import moving, shown
from portui.web.changes import not_found, text_of, texts_of
from portui.web.moving import Preview
from portui.web.rendering import Console, console_of, page

_MOST = 1000
_ASKED = ("host", "port", "printer", "jobs")


async def choose(request: Request) -> Response:
    """Show which jobs would go, which would not and why, and where they can go."""
    found = _preview(console_of(request), request.query_params)
    if found is None:
        return await not_found(request, LookupError())
    return _page(request, found, request.query_params)


def _preview(console: Console, asked: Mapping[str, str]) -> Preview | None:
    host, port, printer, jobs = (asked.get(name, "") for name in _ASKED)
    paths = {
        "host": f"/hosts/{shown.quoted(host)}",
        "port": shown.port_path(host, port),
        "printer": f"/printers/{shown.quoted(printer)}",
        "jobs": f"/jobs/{jobs}" if jobs.isdecimal() else "/jobs",
    }
    return moving.preview(console.live.fleet, asked, paths)


def _page(request: Request, found: Preview, asked: Mapping[str, str], error: str = "") -> Response:
    return page(
        request,
        "move.html",
        422 if error else 200,
        preview=found,
        asked={name: asked.get(name, "") for name in _ASKED},
        drain=asked.get("drain") == "1",
        error=error,
    )


async def move(request: Request, form: FormData) -> Response:
    """Move the jobs that were shown, pause the ports if that was asked for, and say what became of each."""
    console, asked = console_of(request), {key: text_of(form, key) for key in (*_ASKED, "drain")}
    found, target = _preview(console, asked), text_of(form, "to")
    if found is None:
        return await not_found(request, LookupError())
    # Exactly those that were on the page; one that came meanwhile was not looked at by anybody.
    numbers = [int(text) for text in texts_of(form, "job")[:_MOST] if text.isdecimal()]
    if numbers and target not in console.live.fleet.printers:
        return _page(request, found, asked, "Choose where the jobs shall go.")
    printing = console.printing
    before = {job.number: job.printer for one in found.going for job in [one.job]}
    paused = []
    if asked["drain"] == "1":
        paused = await each((port.name, partial(printing.pause_port, port.name)) for port in found.ports)
    moved = await each((str(number), partial(printing.move, number, target)) for number in numbers)
    return page(
        request,
        "moved.html",
        preview=found,
        moved=moved,
        paused=paused,
        target=target,
        home={number: before.get(int(number), "") for number, _error in moved},
    )


async def undo(request: Request, form: FormData) -> Response:
    """Move jobs back to where they were."""
    console = console_of(request)
    pairs = [text.partition(":") for text in texts_of(form, "back")[:_MOST]]
    wanted = [(number, home) for number, _, home in pairs if number.isdecimal() and home]
    moved = await each((number, partial(console.printing.move, int(number), home)) for number, home in wanted)
    home = wanted[0][1] if wanted else ""
    return page(
        request,
        "moved.html",
        preview=_preview(console, {"printer": home}),
        moved=moved,
        paused=[],
        target=home,
        home={},
    )


async def each(calls: Iterable[tuple[str, Callable[[], Awaitable[None]]]]) -> list[tuple[str, str]]:
    """Do one thing after the other; return (what, error in words), an empty error where it was done."""
    done = []
    for name, call in calls:
        try:
            await call()
        except FabricError as error:
            done.append((name, error.message))
        else:
            done.append((name, ""))
    return done
