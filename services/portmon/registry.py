"""Which monitors there are: the files in portmon/monitors, then entry points of others."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import portmon.monitors
from chassis import logs
from chassis.errors import FabricError, InvalidArgument, InvalidPrintMonitor, UnknownPrintMonitor
from portmon.apart import apart
from portmon.guarded import guarded
from portmon.host_values import MonitorValues
from portmon.monitor import Access, MonitorInit, PortMonitor

GROUP = "portmon.monitors"
_LOAD_S = 30.0  # to import a monitor and to make it
_MOST_NAME = 63  # characters
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
                self._add(_made(kind, init))
        for entry in entry_points(group=GROUP) if third_parties is None else third_parties:
            self._add_foreign(entry, init)

    def _add_foreign(self, entry: EntryPoint, init: MonitorInit) -> None:
        """A broken or greedy monitor of somebody else must not keep the host's own ports from working."""
        try:
            monitor = apart(entry.name, lambda: _foreign(entry, init)).result(_LOAD_S)
            self._add(monitor)
        except (FabricError, TimeoutError) as error:
            why = error.message if isinstance(error, FabricError) else f"it takes longer than {_LOAD_S:g} s"
            log.warning("monitor refused", entry_point=entry.name, why=why)

    def _add(self, monitor: AnyMonitor) -> None:
        if monitor.scheme in self._by_scheme:
            raise InvalidPrintMonitor(f"scheme {monitor.scheme!r} is taken", monitor=monitor.scheme)
        self._by_scheme[monitor.scheme] = monitor

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

    def changed_to(self, present: AnyMonitor, scheme: str) -> AnyMonitor:
        """Return the monitor of a scheme, if a port of the present one may become its: RAW and LPR of the network.

        Raises:
            UnknownPrintMonitor, InvalidArgument: it may not; what a local port is, its name says.
        """
        found = self.scheme(scheme)
        kin = found.name == present.name and found.net_attached and present.net_attached
        if found is not present and not kin:
            text = f"a port of {present.description} stays one: delete it and add it anew for another type"
            raise InvalidArgument(text, scheme=scheme)
        return found

    def find(self, name: str, port: str) -> AnyMonitor:
        """Return the monitor for a new port: by its scheme, or by a Windows name and what the port's name says.

        Raises:
            UnknownPrintMonitor: neither knows it.
        """
        if name in self._by_scheme:
            return self._by_scheme[name]
        wanted = [monitor for monitor in self if monitor.name.casefold() == name.casefold()]
        if len(wanted) == 1:
            return wanted[0]
        # The pickiest first: file claims every name, serial and device only theirs.
        for monitor in sorted(wanted, key=lambda one: type(one).claims is PortMonitor.claims):
            if monitor.claims(port):
                return monitor
        raise UnknownPrintMonitor(f"no port monitor {name!r} on this host", monitor=name)


def _made(kind: type[AnyMonitor], init: MonitorInit) -> AnyMonitor:
    return kind(replace(init, own=MonitorValues(init.values, kind.scheme)))


def _foreign(entry: EntryPoint, init: MonitorInit) -> AnyMonitor:
    """Load a third party's monitor.

    Raises:
        InvalidPrintMonitor: what it says of itself makes no sense. And whatever its code raises.
    """
    kind = entry.load()
    if not (inspect.isclass(kind) and issubclass(kind, PortMonitor)):
        raise InvalidPrintMonitor(f"{entry.value} is no class of port monitors")
    for text in (kind.scheme, kind.name, kind.description, *kind.commands):
        if type(text) is not str or len(text) > _MOST_NAME or not text.isprintable():
            raise InvalidPrintMonitor(
                f"{entry.value}: a scheme, a name, and what a command is called are texts"
            )
    if not all(type(access) is Access for access in kind.commands.values()):
        raise InvalidPrintMonitor(f"{entry.value}: each command says what access it needs")
    monitor = _made(kind, init)
    monitor.version = monitor.version or (entry.dist.version if entry.dist is not None else "")
    return guarded(monitor)


def _monitors_in(module: ModuleType) -> Iterator[type[AnyMonitor]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if (
            issubclass(kind, PortMonitor)
            and not inspect.isabstract(kind)
            and kind.__module__ == module.__name__
        ):
            yield kind
