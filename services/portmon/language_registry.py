"""Which language monitors there are: the files in portmon/languages, then entry points of others."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points

import portmon.languages
from chassis import logs
from chassis.errors import UnknownPrintMonitor
from portmon.language import Language

GROUP = "portmon.languages"
log = logs.get(__name__)


class Languages:
    """The language monitors of one host, by name; names compare whatever their case."""

    def __init__(self, third_parties: Iterable[EntryPoint] | None = None) -> None:
        """Scan the built-in ones and load third parties' (by default the installed entry points)."""
        self._by_name: dict[str, type[Language]] = {}
        for found in pkgutil.iter_modules(portmon.languages.__path__):
            module = importlib.import_module(f"{portmon.languages.__name__}.{found.name}")
            for _, kind in inspect.getmembers(module, inspect.isclass):
                if (
                    issubclass(kind, Language)
                    and not inspect.isabstract(kind)
                    and kind.__module__ == module.__name__
                ):
                    self._add(kind)
        for entry in entry_points(group=GROUP) if third_parties is None else third_parties:
            try:
                self._add(entry.load())
            except (ImportError, AttributeError, TypeError, ValueError) as error:
                log.warning("language monitor refused", entry_point=entry.name, why=str(error))

    def _add(self, kind: type[Language]) -> None:
        if kind.name.casefold() in self._by_name:
            raise ValueError(f"language {kind.name!r} is there already")
        self._by_name[kind.name.casefold()] = kind

    def __iter__(self) -> Iterator[type[Language]]:
        return iter(self._by_name.values())

    def find(self, name: str) -> type[Language]:
        """Return a language monitor.

        Raises:
            UnknownPrintMonitor: code 3000, with the names there are.
        """
        found = self._by_name.get(name.casefold())
        if found is None:
            known = ", ".join(kind.name for kind in self)
            raise UnknownPrintMonitor(
                f"no language monitor {name!r} on this host; there are {known}", monitor=name
            )
        return found
