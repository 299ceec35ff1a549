"""The configured ports of this host, and where they are kept (Windows' MONITORREG: never the registry itself)."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from chassis.errors import EtagMismatch, PortExists, PortNotFound, StoreUnavailable
from portmon.journal_file import sync_dir
from portmon.port_name import same

_VERSION = 1


@dataclass(frozen=True, slots=True)
class PortRecord:
    """One configured port: its name, the scheme of its monitor, and its settings as JSON values."""

    name: str
    scheme: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """A hash of the settings, which changes when they do."""
        text = json.dumps([self.scheme, self.settings], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class PortStore(Protocol):
    """What must be remembered about ports. Calls block until the change is durable."""

    def ports(self) -> list[PortRecord]:
        """Return all ports, by name."""

    def add(self, record: PortRecord) -> None:
        """Add a port.

        Raises:
            PortExists: a port of that name, whatever its case.
        """

    def replace(self, record: PortRecord, revision: str | None) -> None:
        """Replace a port's settings, if they are still those of `revision` (None: whatever they are).

        Raises:
            PortNotFound, EtagMismatch: nothing was changed.
        """

    def delete(self, name: str) -> None:
        """Forget a port.

        Raises:
            PortNotFound: there is none.
        """


class LocalPortStore:
    """The store of a single host: one JSON file, written beside, fsynced, renamed."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            StoreUnavailable: it is not what this program wrote; it is left as it is, for a person to look at.
        """
        self._path = path
        self._lock = threading.Lock()  # guards _ports and the file: calls come from several threads
        self._ports: dict[str, PortRecord] = {}
        self._lines: dict[
            str, str
        ] = {}  # each port as it stands in the file: only what changed is written anew
        if path.exists():
            try:
                found = json.loads(path.read_text("utf-8"))
                if found["version"] != _VERSION:
                    raise StoreUnavailable(
                        f"{path} has version {found['version']}, this program speaks {_VERSION}"
                    )
                rows = [PortRecord(row["name"], row["scheme"], row["settings"]) for row in found["ports"]]
            except (ValueError, KeyError, TypeError) as error:
                raise StoreUnavailable(f"{path} is not a list of ports: {error!r}", path=path) from error
            self._ports = {same(row.name): row for row in rows}

    def ports(self) -> list[PortRecord]:
        """Return all ports, by name."""
        with self._lock:
            return sorted(self._ports.values(), key=lambda record: same(record.name))

    def add(self, record: PortRecord) -> None:
        """Add a port."""
        with self._lock:
            if same(record.name) in self._ports:
                raise PortExists(f"port {record.name} exists already", port=record.name)
            self._write({**self._ports, same(record.name): record})

    def replace(self, record: PortRecord, revision: str | None) -> None:
        """Replace a port's settings."""
        with self._lock:
            before = self._ports.get(same(record.name))
            if before is None:
                raise PortNotFound(f"no port {record.name} on this host", port=record.name)
            if revision and revision != before.revision:
                raise EtagMismatch(f"port {record.name} was changed meanwhile", port=record.name)
            self._write({**self._ports, same(record.name): record})

    def delete(self, name: str) -> None:
        """Forget a port."""
        with self._lock:
            if same(name) not in self._ports:
                raise PortNotFound(f"no port {name} on this host", port=name)
            self._write({key: row for key, row in self._ports.items() if key != same(name)})

    def _write(self, ports: dict[str, PortRecord]) -> None:
        lines = {
            key: self._lines[key] if key in self._lines and self._ports.get(key) is row else _line(row)
            for key, row in ports.items()
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(self._path.name + ".new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(f'{{"version": {_VERSION}, "ports": [\n' + ",\n".join(lines.values()) + "\n]}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.rename(self._path)
            sync_dir(self._path.parent)
        except OSError as error:
            raise StoreUnavailable(
                f"the list of ports cannot be written: {error.strerror}", path=self._path
            ) from error
        self._ports, self._lines = ports, lines


def _line(row: PortRecord) -> str:
    return json.dumps({"name": row.name, "scheme": row.scheme, "settings": dict(row.settings)})
