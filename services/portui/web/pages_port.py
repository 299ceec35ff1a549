"""Pages about one port: what it does and why not, and its end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import starmap
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.live import JUST_ADDED_S, Live
from portui.model import Counters, Fleet, Job, JobState, Port
from portui.model_answers import Event, Explanation
from portui.simulated import MISHAPS
from portui.web import (
    actions,
    day_strip,
    happenings,
    moments,
    moving,
    ordering,
    pages_paper,
    pages_wire,
    samples,
    shown,
    story,
    words,
)
from portui.web.changes import not_found, sentence, text_of
from portui.web.day_strip import Known, Stretch
from portui.web.last_day import LastDay
from portui.web.rendering import Console, back, console_of, go, page, port_asked

_EVENTS = 40


async def port(request: Request) -> Response:
    """S4: one port: the verdict, the ladder, what waits, what happened."""
    console = console_of(request)
    await console.live.until(lambda _fleet: port_asked(request) is not None, JUST_ADDED_S)
    found = port_asked(request)
    if found is None:
        return await not_found(request, LookupError(request.path_params["port"]))
    now, live = datetime.now(UTC), console.live
    mine = sorted(
        (job for job in live.fleet.jobs.values() if job.port == found.key), key=lambda one: -one.number
    )
    job = live.now_on(found) or next((one for one in mine if one.active), mine[0] if mine else None)
    explanation, history, paper, job, line, last_day = await _asked(console, found, job, now)
    host = live.fleet.hosts.get(found.host)
    rungs, ids = story.ladder(found, host, job, now, explanation), story.ids(found, host, job)
    pulse = live.pulses[found.key]
    jobs = {**last_day.jobs, **{one.number: one for one in mine}}.values()
    day = [*day_strip.stretches(jobs, last_day.attempts, found, now), *starmap(Stretch, pulse.troubles)]
    known = Known(last_day.since, pulse.known_since(live.started))
    return page(
        request,
        "port.html",
        row=shown.port_rows(live, [found])[0],
        job=job,
        explanation=explanation,
        tone=story.tone(explanation),
        buttons=actions.decisions(mine) + actions.buttons_of_port(explanation, found),
        rungs=rungs,
        waiting=_waiting(live.fleet.jobs.values(), found),
        going=going(live.fleet, found),
        strip=day_strip.strip(day, now, known),
        day=day_strip.sentence(day, now, known),
        events=_events(live, found, history),
        sources=shown.sources(found),
        paper=paper,
        mishaps=MISHAPS,
        report=story.report(found.key, explanation, rungs, version("print-fabric"), ids),
        facts=facts_of(found),
        signals=_signals(found),
        line=line,
    )


def _events(live: Live, found: Port, history: Sequence[Event]) -> list[happenings.Row]:
    seen = live.chronicle.newest(_EVENTS, host=found.host, port=found.port)
    return happenings.rows(seen, history, _EVENTS)


async def _asked(
    console: Console, found: Port, job: Job | None, now: datetime
) -> tuple[Explanation, list[Event], pages_paper.Seen, Job | None, Sequence[tuple[str, str]], LastDay]:
    """Ask for all that the live stream does not tell, at once."""
    return await asyncio.gather(
        explained(console, found),
        _history(console, found),
        pages_paper.seen(console, found),
        _counted(console, job),
        _line(console, found),
        console.last_days.of(found, now),
    )


async def explained(console: Console, found: Port) -> Explanation:
    """Return the spooler's answer; when it is away, that is the answer."""
    try:
        return await console.printing.explain(found.name)
    except FabricError as error:
        return Explanation("unknown", "The spooler does not answer: nobody can say.", sentence(error))


async def _counted(console: Console, job: Job | None) -> Job | None:
    """Return a job on its way with what its attempt proves in units, which the live stream does not count."""
    if job is None or job.state is not JobState.PROCESSING or not job.proof.accepted:
        return job
    try:
        attempts = await console.printing.attempts(job.number)
    except FabricError:
        return job  # it is gone, or the spooler is away
    return replace(job, proof=attempts[-1].proof) if attempts and attempts[-1].proof.units.total else job


def _signals(found: Port) -> tuple[str, ...]:
    return ("TX", "RX", *pages_wire.SIGNALS) if _is_line(found) else ()


def _is_line(found: Port) -> bool:
    return found.description.startswith("Serial")


async def _line(console: Console, found: Port) -> Sequence[tuple[str, str]]:
    """Return what came damaged over a serial line since it was opened; () while nobody counts it, or it is none."""
    if not _is_line(found):
        return ()
    try:
        return (await console.status.of(found.name)).line
    except FabricError:
        return ()  # its host is away, which the page says


async def _history(console: Console, found: Port) -> list[Event]:
    try:
        return await console.printing.history(found.name)
    except FabricError:
        return []  # the banner says that the spooler is away


def facts_of(found: Port) -> list[tuple[str, str]]:
    """Return what is known about a port, as pairs."""
    hold = found.hold
    pairs = [
        ("Monitor", found.monitor),
        ("Kind", found.description),
        ("Device", found.device),
        ("Printers", ", ".join(found.printers)),
        (
            "Held by",
            f"{hold.spooler}, fence {hold.fence}, since {moments.stamp(hold.opened)}" if hold else "nobody",
        ),
        ("Documents", _documents(found.counters)),
        ("Bytes", _bytes(found.counters)),
        ("Settings", found.revision),
    ]
    return [(key, value) for key, value in pairs if value]


def _documents(done: Counters) -> str:
    broken = f", {words.number(done.broken)} broken off" if done.broken else ""
    return f"{words.number(done.documents)} ended well{broken}" if done.documents or done.broken else ""


def _bytes(done: Counters) -> str:
    if not done.written and not done.read:
        return ""
    stalled = f", stalled {words.duration(done.stalled_s)}" if done.stalled_s >= 1 else ""
    busy = f", busy {words.duration(done.busy_s)}"
    return f"{words.size(done.written)} written, {words.size(done.read)} read{busy}{stalled}"


def _waiting(jobs: Any, found: Port, most: int = 8) -> list[Job]:
    wanted = [
        job
        for job in jobs
        if job.active and (job.port == found.key or (not job.port and job.printer in found.printers))
    ]
    return sorted(ordering.in_order(wanted), key=lambda one: one.state != "processing")[:most]


def going(fleet: Fleet, found: Port) -> list[Job]:
    """Return the jobs that can be moved off a port."""
    place = {"host": found.host, "port": found.port}
    leaving = moving.preview(fleet, place, {"port": shown.port_path(found.host, found.port)})
    return [one.job for one in leaving.going] if leaving is not None else []


async def act(request: Request, form: FormData) -> Response:
    """Pause, resume, or print a test page."""
    console, found = console_of(request), port_asked(request)
    if found is None:
        return await not_found(request, LookupError(request.path_params["port"]))
    target = back(text_of(form, "back"), shown.port_path(found.host, found.port))
    what = text_of(form, "do")
    if what == "pause":
        await console.printing.pause_port(found.name)
        return go(target, f"{found.port} is paused. Its jobs wait.")
    if what == "resume":
        await console.printing.resume_port(found.name)
        return go(target, f"{found.port} takes jobs again.")
    if what == "test" and found.printers:
        return await test(console, found.printers[0], target)
    return go(target, "No printer uses this port: add one first." if what == "test" else "")


async def test(console: Console, printer: str, target: str) -> Response:
    """Print a test page or label on a printer, and say so on a page."""
    kind, number = await print_test(console, printer)
    return go(target, f"Test {kind} is job {number} on {printer}.")


async def print_test(console: Console, printer: str) -> tuple[str, int]:
    """Print a test page or label on a printer; return which of them it is, and its job."""
    format_ = console.live.fleet.printers[printer].format if printer in console.live.fleet.printers else ""
    document, kind = samples.document(format_, printer, datetime.now(UTC))
    job = await console.printing.submit(
        printer, f"Test {kind}", samples.pieces(document), str(uuid.uuid4()), len(document)
    )
    return kind, job.number
