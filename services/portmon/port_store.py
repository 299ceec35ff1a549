"""The store of a single host: one JSON file, written beside, fsynced, renamed; and a file of what it was before."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chassis.errors import EtagMismatch, PortExists, PortNotFound, StoreUnavailable
from portmon.port_name import same
from portmon.port_record import (
    PortChange,
    PortRecord,
    change_of,
    record_of,
    row_of,
    row_of_change,
    value_changed,
)
from portmon.whole_file import replace_file

_VERSION = 1
_MOST_HISTORY_BYTES = 1 << 20  # then the file is put aside and a new one begun


class LocalPortStore:
    """See `PortStore`."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Read the file.

        Raises:
            StoreUnavailable: it is not what this program wrote; it is left as it is, for a person to look at.
        """
        self._path, self._clock = path, clock
        # Guards the members below and the files: calls come from several threads.
        self._lock = threading.Lock()
        self._ports: dict[str, PortRecord] = {}
        self._values: dict[str, Any] = {}
        # each port as it stands in the file: only what changed is written anew
        self._lines: dict[str, str] = {}
        if path.exists():
            try:
                found = json.loads(path.read_text("utf-8"))
                if found["version"] != _VERSION:
                    raise StoreUnavailable(
                        f"{path} has version {found['version']}, this program speaks {_VERSION}"
                    )
                rows = [record_of(row) for row in found["ports"]]
                self._values = dict(found.get("values", {}))
            except (ValueError, KeyError, TypeError) as error:
                raise StoreUnavailable(f"{path} is not a list of ports: {error!r}", path=path) from error
            self._ports = {same(row.name): row for row in rows}

    def ports(self) -> list[PortRecord]:
        """Return all ports, by name."""
        with self._lock:
            return sorted(self._ports.values(), key=lambda record: same(record.name))

    def add(self, record: PortRecord) -> None:
        """Add a port."""
        self.add_all([record])

    def add_all(self, records: Sequence[PortRecord]) -> None:
        """Add ports: the file is written once."""
        with self._lock:
            for record in records:
                if same(record.name) in self._ports:
                    raise PortExists(f"port {record.name} exists already", port=record.name)
            self._write({**self._ports, **{same(one.name): one for one in records}}, self._values)
            self._remember(*(PortChange(self._clock(), one.name, None, one) for one in records))

    def replace(self, record: PortRecord, revision: str | None) -> None:
        """Replace a port's settings."""
        with self._lock:
            before = self._ports.get(same(record.name))
            if before is None:
                raise PortNotFound(f"no port {record.name} on this host", port=record.name)
            if revision and revision != before.revision:
                raise EtagMismatch(f"port {record.name} was changed meanwhile", port=record.name)
            self._write({**self._ports, same(record.name): record}, self._values)
            if record != before:
                self._remember(PortChange(self._clock(), record.name, before, record))

    def delete(self, name: str) -> None:
        """Forget a port."""
        with self._lock:
            before = self._ports.get(same(name))
            if before is None:
                raise PortNotFound(f"no port {name} on this host", port=name)
            self._write({key: row for key, row in self._ports.items() if key != same(name)}, self._values)
            self._remember(PortChange(self._clock(), before.name, before, None))

    def values(self) -> Mapping[str, Any]:
        """Return the host's values."""
        with self._lock:
            return dict(self._values)

    def set_value(self, name: str, value: Any) -> None:
        """Set a value of the host's."""
        with self._lock:
            before = self._values.get(name)
            values = {**self._values, name: value}
            self._write(self._ports, {key: one for key, one in values.items() if one is not None})
            if value != before:
                self._remember(value_changed(self._clock(), name, before, value))

    def history(self, name: str = "", most: int = 100) -> list[PortChange]:
        """Return the latest changes, newest first."""
        found: list[PortChange] = []
        with self._lock:
            for path in (self._history, self._older):
                for line in reversed(_lines_of(path)):
                    change = _change(line)
                    if change is not None and (not name or same(change.name) == same(name)):
                        found.append(change)
                    if len(found) >= most:
                        return found
        return found

    # --- files

    @property
    def _history(self) -> Path:
        return self._path.with_name(self._path.name + ".history")

    @property
    def _older(self) -> Path:
        return self._path.with_name(self._path.name + ".history.old")

    def _write(self, ports: dict[str, PortRecord], values: dict[str, Any]) -> None:
        lines = {
            key: self._lines[key] if key in self._lines and self._ports.get(key) is row else _line(row)
            for key, row in ports.items()
        }
        head = f'{{"version": {_VERSION}, "values": {json.dumps(values)}, "ports": [\n'
        try:
            replace_file(self._path, (head + ",\n".join(lines.values()) + "\n]}\n").encode())
        except OSError as error:
            raise StoreUnavailable(
                f"the list of ports cannot be written: {error.strerror}", path=self._path
            ) from error
        self._ports, self._lines, self._values = ports, lines, values

    def _remember(self, *changes: PortChange) -> None:
        """Write changes down. They are done by then: a full disk costs the memory of them and nothing else."""
        with contextlib.suppress(OSError):
            if self._history.exists() and self._history.stat().st_size > _MOST_HISTORY_BYTES:
                self._history.rename(self._older)
            with self._history.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row_of_change(change)) + "\n" for change in changes)


def _line(record: PortRecord) -> str:
    return json.dumps(row_of(record))


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _change(line: str) -> PortChange | None:
    """Return a line of the history; None for one that a crash or a full disk has cut."""
    try:
        return change_of(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None
