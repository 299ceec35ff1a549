"""What is the whole host's, and what each monitor keeps of its own, over restarts (MONITORREG)."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Any, Protocol

from chassis.errors import InvalidArgument, WrongState

Value = str | int | float | bool

_MOST_NAME = 255  # characters, as in a registry
_MOST_TEXT = 16384
_MOST_VALUES = 256  # of one monitor


class ValueStore(Protocol):
    """Where values are durable: see `port_record.PortStore`."""

    def values(self) -> Any:
        """Return all, by name."""

    def set_value(self, name: str, value: Any) -> None:
        """Set one; None forgets it. Raises StoreUnavailable: nothing was changed."""


class HostValues:
    """The host's values by name, read from memory by any thread. Without a store they live as long as the process."""

    def __init__(self, store: ValueStore | None = None) -> None:
        self._lock = threading.Lock()  # guards both members below against two changes at once
        self._store = store
        self._values: dict[str, Any] = {} if store is None else dict(store.values())

    def bind(self, store: ValueStore) -> None:
        """Take over what a store has, and keep changes there."""
        with self._lock:
            self._store, self._values = store, dict(store.values())

    def get(self, name: str) -> Any:
        """Return a value; None when it was never set."""
        return self._values.get(name)

    def names(self, start: str) -> list[str]:
        """Return the names that begin so, in order."""
        return sorted(name for name in self._values.copy() if name.startswith(start))

    def set(self, name: str, value: Any) -> None:
        """Set a value, a JSON scalar; None forgets it. Blocks until it is durable. Raises StoreUnavailable."""
        with self._lock:
            if self._store is not None:
                self._store.set_value(name, value)
            if value is None:
                self._values.pop(name, None)
            else:
                self._values[name] = value


class MonitorValues:
    """One monitor's subtree of the configuration, and nothing beside it: QueryValue, EnumValue, SetValue, DeleteValue.

    Where it is kept, on the host or at a spooler, is not the monitor's concern. Reading never blocks. A change blocks
    until it is durable, and so is made where a monitor may block: in its constructor, in an opened port's methods and
    in `own_functions`.
    """

    def __init__(self, values: HostValues | None = None, scheme: str = "") -> None:
        self._values, self._start = values or HostValues(), f"Monitors\\{scheme}\\"

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or the default when it was never set."""
        found = self._values.get(self._start + name)
        return default if found is None else found

    def names(self) -> list[str]:
        """Return the names of all values, in order."""
        return [name.removeprefix(self._start) for name in self._values.names(self._start)]

    def set(self, name: str, value: Value) -> None:
        """Set a value.

        Raises:
            InvalidArgument: neither text of up to 16384 characters nor a number; or the 257th value.
            StoreUnavailable: nothing was changed.
            WrongState: called on the event loop.
        """
        key = self._key(name)
        if type(value) not in (str, int, float, bool):
            raise InvalidArgument(
                "a monitor keeps texts, numbers, true and false", fields=[("value", "is none")]
            )
        if isinstance(value, str) and (len(value) > _MOST_TEXT or not _is_text(value)):
            raise InvalidArgument("a monitor's value is too long, or no text", fields=[("value", "is wrong")])
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidArgument("a monitor's value is a finite number", fields=[("value", "is not finite")])
        if self._values.get(key) is None and len(self._values.names(self._start)) >= _MOST_VALUES:
            raise InvalidArgument(f"a monitor keeps {_MOST_VALUES} values", fields=[("name", "is one more")])
        self._set(key, value)

    def delete(self, name: str) -> None:
        """Forget a value, if there is one. Raises as `set` does."""
        self._set(self._key(name), None)

    def _key(self, name: str) -> str:
        if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
            raise InvalidArgument("this is no name of a value", fields=[("name", "is wrong")])
        return self._start + name

    def _set(self, key: str, value: Value | None) -> None:
        if _on_an_event_loop():
            # The store may be a spooler, whose answer comes by this very loop.
            raise WrongState("a monitor's values are not changed on the event loop")
        if self._values.get(key) != value:
            self._values.set(key, value)


def _on_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
