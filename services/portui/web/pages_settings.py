"""Settings: who may do what, policies, monitors, what people did, and what this is made of."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from itertools import starmap

from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import FabricError
from portui import port_config
from portui.model_answers import Event
from portui.web import monitor_form, monitor_rows, words
from portui.web.happenings import subject
from portui.web.rendering import Console, console_of, page

_EXPORTED = 1000
_AT_A_TIME = 8
# What a role may, as docs/security.md has it: shown, not decided here.
_ROLES = (
    ("viewer", "see printers, ports, hosts and jobs, and why something does not print; never documents"),
    ("user", "print; steer, read and reprint their own jobs"),
    ("operator", "steer everybody's jobs; pause, resume and purge; test pages"),
    ("administrator", "add, change and delete printers and ports; read documents; look on at ports"),
)


async def settings(request: Request) -> Response:
    """S12: who may do what, policies, monitors, versions."""
    console = console_of(request)
    try:
        monitors, error = await console.printing.monitors(), ""
    except FabricError as failed:
        monitors, error = [], failed.message
    printers = sorted(console.live.fleet.printers.values(), key=lambda one: one.name)
    forms = await _forms(console, monitor_rows.to_ask(monitors))
    return page(
        request,
        "settings.html",
        monitors=monitor_rows.rows(monitors, {one.host for one in monitors}, forms),
        monitors_error=error,
        spooler=console.address,
        closed=console.doorman.closed,
        options=console.doorman.options,
        roles=_ROLES,
        walls=console.doorman.walls.all(),
        policies=monitor_rows.policies(printers),
        printers=printers,
    )


async def _forms(console: Console, wanted: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Return the revisions of monitors' forms; of one that has none, or whose host does not answer, nothing."""
    turn = asyncio.Semaphore(_AT_A_TIME)

    async def one(key: tuple[str, str], host: str) -> tuple[tuple[str, str], str]:
        async with turn:
            try:
                fabric = console.spooler.on_behalf_of()
                found = await port_config.describe(fabric, monitor=f"hosts/{host}/monitors/{key[0]}")
            except FabricError:
                return key, ""
        return key, str(monitor_form.document_of(found).get("revision", ""))

    return dict(await asyncio.gather(*starmap(one, wanted.items())))


async def audit(request: Request) -> Response:
    """Show everything that people did, newest first."""
    found, following = await console_of(request).printing.acts(request.query_params.get("page", ""))
    return page(request, "audit.html", rows=[(one, *subject(one)) for one in found], following=following)


async def audit_csv(request: Request) -> Response:
    """Return the newest of what people did as a table for other programs."""
    found, _following = await console_of(request).printing.acts(size=_EXPORTED)
    headers = {"content-disposition": 'attachment; filename="audit.csv"'}
    return Response(as_csv(found), media_type="text/csv; charset=utf-8", headers=headers)


def as_csv(events: Sequence[Event]) -> str:
    """Return events as CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(("time", "who", "what", "subject", "detail"))
    for one in events:
        row = (one.time.isoformat() if one.time else "", one.actor, one.kind, one.subject, one.text)
        table.writerow([f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell for cell in row])
    return out.getvalue()


async def licences(request: Request) -> Response:
    """Show what others' code runs here, and under which licences."""
    return page(request, "licences.html", rows=parts())


def parts(of: str = "print-fabric") -> list[tuple[str, str, str]]:
    """Return the distributions that one needs and that are installed: (name, version, licence), by name."""
    found: dict[str, tuple[str, str, str]] = {}
    waiting = [of]
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).casefold()
        if key in found:
            continue
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        found[key] = (about["Name"], about["Version"], _licence(about))
        for needed in metadata.requires(name) or ():
            extra = re.search(r"extra\s*==\s*['\"](\w+)", needed)
            if extra is None or (name == of and extra[1] in ("chassis", "portui")):
                waiting.append(re.split(r"[\s\[<>=!~;(]", needed.strip(), maxsplit=1)[0])
    return sorted(found.values(), key=lambda row: row[0].casefold())


def _licence(about: metadata.PackageMetadata) -> str:
    """Return a licence in few words: its SPDX expression, else its classifier, else its first line."""
    expression = about.get("License-Expression") if hasattr(about, "get") else None
    if expression:
        return str(expression)
    named = [
        one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if one.startswith("License")
    ]
    text = str(about["License"] or "") if "License" in about else ""
    return ", ".join(named) or words.first_line(text, 60) or "see its own files"
