"""A configured port, and the interface to where ports are kept (Windows' MONITORREG: never the registry itself)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


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


@dataclass(frozen=True, slots=True)
class PortChange:
    """One change of the past. `before` and `after` are None where the port was not there; `at` is seconds since 1970.

    For a value of the host's, `name` is empty and the settings have that value alone.
    """

    at: float
    name: str
    before: PortRecord | None
    after: PortRecord | None


class PortStore(Protocol):
    """What must be remembered about ports, and about the host. Calls block until the change is durable.

    The functions of MONITORREG stand behind it: a port is a key below its monitor's, its settings are the key's values;
    AddPort and DeletePort create and delete it, EnumPorts returns exactly what is stored.
    """

    def ports(self) -> list[PortRecord]:
        """Return all ports, by name."""

    def add(self, record: PortRecord) -> None:
        """Add a port.

        Raises:
            PortExists: a port of that name, whatever its case.
            StoreUnavailable: nothing was changed.
        """

    def add_all(self, records: Sequence[PortRecord]) -> None:
        """Add ports of different names with one change. Raises as `add`: none was added."""

    def replace(self, record: PortRecord, revision: str | None) -> None:
        """Replace a port's settings, if they are still those of `revision` (None: whatever they are).

        Raises:
            PortNotFound, EtagMismatch, StoreUnavailable: nothing was changed.
        """

    def delete(self, name: str) -> None:
        """Forget a port.

        Raises:
            PortNotFound: there is none.
            StoreUnavailable: nothing was changed.
        """

    def values(self) -> Mapping[str, Any]:
        """Return what is the whole host's, as TransmissionRetryTimeout."""

    def set_value(self, name: str, value: Any) -> None:
        """Set such a value, a JSON scalar; None forgets it.

        Raises:
            StoreUnavailable: nothing was changed.
        """

    def history(self, name: str = "", most: int = 100) -> list[PortChange]:
        """Return the latest changes, newest first: of one port, or of all and of the host's values."""


def row_of(record: PortRecord | None) -> Mapping[str, Any] | None:
    """Return a record as JSON has it."""
    if record is None:
        return None
    return {"name": record.name, "scheme": record.scheme, "settings": dict(record.settings)}


def record_of(row: Mapping[str, Any]) -> PortRecord:
    """Return the record of a row. Raises KeyError, TypeError: it is none."""
    return PortRecord(row["name"], row["scheme"], row["settings"])


def row_of_change(change: PortChange) -> Mapping[str, Any]:
    """Return a change as JSON has it."""
    before, after = row_of(change.before), row_of(change.after)
    return {"at": change.at, "name": change.name, "before": before, "after": after}


def change_of(row: Mapping[str, Any]) -> PortChange:
    """Return the change of a row. Raises KeyError, TypeError, ValueError: it is none."""
    before, after = (record_of(one) if one else None for one in (row["before"], row["after"]))
    return PortChange(float(row["at"]), str(row["name"]), before, after)


def value_changed(at: float, name: str, before: object, after: object) -> PortChange:
    """Return the change of a value of the host's."""
    records = [None if one is None else PortRecord("", "", {name: one}) for one in (before, after)]
    return PortChange(at, "", *records)
