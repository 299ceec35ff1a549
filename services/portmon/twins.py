"""Ports of this host that lead to one device. Each may have only one (S6), so this is said of all of them.

It is a warning and no refusal: a person may want two names for a printer. Serial lines and printer nodes are locked, so
one port at a time has them; a printer in the network may take both ports' documents at once, and mix them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from portmon.host_port import HostPort
from portmon.monitor import PortMonitor, PortSettings
from portmon.port_name import same
from portmon.reports import Condition, Report, Severity, Source

REPORTER = "twins"
_MOST_NAMED = 3


class Twins:
    """The ports of a host by what they lead to."""

    def __init__(self) -> None:
        self._by_device: dict[str, dict[str, HostPort]] = {}
        self._device_of: dict[str, str] = {}

    def put(self, port: HostPort) -> list[HostPort]:
        """Take note of a port, new or with other settings; return those of which now something else is said."""
        changed, device = self.drop(port), _device(port.monitor, port.name, port.settings)
        if not device:
            return changed + _changed(port, [])
        self._device_of[same(port.name)] = device
        self._by_device.setdefault(device, {})[same(port.name)] = port
        return changed + self._said_of(device)

    def drop(self, port: HostPort) -> list[HostPort]:
        """Forget a port; return the others of which now something else is said."""
        device = self._device_of.pop(same(port.name), "")
        if not device:
            return []
        del self._by_device[device][same(port.name)]
        return self._said_of(device)

    def _said_of(self, device: str) -> list[HostPort]:
        ports = list(self._by_device[device].values())
        if not ports:
            del self._by_device[device]
        return [one for port in ports for one in _changed(port, [one for one in ports if one is not port])]

    def warning(self, monitor: PortMonitor[Any], name: str, settings: PortSettings) -> str:
        """Return what is to be said of a port that is, or is to be: which others lead to its device; "" for none."""
        found = self._by_device.get(_device(monitor, name, settings), {})
        return _text(monitor.device(name, settings), [one for at, one in found.items() if at != same(name)])


def _changed(port: HostPort, others: Sequence[HostPort]) -> list[HostPort]:
    text = _text(port.device, others)
    said = [Report(Condition.USER_INTERVENTION, Severity.WARNING, text, Source.HOST)] if text else []
    return [port] if port.reports.set(REPORTER, said) else []


def _text(device: str, others: Sequence[HostPort]) -> str:
    names = sorted(one.name for one in others)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    leads = "leads" if len(names) == 1 else "lead"
    return f"{', '.join(names[:_MOST_NAMED])}{more} {leads} to {device} too" if names else ""


def _device(monitor: PortMonitor[Any], name: str, settings: PortSettings) -> str:
    """Return what is the same for ports of one device; "" for what is none, or of which everybody has his own."""
    if not monitor.talks or monitor.private(name):
        return ""
    device = monitor.device(name, settings)
    return os.path.realpath(device) if device.startswith("/") else device.casefold()
