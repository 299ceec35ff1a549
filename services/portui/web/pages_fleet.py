"""Pages about everything: overview, ports, hosts, alerts and their rules, search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.errors import FabricError, PrinterNotFound
from portui.model import Fleet, JobState
from portui.web import devices, happenings, host_report, pages_port, pages_uploads, pages_views, shown, words
from portui.web.changes import not_found, text_of, texts_of
from portui.web.problems import problems as problems_of
from portui.web.rendering import Console, back, console_of, go, page
from portui.web.rules import counted

PAGE_ROWS = 200
_FIRST_PROBLEMS = 5
_LATELY = 12  # events of a host
_EXPLAINED = 50  # of a long list of alerts the first are explained, the rest have the port's own words


async def overview(request: Request) -> Response:
    """S1: is it all right, and if not, what first?"""
    live, headlines = console_of(request).live, console_of(request).headlines
    fleet, quiet = live.fleet, pages_views.quiet(request)
    found = problems_of(live)
    problems = [one for one in found if not quiet(one)]
    by = request.query_params.get("by", "host")
    return page(
        request,
        "overview.html",
        tiles_=shown.tiles(fleet.ports.values()),
        problems=problems,
        shown_problems=await headlines.told(problems[:_FIRST_PROBLEMS]),
        muted=len(found) - len(problems),
        by=by if by in shown.GROUPS else "host",
        groups=shown.GROUPS,
        map=shown.grouped(fleet, by),
        minutes=live.ended(),
        going=sorted(live.printing(), key=lambda job: job.number),
        latest=shown.latest(fleet, 6),
        **figures(fleet),
    )


def figures(fleet: Fleet) -> dict[str, Any]:
    """Return the few numbers of the overview."""
    waiting = [job for job in fleet.jobs.values() if job.state is JobState.PENDING]
    oldest = min((job.created for job in waiting if job.created), default=None)
    ended = [job for job in fleet.jobs.values() if not job.active]
    return {
        "waiting": len(waiting),
        "oldest": words.age(oldest, datetime.now(UTC)),
        "seen": len(ended),
        "completed": sum(job.state is JobState.COMPLETED for job in ended),
    }


async def ports(request: Request) -> Response:
    """S2: all ports, faults first; filter and page are in the address."""
    live = console_of(request).live
    chosen, text = request.query_params.get("state", ""), request.query_params.get("q", "")[:200]
    number = int(asked) if (asked := request.query_params.get("page", "1")).isdecimal() else 1
    fitting = shown.matching(live.fleet.ports.values(), chosen, text)
    rows = shown.port_rows(live, fitting)[max(0, number - 1) * PAGE_ROWS :][:PAGE_ROWS]
    return page(
        request,
        "ports.html",
        tiles_=shown.tiles(live.fleet.ports.values(), chosen, everything=True),
        rows=rows,
        chosen=chosen,
        text=text,
        more=len(fitting) if len(fitting) > PAGE_ROWS else 0,
        shown_count=len(rows),
        page_number=number,
        views=pages_views.views(request),
        query=request.url.query,
    )


_DONE = {"pause": "paused", "resume": "resumed", "test": "given a test page"}


async def many_ports(request: Request, form: FormData) -> Response:
    """Pause or resume the marked ports, test them, or move what waits there; what did not work is said, one by one."""
    console, target = console_of(request), back(text_of(form, "back"), "/ports")
    names, what = texts_of(form, "port")[:PAGE_ROWS], text_of(form, "do")
    if what == "move" and names:
        numbers = _waiting_at(console.live.fleet, names)
        return go(f"/move?jobs={','.join(numbers)}") if numbers else go(target, "No job waits there.")
    if not names or what not in _DONE:
        return go(target, "No port was marked.")
    calls: dict[str, Callable[[str], Awaitable[None]]] = {
        "pause": console.printing.pause_port,
        "resume": console.printing.resume_port,
        "test": partial(_test, console),
    }
    failed = []
    for name in names:
        try:
            await calls[what](name)
        except FabricError as error:
            failed.append(f"{name.rpartition('/')[2]}: {error.message}")
    good = f"{words.many(len(names) - len(failed), 'port')} {_DONE[what]}."
    return go(target, f"{good} Not: {'; '.join(failed)}" if failed else good)


async def _test(console: Console, name: str) -> None:
    """Print a test page at a port, by its resource name, on the first printer that uses it."""
    port = console.live.fleet.ports.get(_key(name))
    if port is None or not port.printers:
        raise PrinterNotFound("no printer uses it")
    await pages_port.print_test(console, port.printers[0])


def _waiting_at(fleet: Fleet, names: Sequence[str]) -> list[str]:
    """Return the numbers of the jobs that can leave these ports, each once."""
    ports = [fleet.ports[key] for key in map(_key, names) if key in fleet.ports]
    return list(dict.fromkeys(str(job.number) for port in ports for job in pages_port.going(fleet, port)))


def _key(name: str) -> str:
    return name.removeprefix("hosts/").replace("/ports/", "/", 1)


async def hosts(request: Request) -> Response:
    """All hosts."""
    fleet = console_of(request).live.fleet
    rows = [
        (host, words.HOST_STATES.get(host.state, words.HOST_STATES["connecting"]), shown.tiles(mine))
        for host in sorted(fleet.hosts.values(), key=lambda one: (one.state == "online", one.name))
        for mine in [[port for port in fleet.ports.values() if port.host == host.name]]
    ]
    return page(request, "hosts.html", rows=rows)


async def host(request: Request) -> Response:
    """S3: one host: in use, found, missing."""
    console, name = console_of(request), request.path_params["host"]
    found = console.live.fleet.hosts.get(name)
    if found is None:
        return await not_found(request, LookupError(name))
    mine = [port for port in console.live.fleet.ports.values() if port.host == name]
    listed = await console.devices.of(name) if found.state == "online" else devices.Found()
    away = {one.missing for one in listed.missing}  # these are listed with their devices
    gone = [port for port in mine if port.state == "offline" and found.state == "online"]
    missing = [port for port in gone if port.port not in away]
    return page(
        request,
        "host.html",
        host=found,
        state_=words.HOST_STATES.get(found.state, words.HOST_STATES["connecting"]),
        rows=shown.port_rows(console.live, [port for port in mine if port not in gone]),
        missing=shown.port_rows(console.live, missing),
        found=listed,
        lately=happenings.rows(
            console.live.chronicle.newest(_LATELY, host=name),
            await host_report.recent(console.printing, shown.worst_first(mine)),
            _LATELY,
        ),
        report=host_report.report(found, shown.worst_first(mine)),
    )


async def alerts(request: Request) -> Response:
    """S11: what needs somebody, and what happened lately."""
    console = console_of(request)
    live, headlines = console.live, console.headlines
    found = problems_of(live)
    try:
        acts, _following = await console.printing.acts(size=happenings.MOST)
    except FabricError:
        acts = []  # the banner says that the spooler is away
    ended = sorted(
        (job for job in live.fleet.jobs.values() if job.error and job.state is not JobState.COMPLETED),
        key=lambda one: -one.number,
    )
    return page(
        request,
        "alerts.html",
        problems=[*await headlines.told(found[:_EXPLAINED]), *found[_EXPLAINED:]],
        in_hand_count=sum(one.in_hand is not None for one in found),
        quiet=pages_views.quiet(request),
        failed=ended[:20],
        events=happenings.rows(live.chronicle.newest(happenings.MOST), acts),
    )


async def rules(request: Request) -> Response:
    """S11: what is an alert, by whose word, and how many are open by each rule."""
    return page(request, "rules.html", rules_=counted(problems_of(console_of(request).live)))


async def search(request: Request) -> Response:
    """Find anything; the only hit is gone to at once."""
    console, text = console_of(request), request.query_params.get("q", "")[:200]
    hits = shown.found_by(console.live.fleet, text)
    if text and not hits and await pages_uploads.known(console, text):
        hits = [("Upload", text, f"/uploads/{shown.quoted(text)}")]
    if len(hits) == 1:
        return RedirectResponse(hits[0][2], 303)
    return page(request, "search.html", text=text, hits=hits)
