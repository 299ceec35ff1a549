"""Ports that were given a device by what the kernel calls it: they keep the device, and not the name."""

from __future__ import annotations

from collections.abc import Callable

from portmon.devices.bindings import Bindings, Bound
from portmon.devices.found import FoundDevice, at
from portmon.host_values import MonitorValues


class KeptDevices:
    """The devices of one monitor's ports. `search` returns what is there now.

    A path that says itself which device it means (udev's links) is left as it is: only a node is somebody else's after a
    re-plug. None of it fails; `bind` and `search` block.
    """

    def __init__(self, values: MonitorValues, search: Callable[[], list[FoundDevice]]) -> None:
        self._bindings, self._search = Bindings(values), search
        self._found: list[FoundDevice] | None = None  # by the last search

    def search(self) -> list[FoundDevice]:
        """Look for devices, and remember what was found."""
        self._found = self._search()
        return self._found

    def _devices(self) -> list[FoundDevice]:
        return self.search() if self._found is None else self._found

    def bind(self, port: str, path: str) -> None:
        """Take note of the device behind a node; once a port has one, only of what tells it from others."""
        bound = self._bindings.of(port, path)
        if bound is None:
            one = at(self.search(), path)
            if one is not None and one.is_known and path == one.node:
                self._bindings.bind(port, Bound.to(path, one))
        elif (one := bound.among(self._devices())) is not None and one.identity != bound.identity:
            # Another with its serial number came: from now on its socket tells it from that.
            self._bindings.bind(port, Bound.to(path, one))

    def forget(self, port: str) -> None:
        """Forget a port's device: the next one at its path is its own."""
        self._bindings.forget(port)

    def node(self, port: str, path: str) -> str:
        """Return where a port's device is now; its path where it has none of its own, or that is away."""
        bound = self._bindings.of(port, path)
        one = None if bound is None else bound.among(self._devices())
        return path if one is None else one.node

    def absence(self, port: str, path: str) -> str:
        """Say that a port's own device is not there, and what is in its place; "": it is there, or it has none."""
        bound = self._bindings.of(port, path)
        return "" if bound is None else bound.absence(self._devices())

    def identity(self, port: str, path: str) -> str:
        """Return which device a port has of its own; "" for none."""
        bound = self._bindings.of(port, path)
        return "" if bound is None else f"{bound.path} {bound.identity}"
