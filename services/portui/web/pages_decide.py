"""The decision about uncertain units: together, or each by itself; shown before it is taken, taken once."""

from __future__ import annotations

from dataclasses import replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.model import Job
from portui.web import coming_out, words
from portui.web.changes import sentence, text_of
from portui.web.coming_out import CHOICES, MARKED, SKIP
from portui.web.deciding import Decision, decision
from portui.web.job_units import as_shown, gone_on
from portui.web.rendering import console_of, go, page

_SAID = {
    SKIP: "All of it came out: the job goes on behind it.",
    coming_out.REPRINT: "It prints again.",
    MARKED: "It prints again, with a mark.",
}


async def decide(request: Request, form: FormData) -> Response:
    """Take a decision, or say what would come out."""
    number, what = request.path_params["number"], text_of(form, "do")
    printing = console_of(request).printing
    found = await printing.job(number)
    if not found.undecided or not as_shown(found, form):
        return go(f"/jobs/{number}", gone_on(found))
    shown = decision(
        found, {unit: text_of(form, f"unit.{unit}") for unit in coming_out.uncertain_units(found)}
    )
    if text_of(form, "check") or what not in ("units", *CHOICES):
        return _page(request, found, replace(shown, shown=what == "show"))
    if what == "units":
        if why := _not_yet(found, shown, form):
            return _page(request, found, replace(shown, wrong=why, shown=text_of(form, "seen") != ""))
        runs, said = coming_out.runs(shown.chosen), _taken(found, shown)
    else:
        runs, said = [(0, 0, what)], _SAID[what]
    try:
        await printing.resolve(number, runs)
    except FabricError as error:
        now = await printing.job(number)
        if not now.undecided or not as_shown(now, form):
            return go(f"/jobs/{number}", gone_on(now))
        return _page(request, now, replace(shown, wrong=sentence(error)))
    return go(f"/jobs/{number}", said)


def _not_yet(job: Job, shown: Decision, form: FormData) -> str:
    kind = words.unit(job.proof.units.kind)
    if not shown.again:
        return f"No {kind} is to print again, so nothing was decided: choose what becomes of those that are missing."
    if text_of(form, "seen", shown.outlook) != shown.outlook:
        return "The choice is another one now: look once more at what comes out."
    return ""


def _taken(job: Job, shown: Decision) -> str:
    again = len(shown.again)
    marked = sum(what == MARKED for what in shown.chosen.values())
    kind = words.unit(job.proof.units.kind, again)
    verb = "prints" if again == 1 else "print"
    said = f", {marked} of them marked" if 0 < marked < again else ", marked" if marked else ""
    return f"{again} {kind} {verb} again{said}; {len(shown.chosen) - again} came out."


def _page(request: Request, job: Job, shown: Decision) -> Response:
    return page(request, "decide.html", 422 if shown.wrong else 200, job=job, decision=shown)
