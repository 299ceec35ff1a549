"""What people call a port's device: its name, place and comment of the bidi schema, kept among the host's values."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from chassis.errors import StoreUnavailable
from portmon.facts import Fact, Kind
from portmon.port_name import same
from portmon.ports import Ports
from portmon.reports import Source

_PARENT = "\\Printer.DeviceInfo:"
_NAMES = ("FriendlyName", "Location", "Comment")


def names_of(ports: Ports, port: str) -> Mapping[str, Fact]:
    """Return what was set, by path."""
    found = {name: ports.value(_key(name, port)) for name in _NAMES}
    return {
        _PARENT + name: Fact(Kind.STRING, text, Source.OPERATOR)
        for name, text in found.items()
        if isinstance(text, str)
    }


async def set_name(ports: Ports, port: str, path: str, text: str) -> None:
    """Set one of them by its path; "" forgets it. Raises StoreUnavailable."""
    await ports.set_value(_key(path.removeprefix(_PARENT), port), text or None)


async def forget_names(ports: Ports, port: str) -> None:
    """Forget those of a port that is gone; a store that is away keeps them."""
    with contextlib.suppress(StoreUnavailable):
        for path in names_of(ports, port):
            await set_name(ports, port, path, "")


def _key(name: str, port: str) -> str:
    return f"{name} of {same(port)}"
