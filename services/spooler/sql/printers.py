"""Printers in the SQL store: one row each, all but the key as JSON. Runs on the writer's thread, one at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from sys import intern
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from chassis.errors import EtagMismatch, PrinterExists, PrinterNotFound, RequestIdReused
from spooler.daily_window import Window
from spooler.printer import (
    UNLIMITED,
    Limits,
    OnHostRestart,
    OnPortError,
    OnUncertain,
    Paused,
    PoolOrder,
    PortName,
    Prefetch,
    Printer,
    check_name,
)
from spooler.sql import lines
from spooler.sql.cursor import Cursor
from spooler.sql.rows import json_text, micros, moment
from spooler.sql.schema import jobs, literal_sql, printers, sql
from spooler.store import PrinterLine

PENDING_DELETION = '"pending_deletion":true'  # in the text of a printer that has it

_ALL = sql(select(printers.c.body, printers.c.revision).order_by(printers.c.name))
_PENDING = literal_sql(select(printers.c.name, func.json_extract(printers.c.body, "$.pending_deletion")))
_ONE = sql(select(printers.c.body, printers.c.revision).where(printers.c.name == bindparam("name")))
_BY_REQUEST = sql(
    select(printers.c.body, printers.c.revision, printers.c.fingerprint).where(
        printers.c.owner == bindparam("o"), printers.c.request_id == bindparam("r")
    )
)
_INSERT = sql(insert(printers))
_UPDATE = sql(
    update(printers)
    .values(revision=bindparam("revision"), body=bindparam("body"))
    .where(printers.c.name == bindparam("n"))
)
_DELETE = sql(delete(printers).where(printers.c.name == bindparam("name")))
_JOBS_OF = sql(select(jobs.c.number).where(jobs.c.printer == bindparam("p"))) + " AND state < 7 LIMIT 1"


def printer_text(printer: Printer) -> str:
    """Return a printer as JSON, without name and revision's columns being read from it again."""
    return json_text(
        {
            "name": printer.name,
            "ports": printer.ports,
            "description": printer.description,
            "location": printer.location,
            "paused": printer.paused
            and (printer.paused.by, micros(printer.paused.at), printer.paused.reason),
            "accepting": printer.accepting,
            "language_monitor": printer.language_monitor,
            "on_uncertain": printer.on_uncertain,
            "pool_order": printer.pool_order,
            "on_port_error": printer.on_port_error,
            "redirect_after_s": printer.redirect_after_s,
            "standby": sorted(printer.standby),
            "redirect_across_monitors": printer.redirect_across_monitors,
            "mark_redirected": printer.mark_redirected,
            "max_backlog_age_s": printer.max_backlog_age_s,
            "catch_up_per_minute": printer.catch_up_per_minute,
            "window": printer.window and printer.window.stored,
            "prefetch": printer.prefetch,
            "on_host_restart": printer.on_host_restart,
            "print_while_spooling": printer.print_while_spooling,
            "priority": printer.priority,
            "default_job_priority": printer.default_job_priority,
            "keep_printed": printer.keep_printed,
            "limits": printer.limits,
            "attributes": dict(printer.attributes),
            "pending_deletion": printer.pending_deletion,
            "created_at": printer.created_at and micros(printer.created_at),
        }
    )


def printer_of_text(text: str, revision: int) -> Printer:
    """Return the printer of its JSON. Fields that an older version did not write have their defaults.

    What thousands have in common, as their hosts' names, is kept once.
    """
    body: dict[str, Any] = json.loads(text)
    body["name"] = intern(body["name"])
    body["ports"] = _ports(body["ports"])
    if body["paused"]:
        by, at, reason = body["paused"]
        body["paused"] = Paused(by, moment(at), reason)
    limits = Limits(*body["limits"])
    body["limits"] = limits if any(limits) else UNLIMITED
    if not body.get("attributes"):
        body.pop("attributes", None)
    body["on_uncertain"] = OnUncertain(body["on_uncertain"])
    body["pool_order"] = PoolOrder(body["pool_order"])
    body["on_port_error"] = OnPortError(body["on_port_error"])
    if standby := body.pop("standby", ()):
        body["standby"] = frozenset(_ports(standby))
    window = body.get("window")
    body["window"] = Window(*window) if window else None
    body["prefetch"] = Prefetch(body.get("prefetch", Prefetch.AUTO))
    body["on_host_restart"] = OnHostRestart(body.get("on_host_restart", OnHostRestart.FINISH))
    if body["created_at"] is not None:
        body["created_at"] = moment(body["created_at"])
    return Printer(**body, revision=revision)


def _ports(pairs: Sequence[Sequence[str]]) -> tuple[PortName, ...]:
    return tuple(PortName(intern(host), intern(port)) for host, port in pairs)


def all_printers(cursor: Cursor) -> list[Printer]:
    """Return all printers by name."""
    return [printer_of_text(body, revision) for body, revision in cursor.execute(_ALL)]


def pending_deletions(cursor: Cursor) -> dict[str, bool]:
    """Return all printers' names, and whether they are pending deletion."""
    return {intern(name): bool(pending) for name, pending in cursor.execute(_PENDING)}


def one_printer(cursor: Cursor, name: str) -> Printer:
    """Return a printer. Raises PrinterNotFound."""
    row = cursor.execute(_ONE, (name,)).fetchone()
    if row is None:
        raise PrinterNotFound(f"no printer {name!r}", printer=name)
    return printer_of_text(*row)


def create(
    cursor: Cursor, printer: Printer, owner: str, request_id: str, line: PrinterLine | None = None
) -> Printer:
    """Insert a printer, or revive one that is pending deletion; the rules are `Printers.create_printer`'s."""
    check_name(printer.name)
    asked = replace(printer, created_at=None, revision=0, pending_deletion=False)
    fingerprint = hashlib.sha256(printer_text(asked).encode()).digest()
    if request_id:
        row = cursor.execute(_BY_REQUEST, (owner, request_id)).fetchone()
        if row is not None and row[2] == fingerprint:
            return printer_of_text(row[0], row[1])
        if row is not None:
            raise RequestIdReused("the request id made another printer", request_id=request_id)
    revision, there = 1, None
    row = cursor.execute(_ONE, (printer.name,)).fetchone()
    if row is not None:
        there = printer_of_text(*row)
        if not there.pending_deletion:
            raise PrinterExists(f"there is a printer {printer.name!r} already", printer=printer.name)
        revision = there.revision + 1
        cursor.execute(_DELETE, (printer.name,))
    stored = replace(asked, created_at=datetime.now(UTC), revision=revision)
    cursor.execute(
        _INSERT, (stored.name, revision, printer_text(stored), owner, request_id or None, fingerprint)
    )
    _tell(cursor, line, there, stored)
    return stored


def change(cursor: Cursor, printer: Printer, etag: str, line: PrinterLine | None = None) -> Printer:
    """Replace a printer; the rules are `Printers.update_printer`'s."""
    there = _expect(cursor, printer.name, etag)
    stored = replace(printer, created_at=there.created_at, revision=there.revision + 1)
    cursor.execute(_UPDATE, (stored.revision, printer_text(stored), stored.name))
    _tell(cursor, line, there, stored)
    return stored


def remove(cursor: Cursor, name: str, etag: str, line: PrinterLine | None = None) -> Printer | None:
    """Delete a printer without unfinished jobs, or mark it; the rules are `Printers.delete_printer`'s."""
    there = _expect(cursor, name, etag)
    if cursor.execute(_JOBS_OF, (name,)).fetchone() is None:
        cursor.execute(_DELETE, (name,))
        _tell(cursor, line, there, None)
        return None
    if there.pending_deletion:
        return there
    return change(cursor, replace(there, pending_deletion=True), "", line)


def _tell(cursor: Cursor, line: PrinterLine | None, before: Printer | None, after: Printer | None) -> None:
    if line is not None:
        lines.write(cursor, [line(before, after)], micros(datetime.now(UTC)))


def _expect(cursor: Cursor, name: str, etag: str) -> Printer:
    there = one_printer(cursor, name)
    if etag and etag != there.etag:
        raise EtagMismatch(f"printer {name!r} was changed in between", printer=name, etag=there.etag)
    return there
