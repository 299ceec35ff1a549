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

    def put(self, *ports: HostPort) -> list[HostPort]:
        """Take note of ports, new or with other settings; return those of which now something else is said."""
        changed: list[HostPort] = []
        devices: dict[str, None] = {}
        for port in ports:
            devices[self._forget(port)] = None
            device = _device(port.monitor, port.name, port.settings)
            if device:
                self._device_of[same(port.name)] = device
                self._by_device.setdefault(device, {})[same(port.name)] = port
                devices[device] = None
            elif _changed(port, ""):
                changed.append(port)
        return changed + [one for device in devices for one in self._said_of(device)]

    def drop(self, port: HostPort) -> list[HostPort]:
        """Forget a port; return the others of which now something else is said."""
        return self._said_of(self._forget(port))

    def _forget(self, port: HostPort) -> str:
        device = self._device_of.pop(same(port.name), "")
        if device:
            del self._by_device[device][same(port.name)]
            if not self._by_device[device]:
                del self._by_device[device]
        return device

    def _said_of(self, device: str) -> list[HostPort]:
        ports = self._by_device.get(device, {}).values()
        names = sorted(one.name for one in ports)
        first = names[: _MOST_NAMED + 1]  # without the port itself there are enough of them
        return [
            port
            for port in ports
            if _changed(
                port, _text(port.device, [name for name in first if name != port.name], len(names) - 1)
            )
        ]

    def warning(self, monitor: PortMonitor[Any], name: str, settings: PortSettings) -> str:
        """Return what is to be said of a port that is, or is to be: which others lead to its device; "" for none."""
        found = self._by_device.get(_device(monitor, name, settings), {})
        names = sorted(one.name for at, one in found.items() if at != same(name))
        return _text(monitor.device(name, settings), names, len(names))


def _changed(port: HostPort, text: str) -> bool:
    said = [Report(Condition.USER_INTERVENTION, Severity.WARNING, text, Source.HOST)] if text else []
    return port.reports.set(REPORTER, said)


def _text(device: str, first: Sequence[str], others: int) -> str:
    """Return what is said of a port with so many `others` at its device; `first`: their names, the first of them."""
    more = f" and {others - _MOST_NAMED} more" if others > _MOST_NAMED else ""
    leads = "leads" if others == 1 else "lead"
    return f"{', '.join(first[:_MOST_NAMED])}{more} {leads} to {device} too" if others else ""


def _device(monitor: PortMonitor[Any], name: str, settings: PortSettings) -> str:
    """Return what is the same for ports of one device; "" for what is none, or of which everybody has his own."""
    if not monitor.talks or monitor.private(name):
        return ""
    device = monitor.device(name, settings)
    return os.path.realpath(device) if device.startswith("/") else device.casefold()
