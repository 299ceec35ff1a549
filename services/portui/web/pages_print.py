"""Printing from the browser: a file, with its progress, or without scripts as a plain form."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.errors import FabricError
from portui.web import security
from portui.web.changes import sentence, text_of
from portui.web.rendering import console_of, go, page

_PIECE = 128 << 10


async def choose(request: Request) -> Response:
    """Show the form. Its request id makes a repeated sending print once."""
    return _page(request, request.query_params.get("printer", ""), "")


def _page(request: Request, printer: str, error: str) -> Response:
    printers = console_of(request).live.fleet.printers
    return page(
        request,
        "print.html",
        422 if error else 200,
        printers=[printers[name] for name in sorted(printers)],
        chosen=printer,
        error=error,
        request_id=str(uuid.uuid4()),
    )


async def plain(request: Request, form: FormData) -> Response:
    """Print the file of a plain form."""
    file, printer = form.get("file"), text_of(form, "printer")
    if not isinstance(file, UploadFile) or not file.filename:
        return _page(request, printer, "Choose a file.")
    title = text_of(form, "title").strip() or file.filename
    try:
        job = await console_of(request).printing.submit(
            printer, title[:200], _pieces(file), text_of(form, "id") or str(uuid.uuid4()), file.size
        )
    except FabricError as error:
        return _page(request, printer, sentence(error))
    return go(f"/jobs/{job.number}", f"Accepted: job {job.number} is on disk and will print.")


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while data := await file.read(_PIECE):
        yield data


async def stream(request: Request) -> Response:
    """Take a document as the body of a request, straight through to the spooler: nothing is kept here."""
    asked = request.query_params
    if not security.may_change(request, asked.get(security.TOKEN_FIELD, "")):
        return JSONResponse({"message": "This form is not of this visit. Load the page again."}, 403)
    length = request.headers.get("content-length", "")
    try:
        job = await console_of(request).printing.submit(
            asked.get("printer", ""),
            asked.get("name", "")[:200],
            request.stream(),
            asked.get("id") or str(uuid.uuid4()),
            int(length) if length.isdecimal() else None,
        )
    except FabricError as error:
        return JSONResponse({"message": sentence(error)}, 422)
    return JSONResponse({"path": f"/jobs/{job.number}", "job": job.number})
