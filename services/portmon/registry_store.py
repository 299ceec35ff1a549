"""The ports of this host as the spooler keeps them, for a fabric whose hosts keep nothing of their own (MONITORREG).

What the spooler has is true. A copy on the host serves while the spooler is away: ports open and print as before, and are
not changed until it is back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from chassis.errors import EtagMismatch, FabricError, PortExists, PortNotFound, StoreUnavailable
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

_VERSION = 1
_MOST_CHANGES = 200
_TRIES = 8  # while somebody else changes the same host


class Kept(NamedTuple):
    """A host's document and its revision; both empty when nothing is kept yet."""

    document: bytes
    revision: str


class Keeper(Protocol):
    """Whoever keeps the document. Calls block; never on the event loop."""

    def get(self) -> Kept:
        """Return what is kept.

        Raises:
            FabricError: nobody answers.
        """

    def put(self, document: bytes, expected: str) -> str:
        """Keep another one in place of `expected`, and return its revision.

        Raises:
            EtagMismatch: another one is kept by now.
            FabricError: nobody answers; it may have been kept.
        """


class Copy(Protocol):
    """The copy on the host."""

    def load(self) -> bytes:
        """Return it; b"" when there is none."""

    def save(self, document: bytes) -> None:
        """Write it, durably."""


class _State(NamedTuple):
    ports: Mapping[str, PortRecord]
    values: Mapping[str, Any]
    changes: tuple[Mapping[str, Any], ...]  # newest first


class RegistryStore:
    """See `PortStore`."""

    def __init__(self, keeper: Keeper, copy: Copy, clock: Callable[[], float] = time.time) -> None:
        """Take what is kept, else the copy.

        Raises:
            StoreUnavailable: what is there is not what this program wrote.
        """
        self._keeper, self._copy, self._clock = keeper, copy, clock
        self._lock = threading.Lock()  # guards the members below: calls come from several threads
        self._revision = ""
        self.away: FabricError | None = None  # why the copy serves
        try:
            kept = keeper.get()
        except FabricError as error:
            self.away = error
            self._state = _read(copy.load())
        else:
            self._take(kept)

    def _take(self, kept: Kept) -> None:
        self._state, self._revision = _read(kept.document), kept.revision
        self._copy.save(kept.document)
        self.away = None

    # --- asking

    def ports(self) -> list[PortRecord]:
        """Return all ports, by name."""
        with self._lock:
            return sorted(self._state.ports.values(), key=lambda record: same(record.name))

    def values(self) -> Mapping[str, Any]:
        """Return the host's values."""
        with self._lock:
            return dict(self._state.values)

    def history(self, name: str = "", most: int = 100) -> list[PortChange]:
        """Return the latest changes, newest first."""
        with self._lock:
            found = [change_of(row) for row in self._state.changes]
        return [one for one in found if not name or same(one.name) == same(name)][:most]

    # --- changing

    def add(self, record: PortRecord) -> None:
        """Add a port."""
        self.add_all([record])

    def add_all(self, records: Sequence[PortRecord]) -> None:
        """Add ports: the document is written once."""

        def change(state: _State) -> _State:
            for record in records:
                if same(record.name) in state.ports:
                    raise PortExists(f"port {record.name} exists already", port=record.name)
                ports = {**state.ports, same(record.name): record}
                state = state._replace(ports=ports, changes=self._noted(state, record.name, None, record))
            return state

        self._change(change)

    def replace(self, record: PortRecord, revision: str | None) -> None:
        """Replace a port's settings."""

        def change(state: _State) -> _State:
            before = state.ports.get(same(record.name))
            if before is None:
                raise PortNotFound(f"no port {record.name} on this host", port=record.name)
            if revision and revision != before.revision:
                raise EtagMismatch(f"port {record.name} was changed meanwhile", port=record.name)
            if record == before:
                return state
            ports = {**state.ports, same(record.name): record}
            return state._replace(ports=ports, changes=self._noted(state, record.name, before, record))

        self._change(change)

    def delete(self, name: str) -> None:
        """Forget a port."""

        def change(state: _State) -> _State:
            before = state.ports.get(same(name))
            if before is None:
                raise PortNotFound(f"no port {name} on this host", port=name)
            ports = {key: one for key, one in state.ports.items() if key != same(name)}
            return state._replace(ports=ports, changes=self._noted(state, before.name, before, None))

        self._change(change)

    def set_value(self, name: str, value: Any) -> None:
        """Set a value of the host's."""

        def change(state: _State) -> _State:
            before = state.values.get(name)
            if value == before:
                return state
            values = {**state.values, name: value}
            return state._replace(
                values={key: one for key, one in values.items() if one is not None},
                changes=_with(state, value_changed(self._clock(), name, before, value)),
            )

        self._change(change)

    def _change(self, change: Callable[[_State], _State]) -> None:
        """Change what is kept; what somebody else has changed meanwhile stays as they wanted it."""
        with self._lock:
            if self.away is not None:
                self._fetch()
            for _ in range(_TRIES):
                after = change(self._state)
                if after is self._state:
                    return
                document = _written(after)
                try:
                    self._revision = self._put(document)
                except EtagMismatch:
                    self._fetch()
                    continue
                self._state = after
                self._copy.save(document)
                return
        raise StoreUnavailable("the host's ports are changed by somebody else all the time")

    def _put(self, document: bytes) -> str:
        try:
            return self._keeper.put(document, self._revision)
        except EtagMismatch:
            raise
        except FabricError as error:
            self.away = error  # whether it was kept is looked at before the next change
            raise _away(error) from error

    def _fetch(self) -> None:
        try:
            self._take(self._keeper.get())
        except StoreUnavailable:
            raise
        except FabricError as error:
            self.away = error
            raise _away(error) from error

    def _noted(
        self, state: _State, name: str, before: PortRecord | None, after: PortRecord | None
    ) -> tuple[Mapping[str, Any], ...]:
        return _with(state, PortChange(self._clock(), name, before, after))


def _with(state: _State, change: PortChange) -> tuple[Mapping[str, Any], ...]:
    return (row_of_change(change), *state.changes)[:_MOST_CHANGES]


def _away(error: FabricError) -> StoreUnavailable:
    return StoreUnavailable(f"the spooler keeps this host's ports and does not answer: {error.message}")


def _written(state: _State) -> bytes:
    ports = [row_of(one) for one in state.ports.values()]
    found = {"version": _VERSION, "values": state.values, "ports": ports, "changes": state.changes}
    return json.dumps(found).encode()


def _read(document: bytes) -> _State:
    if not document:
        return _State({}, {}, ())
    try:
        found = json.loads(document)
        if found["version"] != _VERSION:
            raise StoreUnavailable(
                f"the host's ports are of version {found['version']}, this program speaks {_VERSION}"
            )
        rows = [record_of(row) for row in found["ports"]]
        changes = tuple(found.get("changes", ()))
        for one in changes:
            change_of(one)
        return _State({same(row.name): row for row in rows}, dict(found.get("values", {})), changes)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreUnavailable(f"what is kept for this host is no list of ports: {error!r}") from error
