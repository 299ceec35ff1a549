"""What was said about ports by SetPort, over restarts: one JSON file beside the journals, replaced whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chassis import logs
from chassis.errors import StoreUnavailable
from portmon.port_name import same
from portmon.reports import Condition, Report, Severity, Source
from portmon.whole_file import replace_file

_VERSION = 1
log = logs.get(__name__)


class KeptReports:
    """The reports of one host. Calls that change something block until it is durable."""

    def __init__(self, path: Path) -> None:
        """Read the file. One that is no such file is put aside: it costs reports, and no port."""
        self._path = path
        self._lock = threading.Lock()  # guards _ports and the file: calls come from several threads
        self._ports: dict[str, dict[str, Report]] = {}
        if path.exists():
            try:
                self._ports = _read(path.read_bytes())
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("what was said about ports cannot be read", path=str(path), why=repr(error))
                path.replace(path.with_name(path.name + ".bad"))

    def of(self, port: str) -> list[Report]:
        """Return what is kept about a port, also what has run out since."""
        with self._lock:
            return list(self._ports.get(same(port), {}).values())

    def keep(self, port: str, reporter: str, report: Report | None) -> None:
        """Keep a report in place of the reporter's last one; None: forget that.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        with self._lock:
            said = {name: one for name, one in self._ports.get(same(port), {}).items() if name != reporter}
            if report is not None:
                said[reporter] = report
            self._write({**self._ports, same(port): said})

    def forget(self, port: str) -> None:
        """Forget all about a port, if there was anything."""
        with self._lock:
            if same(port) in self._ports:
                self._write({**self._ports, same(port): {}})

    def _write(self, ports: Mapping[str, dict[str, Report]]) -> None:
        kept = {port: said for port, said in ports.items() if said}
        rows = [{"port": port, **_row(one)} for port, said in kept.items() for one in said.values()]
        try:
            replace_file(self._path, json.dumps({"version": _VERSION, "reports": rows}).encode())
        except OSError as error:
            text = f"what is said about a port cannot be kept: {error.strerror}"
            raise StoreUnavailable(text, path=self._path) from error
        self._ports = kept


def _row(report: Report) -> dict[str, Any]:
    return {
        "reporter": report.reporter,
        "condition": report.condition.name,
        "severity": report.severity.name,
        "text": report.text,
        "source": report.source.value,
        "at": report.at,
        "heardAt": report.heard_at,
        "expiresAt": report.expires_at,
    }


def _read(content: bytes) -> dict[str, dict[str, Report]]:
    found = json.loads(content)
    if found["version"] != _VERSION:
        raise ValueError(f"version {found['version']}, this program speaks {_VERSION}")
    ports: dict[str, dict[str, Report]] = {}
    for row in found["reports"]:
        report = Report(
            Condition[row["condition"]],
            Severity[row["severity"]],
            str(row["text"]),
            Source(row["source"]),
            float(row["at"]),
            None if row["expiresAt"] is None else float(row["expiresAt"]),
            str(row["reporter"]),
            heard_at=float(row.get("heardAt", row["at"])),  # files of before have none
        )
        ports.setdefault(same(row["port"]), {})[report.reporter] = report
    return ports
