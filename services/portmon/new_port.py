"""Ports that are to be: checked, and what each begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chassis.errors import FabricError, PortExists
from portmon.checked import checked_settings
from portmon.journal.port_journal import Journal
from portmon.monitor import PortMonitor, PortSettings
from portmon.port_name import canonical, same
from portmon.port_record import PortRecord
from portmon.registry import Registry

Refused = tuple[str, FabricError]


class NewPort(NamedTuple):
    """A port that may be added."""

    record: PortRecord
    monitor: PortMonitor[Any]
    settings: PortSettings


def new_port(registry: Registry, name: str, monitor: str, values: Mapping[str, Any]) -> NewPort:
    """Return a port that may be added; `monitor` is a Windows name or a scheme.

    Raises:
        InvalidArgument, InvalidSettings, UnknownPrintMonitor: it may not.
    """
    name = canonical(name)
    found = registry.find(monitor, name)
    settings = checked_settings(found, name, dict(values))
    return NewPort(PortRecord(name, found.scheme, stored(settings)), found, settings)


def sorted_out(
    registry: Registry, wanted: Iterable[tuple[str, str, Mapping[str, Any]]], known: Collection[str]
) -> tuple[Sequence[NewPort], Sequence[Refused]]:
    """Return which ports may be added, of each name the first, and which may not, and why; `known`: names that are taken."""
    new: dict[str, NewPort] = {}
    refused: list[Refused] = []
    for name, monitor, values in wanted:
        try:
            one = new_port(registry, name, monitor, values)
        except FabricError as error:
            refused.append((name, error))
            continue
        key = same(one.record.name)
        if key in known:
            refused.append((name, PortExists(f"port {name} exists already", port=name)))
        else:
            new.setdefault(key, one)
    return list(new.values()), refused


def stored(settings: PortSettings) -> dict[str, Any]:
    """Return settings as they are kept: what differs from the defaults."""
    return settings.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def begin_journals(state_dir: Path, names: Iterable[str], slots: int) -> None:
    """Make the journals of ports that have none. Raises StoreUnavailable: none was made.

    A journal begins with its port, not with the first use: what is newer is then proven to be in it.
    """
    journals = {journal_path(state_dir, name): same(name) for name in names}
    Journal.begin_all({path: name for path, name in journals.items() if not path.exists()}, slots)


def journal_path(state_dir: Path, name: str) -> Path:
    """Return where the journal of a port lies, for any name: readable, and different for different ports."""
    readable = "".join(letter if letter.isalnum() else "_" for letter in name.casefold())[:40]
    digest = hashlib.sha256(same(name).encode()).hexdigest()[:8]
    return state_dir / "journals" / f"{readable}-{digest}.journal"
