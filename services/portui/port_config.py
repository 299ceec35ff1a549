"""AddPortUI, ConfigurePortUI, DeletePortUI: the conversations about one port.

Questions go to the port's monitor by Xcv, through the spooler; changes go to the spooler, which guards them (use by
printers, request ids, revisions) and drives the monitor's commands itself. Nothing is remembered between calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from chassis import logs
from chassis.errors import (
    EtagMismatch,
    FabricError,
    InvalidArgument,
    InvalidSettings,
    PortExists,
    PortNotFound,
    UnknownPrintMonitor,
)
from portui import questions, values
from portui.forms import Form
from portui.questions import Xcv, as_json
from portui.values import FieldError

UNKNOWN = 1796  # ERROR_UNKNOWN_PORT, for a monitor too
_MOST_LOCALE_CHARS = 35  # RFC 5646, 4.4.1
log = logs.get(__name__)


class Port(Protocol):
    """A port in an answer."""

    @property
    def name(self) -> str:
        """Resource name."""

    @property
    def wire(self) -> object:
        """For the wall."""


class Fabric(Protocol):
    """What the conversations need of the spooler. Everything raises FabricError."""

    def session(
        self, *, port: str = "", monitor: str = "", administer: bool = False
    ) -> AbstractAsyncContextManager[Xcv]:
        """Open a management session."""

    async def get_port(self, name: str) -> Port:
        """Return a port."""

    async def add_port(
        self,
        parent: str,
        monitor: str,
        port_id: str,
        settings: bytes,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Port:
        """Add a port."""

    async def configure_port(
        self, name: str, settings: bytes, *, revision: str = "", validate_only: bool = False
    ) -> tuple[Port, bool]:
        """Change a port; say whether anything changed."""

    async def delete_port(self, name: str) -> None:
        """Delete a port."""

    async def take_back(self, name: str) -> None:
        """Delete a port just added, even if the caller is gone."""


@dataclass(frozen=True, slots=True)
class Described:
    """A form and the present values, both JSON; the document is b"" when the caller has it."""

    ui: str
    document: bytes
    values: bytes = b""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a change: the port, or what is wrong with which field, and then nothing was changed."""

    port: Port | None = None
    changed: bool = False
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class NewPort:
    """The port that is to be added."""

    parent: str
    monitor: str
    port_id: str
    settings: bytes = b""
    request_id: str = ""
    validate_only: bool = False


async def describe(
    fabric: Fabric, *, port: str = "", monitor: str = "", locale: str = "", known_ui: str = ""
) -> Described:
    """Return the form of a port or of a monitor.

    Raises:
        PortNotFound, UnknownPrintMonitor: code 1796.
        NotSupported: the monitor has no form.
        FormRefused: it has one that is not passed on.
    """
    if len(locale) > _MOST_LOCALE_CHARS:
        raise InvalidArgument("the locale is no language tag", fields=[("locale", "is too long")])
    _require(port or monitor, "port or monitor")
    try:
        async with fabric.session(port=port, monitor=monitor) as xcv:
            about: dict[str, Any] = {"dialog": "configure" if port else "add"}
            ui, found = await questions.form(xcv, {**about, "locale": locale} if locale else about)
            document = b"" if known_ui == ui else found.encoded
            if not port:
                return Described(ui, document)
            config = values.config(await questions.ask(xcv, "GetConfigInfo", {}))
            return Described(ui, document, values.visible(config.settings, found), config.revision)
    except UnknownPrintMonitor as error:
        raise _unknown_monitor(error) from error


async def add(fabric: Fabric, new: NewPort, who: str) -> Done:
    """Add a port: ask whether the name is free, ask whether name and settings are good, add, set up, or take back.

    Raises:
        PortExists: code 183; its host has one of that name.
        UnknownPrintMonitor: code 1796.
    """
    host = new.parent.removeprefix("hosts/")
    _require(host, "host")
    _require(new.monitor, "monitor")
    _require(new.port_id.strip(), "port")
    given = values.given_settings(new.settings)
    try:
        async with fabric.session(monitor=f"hosts/{host}/monitors/{new.monitor}", administer=True) as xcv:
            await _check_free(xcv, new)
            form = await questions.form_if_any(xcv, {"dialog": "add", "name": new.port_id})
            errors = values.nested(given) or await questions.check(xcv, new.port_id, given, form)
            if errors:
                return Done(errors=errors)
            return await _add(fabric, xcv, new, given, form, who)
    except UnknownPrintMonitor as error:
        raise _unknown_monitor(error) from error


async def _check_free(xcv: Xcv, new: NewPort) -> None:
    """Refuse a name that is taken. A repeated request the spooler answers, which knows what it answered before."""
    if values.exists(await questions.ask(xcv, "PortExists", {"name": new.port_id})) and not new.request_id:
        raise PortExists(f"port {new.port_id} exists already", port=new.port_id)


async def _add(
    fabric: Fabric, xcv: Xcv, new: NewPort, given: Mapping[str, Any], form: Form | None, who: str
) -> Done:
    further = form.add_steps[1:] if form is not None else ()
    try:
        port = await fabric.add_port(
            new.parent,
            new.monitor,
            new.port_id,
            # Windows' way: a name first, then settings by commands of the monitor's own.
            b"{}" if further else as_json(given),
            request_id=new.request_id,
            validate_only=new.validate_only,
        )
    except InvalidSettings as error:
        return Done(errors=_fields_of(error, form))
    if new.validate_only:
        return Done(port)
    try:
        errors = await _set_up(xcv, further, new, given, form)
    except BaseException as error:
        # Also when the caller hung up: half a port must not stay.
        if not await _take_back(fabric, port) and isinstance(error, FabricError):
            error.metadata["left_behind"] = port.name
        raise
    if errors:
        if not await _take_back(fabric, port):
            left = FieldError("", f"port {port.name} was added for this and could not be taken back")
            errors = (*errors, left)
        return Done(errors=errors)
    log.info("port added", who=who, port=port.name, monitor=new.monitor, settings=_audit({}, given, form))
    return Done(port, changed=True)


async def _set_up(
    xcv: Xcv, steps: Sequence[str], new: NewPort, given: Mapping[str, Any], form: Form | None
) -> tuple[FieldError, ...]:
    """Give the monitor's further commands the settings, in order, as far as it takes them."""
    document = as_json({"name": new.port_id, "settings": given})
    for step in steps:
        errors = questions.refusal(await xcv.data(step, document), step, form)
        if errors:
            return errors
    return ()


async def _take_back(fabric: Fabric, port: Port) -> bool:
    try:
        await fabric.take_back(port.name)
    except FabricError as error:
        log.warning("port added and not taken back", port=port.name, error=error.message)
        return False
    return True


async def configure(
    fabric: Fabric, name: str, settings: bytes, who: str, *, revision: str = "", validate_only: bool = False
) -> Done:
    """Change a port's settings: read them, ask whether the new ones are good, change. Members not given stay.

    Raises:
        PortNotFound: code 1796.
        EtagMismatch: they are no longer those of `revision`.
    """
    _require(name, "port")
    given = values.given_settings(settings)
    async with fabric.session(port=name, administer=True) as xcv:
        form = await questions.form_if_any(xcv, {"dialog": "configure"})
        before = values.config(await questions.ask(xcv, "GetConfigInfo", {}))
        if revision and revision != before.revision:
            raise EtagMismatch(
                f"port {name} was changed meanwhile", port=name, revision=before.revision, expected=revision
            )
        if not values.changes(before.settings, given):
            return Done(await fabric.get_port(name))
        wanted = {**before.settings, **given}
        errors = values.nested(given) or await questions.check(xcv, before.name, wanted, form)
        # A secret is never read back, so a monitor that asks for one which is set already asks in vain.
        kept = {values.pointer(name) for name in (form.secrets if form else ()) if name not in given}
        errors = tuple(error for error in errors if error.pointer not in kept)
        if errors:
            return Done(errors=errors)
        try:
            port, changed = await fabric.configure_port(
                name, as_json(given), revision=revision, validate_only=validate_only
            )
        except InvalidSettings as error:
            return Done(errors=_fields_of(error, form))
        if changed and not validate_only:
            log.info(
                "port configured", who=who, port=port.name, settings=_audit(before.settings, given, form)
            )
        return Done(port, changed)


async def delete(fabric: Fabric, name: str, who: str) -> None:
    """Delete a port; the spooler sees that nobody uses it and drives the monitor's DeletePort.

    Raises:
        PortNotFound: code 1796.
        PortInUse: code 170.
    """
    _require(name, "port")
    await fabric.delete_port(name)
    log.info("port deleted", who=who, port=name)


# --- small things


def _fields_of(error: InvalidSettings, form: Form | None) -> tuple[FieldError, ...]:
    """Return the fields of the spooler's error, `settings.baud`, as pointers; the whole form when it names none."""
    rows = [(row.field.removeprefix("settings").replace(".", "/"), row.description) for row in error.fields]
    return tuple(questions.placed(FieldError(*row), form) for row in rows) or (FieldError("", error.message),)


def _audit(before: Mapping[str, Any], given: Mapping[str, Any], form: Form | None) -> dict[str, str]:
    return values.audited(values.changes(before, given), form)


def _require(text: str, what: str) -> None:
    """Refuse an empty name as MONITORUI does: with the code of an unknown one."""
    if not text:
        raise PortNotFound(f"no {what} is named")


def _unknown_monitor(error: UnknownPrintMonitor) -> UnknownPrintMonitor:
    return UnknownPrintMonitor(error.message, win32=UNKNOWN, monitor=error.metadata.get("monitor"))
