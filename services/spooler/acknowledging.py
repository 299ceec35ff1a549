"""Who has in hand what needs somebody: an act of a person, for all to see until a time. Kept in the store, audited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from chassis.errors import EtagMismatch, WrongState
from spooler.job import HistoryEvent
from spooler.moments import stamp
from spooler.printer import PortName
from spooler.store import Notes

_NOTE = "acknowledgements"  # {"hosts/edge-7/ports/com1:": [name, who, at, until, reason]}, times in seconds
_MOST = 500


class Acknowledgement(NamedTuple):
    """Somebody has something in hand."""

    name: str  # "hosts/edge-7", "hosts/edge-7/ports/COM1:", "printers/labels", "printers/labels/decisions"
    by: str
    at: datetime
    until: datetime
    reason: str = ""


class Acknowledgements:
    """Those that hold now. Read from the store each time, for any spooler on it may have been told of one."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def all(self) -> list[Acknowledgement]:
        """Return them by name."""
        return [one for _, one in sorted((await self._kept())[1].items())]

    async def acknowledge(self, given: Acknowledgement) -> None:
        """Keep one in place of an earlier one about the same.

        Raises:
            WrongState: there are too many.
        """
        until = f"until {stamp(given.until)}"
        detail = f"{until}: {given.reason}".removesuffix(": ")
        await self._put(given.name, given, _line("acknowledged", given.by, given.name, detail))

    async def withdraw(self, name: str, who: str) -> None:
        """Take one back; without one nothing happens."""
        given = (await self._kept())[1].get(_key(name))
        if given is not None:
            await self._put(name, None, _line("acknowledgement-withdrawn", who, given.name, ""))

    async def _put(self, name: str, given: Acknowledgement | None, line: HistoryEvent) -> None:
        written = False
        while not written:
            text, kept = await self._kept()
            kept.pop(_key(name), None)
            if given is not None:
                kept[_key(name)] = given
            if len(kept) > _MOST:
                raise WrongState(f"{_MOST} things are acknowledged already: take one back first")
            with suppress(EtagMismatch):  # another spooler wrote it meanwhile
                await self._notes.put_note(_NOTE, json.dumps(_rows(kept), sort_keys=True), text, [line])
                written = True

    async def _kept(self) -> tuple[str | None, dict[str, Acknowledgement]]:
        text, now = await self._notes.get_note(_NOTE), datetime.now(UTC)
        rows = json.loads(text) if text else {}
        found = {
            key: Acknowledgement(name, by, _moment(at), _moment(until), reason)
            for key, (name, by, at, until, reason) in rows.items()
        }
        return text, {key: one for key, one in found.items() if one.until > now}


def _line(what: str, who: str, name: str, detail: str) -> HistoryEvent:
    """Return a line for the history of the thing; a host has none, so its line names it."""
    host, is_port, port = name.removeprefix("hosts/").partition("/ports/")
    if name.startswith("printers/"):
        printer, _, decisions = name.removeprefix("printers/").partition("/")
        return HistoryEvent(what, who, f"{decisions} {detail}".strip(), printer=printer)
    if is_port:
        return HistoryEvent(what, who, detail, port=PortName(host, port))
    return HistoryEvent(what, who, f"host {host} {detail}".rstrip())


def _key(name: str) -> str:
    return name.casefold()


def _rows(kept: Mapping[str, Acknowledgement]) -> dict[str, list[str | float]]:
    return {
        key: [one.name, one.by, one.at.timestamp(), one.until.timestamp(), one.reason]
        for key, one in kept.items()
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
