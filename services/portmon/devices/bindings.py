"""Which device each port is for, over restarts: what the kernel calls it today may be another one's name tomorrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

from chassis import logs
from chassis.errors import InvalidArgument, StoreUnavailable
from portmon.devices.found import FoundDevice, at
from portmon.host_values import MonitorValues
from portmon.port_name import same

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Bound:
    """A device as it was when a port was given it.

    path: what the port was given, and what led to it then. identity: see `FoundDevice`.
    """

    path: str
    name: str
    identity: str
    kind: tuple[str, str]
    serial_number: str
    socket: str

    @classmethod
    def to(cls, path: str, device: FoundDevice) -> Bound:
        """Return what is to be remembered of a device that would be known again."""
        facts = device.facts
        return cls(path, _name(device), device.identity, facts.kind, facts.serial_number, facts.topology)

    def among(self, devices: Sequence[FoundDevice]) -> FoundDevice | None:
        """Return the device, under whatever name it has now; None: it is not there, or nobody can tell.

        Where several have its serial number, it is the one in its socket.
        """
        alike = [one for one in devices if one.facts.kind == self.kind]
        found = [one for one in alike if one.identity == self.identity]
        if not found and self.serial_number:
            found = [
                one
                for one in alike
                if one.alike > 1
                and (one.facts.serial_number, one.facts.topology) == (self.serial_number, self.socket)
            ]
        return found[0] if len(found) == 1 else None

    def absence(self, devices: Sequence[FoundDevice]) -> str:
        """Say that the device is not there, and which other is in its place; "" when it is there."""
        if self.among(devices) is not None:
            return ""
        other = at(devices, self.path)
        if other is None:
            return f"{self.name} is not there: unplugged, switched off, or never plugged in"
        text = f"{self.name} is not there, and {self.path} is another device now: {_name(other)}"
        return f"{text}. To print on that one, let the port stay with its node (knownBy)"


class Bindings:
    """The devices of one monitor's ports, kept among its values. Reading never blocks; changes block until durable."""

    def __init__(self, values: MonitorValues) -> None:
        self._values = values

    def of(self, port: str, path: str) -> Bound | None:
        """Return what a port is bound to, if it was given it by this path."""
        found = _read(self._values.get(_key(port), ""))
        return found if found is not None and found.path == path else None

    def bind(self, port: str, bound: Bound) -> None:
        """Remember a port's device. What cannot be kept is said in the log, and tried again the next time."""
        try:
            self._values.set(_key(port), json.dumps(asdict(bound)))
        except (InvalidArgument, StoreUnavailable) as error:
            log.warning("a port's device is not remembered", port=port, device=bound.name, why=error.message)
        else:
            log.info("port bound to a device", port=port, device=bound.name, path=bound.path)

    def forget(self, port: str) -> None:
        """Forget a port's device: the next one that its setting leads to is its own."""
        if self._values.get(_key(port)) is None:
            return
        try:
            self._values.delete(_key(port))
        except StoreUnavailable as error:
            log.warning("a port's device is not forgotten", port=port, why=error.message)


def _key(port: str) -> str:
    return f"Device of {same(port)}"


@lru_cache(maxsize=1024)
def _read(text: str) -> Bound | None:
    try:
        found = json.loads(text)
        return Bound(**{**found, "kind": tuple(found["kind"])})
    except (ValueError, TypeError, KeyError):
        return None


def _name(device: FoundDevice) -> str:
    """Return what a person would call a device, its socket too where only that tells it from others."""
    by_socket = device.identity.startswith("socket ")
    return f"{device.description} in {device.identity}" if by_socket else device.description
