"""Which monitors there are: the files in portmon/monitors, then entry points of others."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import portmon.monitors
from chassis import logs
from chassis.errors import UnknownPrintMonitor
from portmon.monitor import MonitorInit, PortMonitor
from portmon.recorded_port import recording

GROUP = "portmon.monitors"
log = logs.get(__name__)
AnyMonitor = PortMonitor[Any]


class Registry:
    """The monitors of one host, one instance each."""

    def __init__(self, init: MonitorInit, third_parties: Iterable[EntryPoint] | None = None) -> None:
        """Scan the built-in monitors and load third parties' (by default the installed entry points)."""
        self.init = init
        self._by_scheme: dict[str, AnyMonitor] = {}
        for found in pkgutil.iter_modules(portmon.monitors.__path__):
            for kind in _monitors_in(importlib.import_module(f"{portmon.monitors.__name__}.{found.name}")):
                self._add(kind, init)
        for entry in entry_points(group=GROUP) if third_parties is None else third_parties:
            self._add_foreign(entry, init)

    def _add_foreign(self, entry: EntryPoint, init: MonitorInit) -> None:
        """A broken or greedy monitor of somebody else must not keep the host's own ports from working."""
        try:
            self._add(entry.load(), init)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            log.warning("monitor refused", entry_point=entry.name, why=str(error))

    def _add(self, kind: type[AnyMonitor], init: MonitorInit) -> None:
        if kind.scheme in self._by_scheme:
            raise ValueError(f"scheme {kind.scheme!r} is taken by {self._by_scheme[kind.scheme]!r}")
        self._by_scheme[kind.scheme] = recording(kind(init))

    def __iter__(self) -> Iterator[AnyMonitor]:
        return iter(self._by_scheme.values())

    def names(self) -> list[str]:
        """Return the Windows names, each once, in order."""
        return list(dict.fromkeys(monitor.name for monitor in self))

    def scheme(self, scheme: str) -> AnyMonitor:
        """Return the monitor of a scheme.

        Raises:
            UnknownPrintMonitor: there is none.
        """
        found = self._by_scheme.get(scheme)
        if found is None:
            raise UnknownPrintMonitor(f"no port monitor for scheme {scheme!r} on this host", monitor=scheme)
        return found

    def find(self, name: str, port: str) -> AnyMonitor:
        """Return the monitor for a new port: by its scheme, or by a Windows name and what the port's name says.

        Raises:
            UnknownPrintMonitor: neither knows it.
        """
        if name in self._by_scheme:
            return self._by_scheme[name]
        wanted = [monitor for monitor in self if monitor.name.casefold() == name.casefold()]
        # The pickiest first: file claims every name, serial and device only theirs.
        for monitor in sorted(wanted, key=lambda one: type(one).claims is PortMonitor.claims):
            if monitor.claims(port):
                return monitor
        raise UnknownPrintMonitor(f"no port monitor {name!r} on this host", monitor=name)


def _monitors_in(module: ModuleType) -> Iterator[type[AnyMonitor]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if (
            issubclass(kind, PortMonitor)
            and not inspect.isabstract(kind)
            and kind.__module__ == module.__name__
        ):
            yield kind
