"""Pages about printers: queues, their ports in order, adding and changing them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.live import JUST_ADDED_S
from portui.model import Fleet, PortState, Printer
from portui.printer_rules import RULES, Rule
from portui.web import actions, ordering, shown, story, words
from portui.web.changes import not_found, sentence, text_of, texts_of
from portui.web.levels import lowest
from portui.web.pages_port import test
from portui.web.rendering import back, console_of, go, page

_OUT = (PortState.ERROR, PortState.OFFLINE)
PAGE_ROWS = 200
# In which order printers that do not print are listed, by how their state looks; the others are after these.
_URGENT = {tone: rank for rank, tone in enumerate(("error", "offline", "unknown", "attention", "paused"))}


def shown_state(one: Printer, fleet: Fleet) -> words.Shown:
    """Return a printer's state in a word; paused, and how its ports are, count more than what it does."""
    if one.paused:
        return words.Shown("Paused", "pause", "paused")
    ports = [fleet.ports[key].state for key in one.ports if key in fleet.ports]
    if ports and all(state in _OUT for state in ports):
        return words.PORT_STATES[ports[0]]
    if PortState.ATTENTION in ports:
        return words.PORT_STATES[PortState.ATTENTION]
    return words.PRINTER_STATES.get(one.state, words.Shown(one.state.capitalize(), "dashed", "unknown"))


async def printers(request: Request) -> Response:
    """S8: all printers, those that need somebody first, with what of each runs out first."""
    console, fleet = console_of(request), console_of(request).live.fleet
    text = request.query_params.get("q", "")[:200].casefold()
    number = int(asked) if (asked := request.query_params.get("page", "1")).isdecimal() else 1
    fitting = sorted(
        (
            (one, shown_state(one, fleet))
            for one in fleet.printers.values()
            if text in f"{one.name} {one.description} {one.location}".casefold()
        ),
        key=lambda row: (_URGENT.get(row[1].tone, len(_URGENT)), not row[0].queued, row[0].name),
    )
    found = fitting[max(0, number - 1) * PAGE_ROWS :][:PAGE_ROWS]
    known = await console.levels.of(
        fleet.ports[key] for one, _state in found for key in one.ports if key in fleet.ports
    )
    rows = [
        (one, state, [(key, fleet.ports.get(key)) for key in one.ports], lowest(one, known))
        for one, state in found
    ]
    more = len(fitting) if len(fitting) > PAGE_ROWS else 0
    return page(request, "printers.html", rows=rows, text=text, more=more, page_number=number)


async def printer(request: Request) -> Response:
    """One printer: its verdict, its ports in order, its jobs."""
    console, name = console_of(request), request.path_params["name"]
    live = console.live
    await live.until(lambda fleet: name in fleet.printers, JUST_ADDED_S)
    one = live.fleet.printers.get(name)
    if one is None:
        return await not_found(request, LookupError(name))
    explanation = await console.printing.explain(f"printers/{name}")
    jobs = sorted(
        (job for job in live.fleet.jobs.values() if job.printer == name), key=lambda job: -job.number
    )
    rows = {
        row.port.key: row
        for row in shown.port_rows(live, live.fleet.ports.values())
        if row.port.key in one.ports
    }
    return page(
        request,
        "printer.html",
        printer=one,
        state_=shown_state(one, live.fleet),
        explanation=explanation,
        tone=story.tone(explanation),
        ports=[(key, rows.get(key)) for key in one.ports],
        waiting=ordering.waiting(live.fleet, name),
        jobs=[(job, words.job_state(job)) for job in jobs[:20]],
        by_port=_by_port(one, [job.port for job in jobs if not job.active]),
        events=story.events_newest(await console.printing.history(f"printers/{name}")),
        buttons=actions.decisions(jobs)
        + [
            actions.Button(each.title, f"/printers/{name}/act", "play", (("do", "resume"),))
            for each in explanation.actions
            if each.method == "PrinterService/ResumePrinter"
        ],
    )


def _by_port(one: Printer, ended: list[str]) -> list[tuple[str, int, int]]:
    counts = [(key, ended.count(key)) for key in one.ports]
    most = max((count for _key, count in counts), default=0) or 1
    return [(key, count, round(100 * count / most)) for key, count in counts]


async def act(request: Request, form: FormData) -> Response:
    """Pause, resume, test, delete."""
    console, name, what = console_of(request), request.path_params["name"], text_of(form, "do")
    target = back(text_of(form, "back"), f"/printers/{name}")
    if what == "pause":
        await console.printing.pause_printer(name)
        return go(target, f"{name} is paused. The present job goes on, others wait.")
    if what == "resume":
        await console.printing.resume_printer(name)
        return go(target, f"{name} prints again.")
    if what == "test":
        return await test(console, name, target)
    if what == "delete":
        await console.printing.delete_printer(name)
        return go("/printers", f"{name} goes when its jobs are done.")
    return go(target)


async def new(request: Request) -> Response:
    """Show the form of a new printer."""
    port = request.query_params.get("port", "")
    return _form(request, Printer("", (port,) if port else ()), "")


async def create(request: Request, form: FormData) -> Response:
    """Add a printer."""
    wanted = _given(form, Printer(text_of(form, "name").strip(), ()))
    if not wanted.name or not wanted.ports:
        return _form(request, wanted, "A printer has a name and at least one port.")
    try:
        await console_of(request).printing.create_printer(wanted.name, wanted)
    except FabricError as error:
        return _form(request, wanted, sentence(error))
    await console_of(request).live.until(lambda fleet: wanted.name in fleet.printers)
    return go(f"/printers/{wanted.name}", f"{wanted.name} is there.")


async def edit(request: Request) -> Response:
    """Show the form of a printer."""
    one = console_of(request).live.fleet.printers.get(request.path_params["name"])
    if one is None:
        return await not_found(request, LookupError())
    return _form(request, one, "", existing=True)


async def save(request: Request, form: FormData) -> Response:
    """Change a printer, if nobody has meanwhile."""
    console = console_of(request)
    one = console.live.fleet.printers.get(request.path_params["name"])
    if one is None:
        return await not_found(request, LookupError())
    wanted = _given(form, replace(one, etag=text_of(form, "etag")))
    try:
        await console.printing.update_printer(wanted)
    except FabricError as error:
        return _form(request, wanted, sentence(error), existing=True)
    return go(f"/printers/{one.name}", f"{one.name} is changed.")


def _given(form: FormData, one: Printer) -> Printer:
    """Return a printer as its form says. Its ports are in order of their numbers; without one they are not used."""
    order = []
    for key in texts_of(form, "known"):
        place = text_of(form, f"place.{key}").strip()
        if place.isdecimal() and 0 < int(place) <= 999:
            order.append((int(place), key))
    known = dict(words.FORMATS)
    format_ = text_of(form, "format")
    rules: dict[str, Any] = {rule.name: _chosen(form, rule, getattr(one, rule.name)) for rule in RULES}
    return replace(
        one,
        ports=tuple(key for _place, key in sorted(order)),
        standby=frozenset(texts_of(form, "standby")) & {key for _place, key in order},
        description=text_of(form, "description").strip()[:200],
        location=text_of(form, "location").strip()[:200],
        format=format_ if format_ in known else one.format,
        **rules,
    )


def _chosen(form: FormData, rule: Rule, now: str) -> str:
    """Return a rule's value as its form says; as it is `now` when the form says nothing known."""
    wanted = text_of(form, rule.name)
    return wanted if wanted in dict(rule.choices) else now


def _form(request: Request, one: Printer, error: str, *, existing: bool = False) -> Response:
    ports = console_of(request).live.fleet.ports
    formats = (
        words.FORMATS if one.format in dict(words.FORMATS) else (*words.FORMATS, (one.format, one.format))
    )
    return page(
        request,
        "printer_form.html",
        422 if error else 200,
        printer=one,
        existing=existing,
        error=error,
        formats=formats,
        used=[(key, ports.get(key), place) for place, key in enumerate(one.ports, 1)],
        unused=[(key, ports[key], "") for key in sorted(ports) if key not in one.ports],
    )
