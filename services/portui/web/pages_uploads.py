"""A document that is still coming in: no job yet, known by its sender's request id."""

from __future__ import annotations

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui.web import story
from portui.web.rendering import Console, console_of, page


async def upload(request: Request) -> Response:
    """Why it is no job yet: how much of it is here, and since when nothing has come."""
    name = request.path_params["name"]
    explanation = await console_of(request).printing.explain(f"uploads/{name}")
    return page(
        request,
        "upload.html",
        name=name,
        explanation=explanation,
        tone=story.tone(explanation),
        report=story.report(f"upload {name}", explanation, [], version("print-fabric")),
    )


async def known(console: Console, name: str) -> bool:
    """Say whether the spooler knows of an upload by that name that this console may see."""
    try:
        await console.printing.explain(f"uploads/{name}")
    except FabricError:
        return False
    return True
