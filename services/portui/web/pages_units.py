"""A job that goes on at a unit, and units of a job printed again: asked for, shown before, done once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError, NotSupported
from portui.model import Job, Units
from portui.web import coming_out, words
from portui.web.changes import sentence, text_of
from portui.web.coming_out import Part, number_of
from portui.web.job_units import as_shown, gone_on, units_known
from portui.web.rendering import console_of, go, page

_ID_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for so far: units, mark, what is wrong with it, and what would come out."""

    units: Units
    labels: Mapping[str, str]  # the fields: "unit", or "first" and "last"
    typed: Mapping[str, str]
    mark: bool = False
    request_id: str = ""
    outlook: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    shown: bool = False  # somebody without scripts asked what comes out
    refused: bool = False

    @property
    def no_mark(self) -> str:
        """Why no mark can be put on a unit; empty when one can."""
        return coming_out.why_no_mark(self.units.kind)

    @property
    def off(self) -> bool:
        """Whether the button would do nothing."""
        return bool(self.wrong) or not all(self.typed.values())

    def number(self, name: str) -> int:
        """Return what was typed into a field; 0 for no number."""
        return number_of(self.typed[name])


async def resume(request: Request) -> Response:
    """Ask at which unit a job goes on."""
    found, units = await _job(request)
    unsure = found.proof.uncertain_units
    place = unsure[0] if unsure is not None else min(units.accepted + 1, max(units.total, 1))
    asked = _resuming(
        units, {"unit": _given(request.query_params, "unit", str(place) if units.total else "")}
    )
    return _resume_page(request, found, replace(asked, outlook=_resume_outlook(found, asked)))


async def resume_now(request: Request, form: FormData) -> Response:
    """Let it go on there, or say what would come out."""
    found, units = await _job(request)
    asked = _resuming(units, {"unit": text_of(form, "unit")}, form)
    path = f"/jobs/{found.number}"
    if not found.waits_to_go_on or not as_shown(found, form):
        return go(path, gone_on(found))
    asked = replace(asked, outlook=_resume_outlook(found, asked))
    if (halt := _halted(form, asked)) is not None:
        return _resume_page(request, found, halt)
    printing = console_of(request).printing
    try:
        await printing.resume(found.number, asked.number("unit"), mark=asked.mark)
    except FabricError as error:
        now = await printing.job(found.number)
        if not now.waits_to_go_on or not as_shown(now, form):
            return go(path, gone_on(now))
        return _resume_page(request, now, replace(asked, wrong=_refusal(error, "unit"), refused=True))
    return go(path, f"Job {found.number} goes on: {asked.outlook}")


async def reprint(request: Request) -> Response:
    """Ask which units of a job print again."""
    found, units = await _job(request)
    given = request.query_params
    asked = _reprinting(units, {name: _given(given, name, "") for name in ("first", "last")})
    return _reprint_page(request, found, replace(asked, outlook=_reprint_outlook(found, asked)))


async def reprint_now(request: Request, form: FormData) -> Response:
    """Print them as a new job, or say what would come out; the same form sent twice is one job."""
    found, units = await _job(request)
    asked = _reprinting(units, {name: text_of(form, name) for name in ("first", "last")}, form)
    asked = replace(asked, outlook=_reprint_outlook(found, asked))
    if (halt := _halted(form, asked)) is not None:
        return _reprint_page(request, found, halt)
    first, last = asked.number("first"), asked.number("last")
    # Somebody who comes back to the form and asks for other units wants another job.
    request_id = f"{asked.request_id}/{first}-{last}{'/marked' if asked.mark else ''}"
    try:
        made = await console_of(request).printing.reprint(
            found.number, (first, last), request_id, mark=asked.mark
        )
    except FabricError as error:
        return _reprint_page(request, found, replace(asked, wrong=_refusal(error, "last"), refused=True))
    return go(
        f"/jobs/{made.number}",
        f"This is job {made.number}: it prints {made.reprint_units} of job {found.number} again.",
    )


# --- what is asked for


async def _job(request: Request) -> tuple[Job, Units]:
    printing, number = console_of(request).printing, request.path_params["number"]
    found = await printing.job(number)
    attempts = [] if found.proof.units.total else await printing.attempts(number)
    return found, units_known(found, attempts)


def _given(asked: QueryParams, name: str, default: str) -> str:
    return str(number_of(asked.get(name, "")) or default)


def _resuming(units: Units, typed: Mapping[str, str], form: FormData | None = None) -> Asked:
    return _asked(units, {"unit": f"Go on at {_kind(units)}"}, typed, form)


def _reprinting(units: Units, typed: Mapping[str, str], form: FormData | None = None) -> Asked:
    return _asked(units, {"first": f"From {_kind(units)}", "last": f"To {_kind(units)}"}, typed, form)


def _asked(units: Units, labels: Mapping[str, str], typed: Mapping[str, str], form: FormData | None) -> Asked:
    request_id = text_of(form, "id")[:_ID_CHARACTERS] if form is not None else ""
    mark = form is not None and text_of(form, "mark") == "1"
    wrong = coming_out.wrong({name: text for name, text in typed.items() if text.strip()}, units)
    return Asked(units, labels, typed, mark, request_id or str(uuid.uuid4()), wrong=wrong)


def _kind(units: Units) -> str:
    return words.unit(units.kind) if units.total else "label, receipt or page"


def _halted(form: FormData, asked: Asked) -> Asked | None:
    """Return what to show instead of doing it; None: it can be done."""
    if text_of(form, "check"):
        return asked
    wrong = dict(asked.wrong)
    wrong.update(
        {name: "Write a number, counted from 1." for name, text in asked.typed.items() if not text.strip()}
    )
    if asked.mark and asked.no_mark:
        wrong["mark"] = asked.no_mark
    if not wrong and text_of(form, "do") != "show" and text_of(form, "seen", asked.outlook) != asked.outlook:
        wrong[""] = "It is another choice now: look once more at what comes out."
    if wrong or text_of(form, "do") == "show":
        return replace(asked, wrong=wrong, shown=not wrong or "" in wrong, refused=bool(wrong))
    return None


def _refusal(error: FabricError, numbers: str) -> dict[str, str]:
    """Return an error of the fabric at the field it is about."""
    if isinstance(error, NotSupported):
        return {"mark": sentence(error)}
    if any(one.field == "mark" for one in error.fields):
        return {"mark": sentence(error)}
    return {numbers if error.fields else "": sentence(error)}


# --- what comes out


def _resume_outlook(job: Job, asked: Asked) -> str:
    unit, units = asked.number("unit"), asked.units
    if asked.wrong or not unit:
        return "Nothing is printed before you press the button."
    said = coming_out.said(job.printer, units.kind, coming_out.resumed(units, unit, mark=asked.mark))
    if not units.total:
        said = f"Printer {job.printer} goes on there; what comes behind it comes out, too."
    before = (
        f" What stands before {words.units(units.kind, unit, unit)} counts as printed." if unit > 1 else ""
    )
    return said + before


def _reprint_outlook(job: Job, asked: Asked) -> str:
    first, last = asked.number("first"), asked.number("last")
    if asked.wrong or not first or not last:
        return "Nothing is printed before you press the button."
    said = coming_out.said(job.printer, asked.units.kind, [Part(first, last, asked.mark)])
    if not asked.units.total:
        said = f"Printer {job.printer} prints {first} to {last}, if the document has so many."
    return f"{said} They are a new job; job {job.number} stays as it is."


def _resume_page(request: Request, job: Job, asked: Asked) -> Response:
    title = f"Go on with job {job.number}"
    note = "What was decided earlier about what comes behind holds."
    return _page(
        request, job, asked, title=title, note=note, button="Go on there", mark_label="Mark the first of them"
    )


def _reprint_page(request: Request, job: Job, asked: Asked) -> Response:
    what = words.unit(asked.units.kind, 2) if asked.units.total else "a part"
    title = f"Print {what} of job {job.number} again"
    note = "Pressed twice, they print once."
    return _page(
        request, job, asked, title=title, note=note, button="Print them again", mark_label="Mark each of them"
    )


def _page(request: Request, job: Job, asked: Asked, **texts: str) -> Response:
    return page(
        request,
        "units.html",
        422 if asked.refused else 200,
        job=job,
        asked=asked,
        mark_words=coming_out.MARK,
        **texts,
    )
