"""The order of a printer's queue: a waiting job goes first, earlier, later, or before another one."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from portui.web import ordering
from portui.web.changes import text_of
from portui.web.rendering import back, console_of, go


async def order(request: Request, form: FormData) -> Response:
    """Give a waiting job another place among its printer's."""
    console, printer = console_of(request), request.path_params["name"]
    target = back(text_of(form, "back"), f"/printers/{printer}")
    number, how, asked = (text_of(form, field) for field in ("job", "do", "before"))
    queue = ordering.waiting(console.live.fleet, printer)
    before = int(asked) if asked.isdecimal() else None
    if number.isdecimal() and how != "place":
        before = ordering.beside(queue, int(number), how)
    if not number.isdecimal() or before is None:
        return go(target, "It stands there already, or waits no more.")
    try:
        priorities = ordering.placed(queue, int(number), before)
    except ValueError as error:
        return go(target, f"Nothing was changed: {error}.")
    for each, priority in priorities.items():
        await console.printing.set_priority(each, priority)
    await console.live.until(
        lambda fleet: all(
            each not in fleet.jobs or fleet.jobs[each].priority == priority
            for each, priority in priorities.items()
        )
    )
    where = f"before job {before}" if before else "last"
    return go(target, f"Job {number} prints {where}.")
