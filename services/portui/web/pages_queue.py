"""Another order: of a printer's waiting jobs, and of the ports that take them."""

from __future__ import annotations

from dataclasses import replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from portui.web import ordering
from portui.web.changes import not_found, text_of
from portui.web.rendering import back, console_of, go

_THERE = "It stands there already."


async def order(request: Request, form: FormData) -> Response:
    """Give a waiting job another place among its printer's."""
    console, printer = console_of(request), request.path_params["name"]
    target = back(text_of(form, "back"), f"/printers/{printer}")
    queue = ordering.waiting(console.live.fleet, printer)
    now = [job.number for job in queue]
    number, other = _number(text_of(form, "job")), _number(text_of(form, "other"))
    try:
        wanted = ordering.rearranged(now, number, text_of(form, "do"), other)
        changes = ordering.priorities(queue, number, wanted) if wanted != now else {}
    except ValueError as error:
        return go(target, f"Nothing was changed: {error}.")
    if not changes:
        return go(target, _THERE)
    for each, priority in changes.items():
        await console.printing.set_priority(each, priority)
    await console.live.until(
        lambda fleet: all(
            each not in fleet.jobs or fleet.jobs[each].priority == priority
            for each, priority in changes.items()
        )
    )
    behind = wanted[wanted.index(number) + 1 :]
    return go(target, f"Job {number} prints {f'before job {behind[0]}' if behind else 'last'}.")


def _number(text: str) -> int:
    """Return a job's number; 0, which no job has, for anything else."""
    return int(text) if text.isdecimal() and len(text) < 20 else 0


async def pool(request: Request, form: FormData) -> Response:
    """Give a port another place among its printer's, if nobody has changed the printer meanwhile."""
    console, name = console_of(request), request.path_params["name"]
    one = console.live.fleet.printers.get(name)
    if one is None:
        return await not_found(request, LookupError(name))
    target, key = back(text_of(form, "back"), f"/printers/{name}"), text_of(form, "port")
    try:
        ports = tuple(ordering.rearranged(one.ports, key, text_of(form, "do"), text_of(form, "other")))
    except ValueError as error:
        return go(target, f"Nothing was changed: {error}.")
    if ports == one.ports:
        return go(target, _THERE)
    await console.printing.update_printer(replace(one, ports=ports, etag=text_of(form, "etag")))
    await console.live.until(lambda fleet: name not in fleet.printers or fleet.printers[name].ports == ports)
    return go(target, f"{key} is number {ports.index(key) + 1} of {len(ports)} now.")
