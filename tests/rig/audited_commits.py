"""Whether each commit of a store carries the line of what it changes: what a crash behind it leaves is then explained.

After each commit, of one operation each, the tables are read over a connection of its own, as the next spooler would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spooler.job_state import IPP_NUMBER, JobState
from spooler.sql.postgres.store import PostgresStore
from spooler.sql.store import SqlStore

Ask = Callable[[str], Sequence[Sequence[Any]]]

_JOBS = (
    "number, state, reasons, printer, hold_reason, priority, copies, retain, rest, document_name, attributes"
)
_QUESTIONS = {
    "jobs": f"SELECT {_JOBS} FROM jobs",
    "printers": "SELECT name, revision, body FROM printers",
    "pauses": "SELECT host_key || '/' || port_key, reason FROM paused_ports",
    "notes": "SELECT key, value FROM meta WHERE key LIKE 'note %'",
    "uploads": "SELECT id FROM uploads",
}
_PENDING, _PROCESSING, _COMPLETED = (
    IPP_NUMBER[one] for one in (JobState.PENDING, JobState.PROCESSING, JobState.COMPLETED)
)
# What a port does with a job, and nobody decides.
_BY_ITSELF = {(_PENDING, _PROCESSING), (_PROCESSING, _COMPLETED), (_PROCESSING, _PROCESSING)}
# Sessions: whoever signs in is in the log.
_NO_ACT = {"note session key", "note spent ID tokens"}
# Lines of people without which nothing may have changed, and which need a change.
_OF_A_CHANGE = {
    *("changed", "canceled", "cancel-requested", "restarted", "moved", "held", "decided", "reprinted"),
    *("printer-added", "printer-changed", "printer-deleting", "printer-deleted"),
    *("acknowledged", "acknowledgement-withdrawn", "host-configured", "upload-forgotten", "paused"),
    *("port-declared", "port-released"),
}


class Line(NamedTuple):
    """A line of history that came with a commit."""

    what: str
    who: str
    job: int
    printer: str
    port: str


@dataclass
class AuditedCommits:
    """Looks after each commit of a store; `faults` are the commits that changed something without a line, or the reverse."""

    ask: Ask
    commits: int = 0
    faults: list[str] = field(default_factory=list)
    _seen: Mapping[str, Mapping[Any, tuple[Any, ...]]] = field(default_factory=dict)
    _last_line: int = 0

    def attach(self, store: SqlStore | PostgresStore) -> None:
        """Look at all that is committed from now on."""
        self._seen, _ = self._tables(), self._lines()
        thread = store._thread
        commit, thread._max_batch = thread._commit, 1  # nothing shares a commit by chance

        def audited(batch: Any) -> None:
            commit(batch)
            self._look()

        thread._commit = audited

    def _look(self) -> None:
        self.commits += 1
        before, self._seen, lines = self._seen, self._tables(), self._lines()
        changed = list(_differences(before, self._seen))
        for table, key, old, new in changed:
            if _needs_a_line(table, key, old, new) and not any(
                _is_about(line, table, key, new) for line in lines
            ):
                self.faults.append(f"{table} {key} changed without a line: {old} -> {new}")
        for line in lines:
            if line.what in _OF_A_CHANGE and not changed:
                self.faults.append(f"nothing changed with {line}")

    def _tables(self) -> dict[str, dict[Any, tuple[Any, ...]]]:
        return {
            table: {row[0]: tuple(row[1:]) for row in self.ask(question)}
            for table, question in _QUESTIONS.items()
        }

    def _lines(self) -> list[Line]:
        found = self.ask(
            "SELECT id, what, who, job_number, printer, port_host, port_name FROM history"
            f" WHERE id > {self._last_line} ORDER BY id"
        )
        self._last_line = max([self._last_line, *(row[0] for row in found)])
        return [
            Line(what, who, job, printer, f"{host or ''}/{port or ''}".casefold())
            for _, what, who, job, printer, host, port in found
        ]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any, Any]]:
    for table in before:
        for key in {*before[table], *after[table]}:
            old, new = before[table].get(key), after[table].get(key)
            if old != new:
                yield table, key, old, new


def _needs_a_line(table: str, key: Any, old: Any, new: Any) -> bool:
    if table == "jobs" and old is None:
        return "reprint-of" in (new[-1] or "")  # any other is its own: it says who sent it
    if table == "jobs":
        stopping = new is not None and "stop-point" in str(new[1]) and "stop-point" not in str(old[1])
        by_itself = new is None or (old[0], new[0]) in _BY_ITSELF
        return bool(stopping or not by_itself)
    if table == "uploads":
        return new is None  # none ends as a job where this is used
    return key not in _NO_ACT


def _is_about(line: Line, table: str, key: Any, new: Any) -> bool:
    if table == "jobs":
        of = json.loads(new[-1]).get("reprint-of", "") if line.what == "reprinted" and new[-1] else ""
        return bool(line.job == key or of == f"jobs/{line.job}")
    if table == "printers":
        return bool(line.printer == key)
    return bool(line.port == key) if table == "pauses" else True
