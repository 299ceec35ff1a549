"""What the host asks a third party's monitor about settings and names: an answer it can use, or a refusal with a reason.

These are asked for every port again and again, for lists of all ports too: one that fails must not take the others away.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from chassis import logs
from chassis.errors import FabricError, Internal
from portmon.apart import apart
from portmon.devices.found import FoundDevice
from portmon.monitor import PortMonitor

_DEVICES_S = 5.0  # to look for devices
_MOST_TEXT = 4096
T = TypeVar("T")
log = logs.get(__name__)


def guarded(monitor: PortMonitor[Any]) -> PortMonitor[Any]:
    """Put a wall around what is asked on the event loop, and around the search for devices; return the monitor."""
    for name in ("check", "check_name"):
        setattr(monitor, name, _refusing(monitor.scheme, getattr(monitor, name)))
    for name in ("device", "identity", "where", "absence"):
        setattr(monitor, name, _answering(monitor.scheme, getattr(monitor, name), ""))
    for name in ("claims", "private"):
        setattr(monitor, name, _answering(monitor.scheme, getattr(monitor, name), False))
    for name in ("bind", "unbind"):
        setattr(monitor, name, _answering(monitor.scheme, getattr(monitor, name), None))
    monitor.devices = _Search(monitor.scheme, monitor.devices)  # type: ignore[method-assign]
    return monitor


def _refusing(scheme: str, ask: Callable[..., object]) -> Callable[..., None]:
    """Let a refusal through, and make one of any other failure: what could not be checked is not accepted."""

    def asked(*given: object) -> None:
        try:
            ask(*given)
        except FabricError:
            raise
        except Exception as error:  # the wall around a monitor's code
            log.warning("monitor failed", monitor=scheme, why=type(error).__name__)
            raise Internal(f"monitor {scheme} failed: {type(error).__name__}", monitor=scheme) from error

    return asked


def _answering(scheme: str, ask: Callable[..., object], otherwise: T) -> Callable[..., T]:
    """Answer `otherwise` in place of a failure, and of what is of another type or no text."""

    def asked(*given: object) -> T:
        try:
            found = ask(*given)
        except Exception as error:  # noqa: BLE001 - the wall around a monitor's code
            log.warning("monitor failed", monitor=scheme, why=type(error).__name__)
            return otherwise
        if type(found) is not type(otherwise):
            return otherwise
        if isinstance(found, str) and (len(found) > _MOST_TEXT or not found.isprintable()):
            return otherwise
        return found

    return asked


class _Search:
    """The search for devices, on a thread of its own; one that hangs has found nothing until it is back."""

    def __init__(self, scheme: str, search: Callable[[], list[FoundDevice]]) -> None:
        self._scheme, self._search = scheme, search
        self._running: Future[list[FoundDevice]] | None = None
        self._late = False

    def __call__(self) -> list[FoundDevice]:
        running = self._running
        if running is None or running.done():
            self._running = running = apart(self._scheme, lambda: _devices(self._search()))
            self._late = False
        try:
            return running.result(0 if self._late else _DEVICES_S)
        except TimeoutError:
            self._late = True
        except FabricError as error:
            log.warning("monitor found no devices", monitor=self._scheme, why=error.message)
        return []


def _devices(found: object) -> list[FoundDevice]:
    """Return a list of devices.

    Raises:
        Internal: it is none.
    """
    if type(found) is not list or not all(type(one) is FoundDevice for one in found):
        raise Internal("what was found is no list of devices")
    if not all(
        type(text) is str for one in found for text in (one.path, one.node, one.description, *one.paths)
    ):
        raise Internal("what was found has no texts for names")
    return found
