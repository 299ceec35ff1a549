"""Monitors of third parties that misbehave in every function of their own. They print as RAW does."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from chassis.errors import FabricError
from portmon.devices.found import FoundDevice
from portmon.languages.zpl import Zpl
from portmon.monitor import Access, MonitorInit, Power
from portmon.monitors.raw import RawMonitor, RawSettings

GARBAGE = ("raise", "exit", "rude", "unspeakable", "nan", "object", "surrogate", "much", "deep")
FAILS = threading.Event()  # set: settings cannot be looked at any more
HANGS = threading.Event()  # set: what hangs may go on


class Rude(FabricError):
    """A refusal with a code that no code is."""

    reason, win32, code = "RUDE", -1, "INTERNAL"


class Unspeakable(Exception):
    """Cannot even be shown."""

    @override
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


class Hostile(RawMonitor):
    """Raises, hangs and answers garbage, as told by the command's name."""

    scheme = "hostile"
    name = "Hostile Port"
    commands = dict.fromkeys((*GARBAGE, "hang", "ok", "MonitorUI"), Access.ANYBODY)

    @override
    def xcv_data_port(self, name: str, port: str, value: Any) -> Any:
        match name:
            case "raise":
                raise KeyError(name)
            case "exit":
                raise SystemExit(1)
            case "rude":
                raise Rude("no")
            case "unspeakable":
                raise Unspeakable
            case "hang":
                HANGS.wait()
            case "nan":
                return float("nan")
            case "object":
                return self
            case "surrogate":
                return "\ud800"
            case "much":
                return "x" * 300_000
            case "deep":
                return _nested(100_000)
            case _:
                return "well"
        return None

    @override
    def notify_used_ports(self, ports: Sequence[str]) -> None:
        HANGS.wait()

    @override
    def power_event(self, event: Power) -> None:
        raise SystemExit(event)

    @override
    def shutdown(self) -> None:
        raise KeyboardInterrupt


class FickleSettings(RawSettings):
    """Settings whose check fails, once it is told to."""

    @override
    def model_post_init(self, _context: Any, /) -> None:
        if FAILS.is_set():
            raise ZeroDivisionError


class Fickle(RawMonitor):
    """Says nothing true of its ports, and nothing at all once it is told to."""

    scheme = "fickle"
    name = "Fickle Port"
    settings = FickleSettings

    @override
    def check_name(self, port: str) -> None:
        raise SystemError

    @override
    def claims(self, port: str) -> bool:
        raise RecursionError

    @override
    def private(self, port: str) -> bool:
        return None  # type: ignore[return-value]

    @override
    def device(self, port: str, settings: RawSettings) -> str:
        raise KeyError(port)

    @override
    def where(self, port: str, settings: RawSettings) -> str:
        return "\ud800"

    @override
    def identity(self, port: str, settings: RawSettings) -> str:
        return b"it"  # type: ignore[return-value]

    @override
    def devices(self) -> list[FoundDevice]:
        return [FoundDevice(7, 7, (), "")]  # type: ignore[arg-type]


class Stillborn(RawMonitor):
    """Cannot be made."""

    scheme = "stillborn"

    def __init__(self, init: MonitorInit) -> None:
        raise SystemExit(3)


class AcmePort(RawMonitor):
    """The port monitor half of a combined one."""

    scheme = "acme"
    name = "Acme Label Port"
    version = "3.1"


class AcmeLanguage(Zpl):
    """The language half: the same name."""

    name = "Acme Label Port"
