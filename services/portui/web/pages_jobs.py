"""Pages about jobs: the list, and one job's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.model import Job
from portui.web import actions, pages_paper, story, words
from portui.web.changes import text_of, texts_of
from portui.web.deciding import decision
from portui.web.job_units import units_known
from portui.web.rendering import Console, back, console_of, go, page

_PREVIEW_BYTES = 512
SHOWS = (("active", "Not ended"), ("decide", "To decide"), ("all", "All"))
AGES = (("", "Any age"), ("5", "Older than 5 min"), ("60", "Older than 1 h"), ("1440", "Older than 1 d"))
_MOST_USER = 200


async def jobs(request: Request) -> Response:
    """S9: jobs, newest first; those that wait for a decision are told apart."""
    console, asked = console_of(request), request.query_params
    show, user = asked.get("show", "all"), asked.get("user", "").strip()[:_MOST_USER]
    printer, token = asked.get("printer", ""), asked.get("page", "")
    older, before = _older(asked.get("older", ""), asked.get("before", ""))
    found, following = await console.printing.jobs(
        printer=printer,
        user=user,
        before=before,
        active=show == "active",
        undecided=show == "decide",
        page=token,
    )
    chosen = {"show": show, "printer": printer, "user": user, "older": older}
    return page(
        request,
        "jobs.html",
        jobs=[(job, words.job_state(job)) for job in found],
        show=show,
        shows=SHOWS,
        printer=printer,
        printers=sorted(console.live.fleet.printers),
        user=user,
        older=older,
        ages=AGES,
        # The next page is of the same time as this one.
        following=urlencode({**chosen, "before": before.isoformat() if before else "", "page": following})
        if following
        else "",
    )


def _older(minutes: str, before: str) -> tuple[str, datetime | None]:
    """Return for how long jobs are to be accepted already, in minutes as `AGES` has it, and before when that is."""
    if not minutes or minutes not in dict(AGES):
        return "", None
    try:
        fixed = datetime.fromisoformat(before).astimezone(UTC)
    except (ValueError, OverflowError):
        fixed = datetime.now(UTC) - timedelta(minutes=int(minutes))
    return minutes, fixed


async def job(request: Request) -> Response:
    """A job: its verdict, its way, its attempts, its proof."""
    console, number = console_of(request), request.path_params["number"]
    printing = console.printing
    found = await printing.job(number)
    attempts, explanation = await printing.attempts(number), await printing.explain(f"jobs/{number}")
    steps = story.timeline(found, attempts)
    rungs = [story.Rung(step.title, step.icon, step.tone, step.fact) for step in steps]
    return page(
        request,
        "job.html",
        job=found,
        state_=words.job_state(found),
        explanation=explanation,
        cause=story.cause(found),
        port_now=await _port_now(console, found),
        tone=story.tone(explanation),
        buttons=actions.buttons_of_job(explanation, found),
        steps=steps,
        attempts=attempts,
        decision=decision(found),
        known=units_known(found, attempts),
        events=story.events_newest(await printing.events(number)),
        preview=await _preview(console, found),
        paper=await pages_paper.of_attempt(console, attempts[-1] if attempts else None),
        facts=facts_of(found),
        report=story.report(f"job {number}", explanation, rungs, version("print-fabric")),
    )


async def _port_now(console: Console, found: Job) -> str:
    """Return how the port is now at which a job was broken off that waits for a decision; empty for any other job."""
    if not found.undecided or not found.port:
        return ""
    host, _, name = found.port.partition("/")
    try:
        return (await console.printing.explain(f"hosts/{host}/ports/{name}")).headline
    except FabricError:
        return ""  # the port is gone


async def _preview(console: Console, found: Job) -> list[tuple[str, str, str]]:
    try:
        data = await console.printing.document(found.number, _PREVIEW_BYTES) if found.size else b""
    except FabricError:
        return []  # the document is gone, or not for these eyes
    return hex_lines(data)


def hex_lines(data: bytes) -> list[tuple[str, str, str]]:
    """Return bytes as lines of sixteen: offset, hexadecimal, printable."""
    return [
        (
            f"{start:06x}",
            data[start : start + 16].hex(" "),
            "".join(chr(c) if 32 <= c < 127 else "." for c in data[start : start + 16]),
        )
        for start in range(0, len(data), 16)
    ]


def facts_of(found: Job) -> list[tuple[str, str]]:
    """Return what is known about a job, as pairs."""
    units, proof = found.proof.units, found.proof
    pairs = [
        ("Printer", found.printer),
        ("Sent by", " for ".join(one for one in (found.owner, found.user) if one)),
        ("From", found.client),
        ("Format", found.format),
        ("Size", f"{words.number(found.size)} bytes"),
        (
            "Units",
            f"{words.number(units.total)} {words.unit(units.kind, units.total)}" if units.total else "",
        ),
        ("Copies", str(found.copies) if found.copies > 1 else ""),
        ("Priority", str(found.priority)),
        ("Proof", words.proven(proof)),
        ("Confirmed", f"{words.number(proof.confirmed)} bytes" if proof.confirmed else ""),
        ("SHA-256", found.digest[:32]),
        ("Last error", found.error),
    ]
    return [(key, value) for key, value in pairs if value]


async def act(request: Request, form: FormData) -> Response:
    """Do something with a job."""
    number, what = request.path_params["number"], text_of(form, "do")
    target = back(text_of(form, "back"), f"/jobs/{number}")
    calls = _calls(console_of(request))
    if what not in calls:
        return go(target)
    call, said = calls[what]
    await call(number)
    return go(target, f"Job {number} {said}.")


def _calls(console: Console) -> dict[str, tuple[Callable[[int], Awaitable[None]], str]]:
    printing = console.printing
    return {
        "hold": (printing.hold, "is held"),
        "release": (printing.release, "is released"),
        "cancel": (printing.cancel, "is cancelled"),
        "restart": (printing.restart, "prints again from its beginning"),
    }


async def many(request: Request, form: FormData) -> Response:
    """Do the same with all marked jobs; what did not work is said, one by one."""
    target, calls = back(text_of(form, "back"), "/jobs"), _calls(console_of(request))
    numbers, what = (
        [int(text) for text in texts_of(form, "job") if text.isdecimal()][:200],
        text_of(form, "do"),
    )
    printer = text_of(form, "printer")
    calls["move"] = (partial(console_of(request).printing.move, printer=printer), f"moved to {printer}")
    if not numbers or what not in calls:
        return go(target, "No job was marked.")
    call, said = calls[what]
    failed = []
    for number in numbers:
        try:
            await call(number)
        except FabricError as error:
            failed.append(f"{number}: {error.message}")
    good = f"{words.many(len(numbers) - len(failed), 'job')} {said.removeprefix('is ')}."
    return go(target, f"{good} Not: {'; '.join(failed)}" if failed else good)
