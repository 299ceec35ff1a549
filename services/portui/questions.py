"""What a port's monitor is asked, and what its answers mean. Against an interface: no wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from chassis.errors import (
    AccessDenied,
    EtagMismatch,
    FabricError,
    NotSupported,
    PortExists,
    PortInUse,
    PortNotFound,
    UnknownPrintMonitor,
)
from chassis.win32 import WIN32, win32_name
from portui import forms, values
from portui.forms import Form
from portui.values import FieldError


class Answer(Protocol):
    """A monitor's own answer to a command."""

    @property
    def status(self) -> int:
        """Win32 code; 0 is success."""

    @property
    def output(self) -> bytes:
        """JSON."""

    @property
    def message(self) -> str:
        """One sentence about another status than 0."""


class Xcv(Protocol):
    """A management session."""

    async def data(self, name: str, document: bytes = b"") -> Answer:
        """Execute one command."""


class CommandFailed(FabricError):
    """A monitor answered a command with a Win32 code that has no name of its own here."""

    reason, win32, code = "COMMAND_FAILED", 31, "INTERNAL"


async def form(xcv: Xcv, about: Mapping[str, Any]) -> tuple[str, Form]:
    """Return the name of the monitor's form, and the form.

    Raises:
        NotSupported: it has none.
        FormRefused: it has one that is not passed on.
    """
    ui = forms.ui_name(await ask(xcv, "MonitorUI", about))
    return ui, forms.form(await ask(xcv, "DescribeUI", about), ui)


async def form_if_any(xcv: Xcv, about: Mapping[str, Any]) -> Form | None:
    """Return the form, or None: a monitor without one is configured all the same, and all its values count as secret."""
    try:
        return (await form(xcv, about))[1]
    except NotSupported:
        return None


async def check(
    xcv: Xcv, name: str, settings: Mapping[str, Any], known: Form | None
) -> tuple[FieldError, ...]:
    """Return what the monitor finds wrong with a port of this name and these settings; its word is final."""
    answer = await xcv.data("PortIsValid", as_json({"name": name, "settings": settings}))
    return refusal(answer, "PortIsValid", known)


async def ask(xcv: Xcv, command: str, document: Mapping[str, Any] | None = None) -> bytes:
    """Return a command's output; raise what its status stands for."""
    answer = await xcv.data(command, b"" if document is None else as_json(document))
    if answer.status:
        raise _failure(answer, command)
    return answer.output


def refusal(answer: Answer, command: str, known: Form | None) -> tuple[FieldError, ...]:
    """Return what a monitor finds wrong with what it was given, () for nothing; raise what has other causes."""
    found = values.monitors_errors(answer.output)
    if found:
        return tuple(placed(one, known) for one in found)
    if answer.status == 0:
        return ()
    row = WIN32.get(answer.status)
    if command == "PortIsValid" and row is not None and row.grpc in ("INVALID_ARGUMENT", "NOT_FOUND"):
        return (FieldError("", answer.message or row.name),)
    raise _failure(answer, command)


def _failure(answer: Answer, command: str) -> FabricError:
    message = answer.message or win32_name(answer.status)
    if command not in _OF_FORMS:
        message = f"{command}: {message}"
    elif answer.status in (50, 87, 120):
        return NotSupported(f"the monitor has no form ({message})", command=command)
    kind = _OF_STATUS.get(answer.status)
    if kind is not None:
        return kind(message, command=command)
    return CommandFailed(message, win32=answer.status, command=command, status=answer.status)


_OF_FORMS = ("MonitorUI", "DescribeUI")  # whoever asked for a page knows nothing of these names
_OF_STATUS: Mapping[int, type[FabricError]] = {
    2: PortNotFound,
    5: AccessDenied,
    50: NotSupported,
    120: NotSupported,
    170: PortInUse,
    183: PortExists,
    1306: EtagMismatch,
    1796: PortNotFound,
    3000: UnknownPrintMonitor,
}


def placed(error: FieldError, known: Form | None) -> FieldError:
    """Return an error at a field of the form, or at `/name`, the port's; any other is about the form as a whole."""
    where = error.pointer
    if where not in ("", "/name") and known is not None and where[1:] not in known.fields:
        where = ""
    return FieldError(where, error.message)


def as_json(value: object) -> bytes:
    """Return a value as JSON in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
