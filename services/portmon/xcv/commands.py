"""The commands that every port monitor knows, by their names in Windows where it has them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from chassis.errors import InvalidSettings
from portmon.checked import checked_settings
from portmon.device_names import forget_names
from portmon.form import document, ui_name
from portmon.host_port import HostPort
from portmon.port_data import deleted_by, is_port_data, of_present_type, settings_beside
from portmon.port_data import settings_of as port_data_settings
from portmon.port_name import canonical
from portmon.port_record import PortRecord
from portmon.xcv.channel import Xcv, XcvCommand
from portmon.xcv.devices import enum_devices, warnings_of
from portmon.xcv.discovered import DISCOVERED
from portmon.xcv.session import XcvSession
from portmon.xcv.tests import TESTS
from portmon.xcv.windows import TCP, WINDOWS, port_data_answer
from portmon.xcv_payload import Wrong, members, name_in, settings_in

_MOST_CHANGES = 100


async def _monitor_ui(xcv: Xcv, session: XcvSession, value: Any) -> object:
    return ui_name(xcv.monitor_of(session, value))


async def _describe_ui(xcv: Xcv, session: XcvSession, value: Any) -> object:
    return document(xcv.monitor_of(session, value))


def _wanted(xcv: Xcv, session: XcvSession, value: Any) -> tuple[str, str | None, Mapping[str, Any]]:
    """Return the name, the scheme if one is given, and the settings that an input has; PORT_DATA has its own form."""
    if is_port_data(value) and xcv.name_of(session) == TCP:
        return port_data_settings(value)
    wanted = value if isinstance(value, dict) else {"name": value}
    _refuse_others(wanted, "name", "settings", "scheme", "revision")
    scheme, settings = wanted.get("scheme"), settings_in(wanted)
    if not isinstance(scheme, str | None):
        raise Wrong(13, "a scheme is a string")
    return name_in(wanted), scheme, settings


def _refuse_others(wanted: Mapping[str, Any], *known: str) -> None:
    other = sorted(set(wanted) - set(known))
    if other:
        raise Wrong(13, f"the input has no member {other[0][:64]!r}")


async def _add_port(xcv: Xcv, session: XcvSession, value: Any) -> object:
    if value is None:
        raise Wrong(13 if xcv.name_of(session) == TCP else 87, "AddPort needs a name")
    name, scheme, settings = _wanted(xcv, session, value)
    if session.port:
        raise Wrong(5, f"ports are added in a session on a monitor, and this one is about {session.port}")
    if scheme:
        xcv.check_monitor(session, xcv.ports.registry.scheme(scheme))
    port = await xcv.ports.add(name, scheme or session.monitor, settings)
    warnings = await warnings_of(xcv.ports, port.monitor, port.name, port.settings)
    return {"name": port.name, "revision": port.record.revision, "warnings": warnings}


async def _delete_port(xcv: Xcv, session: XcvSession, value: Any) -> object:
    if value is None and not session.port:
        raise Wrong(13 if xcv.name_of(session) == TCP else 87, "DeletePort needs a name")
    if isinstance(value, dict) and "dwVersion" in value:
        value = {"name": deleted_by(value)}
    port = xcv.port_of(session, value)
    if port.used_by:
        raise Wrong(170, f"port {port.name} is used by a printer")
    await xcv.ports.delete(port.name)
    await forget_names(xcv.ports, port.name)
    return None


async def _config_port(xcv: Xcv, session: XcvSession, value: Any) -> object:
    wanted = members(value)
    revision = wanted.get("revision")
    if not isinstance(revision, str | None):
        raise Wrong(13, "a revision is a string")
    is_record = is_port_data(value) and xcv.name_of(session) == TCP
    if is_record:
        named = wanted.get("sztPortName") or session.port
        if isinstance(named, str) and named in xcv.ports:
            wanted = of_present_type(wanted, xcv.ports.get(named).monitor.scheme)
    name, scheme, settings = _wanted(xcv, session, wanted)
    port = xcv.port_of(session, name)
    if is_record:
        settings = {**_kept(xcv, port, wanted, scheme or port.monitor.scheme), **settings}
    port = await xcv.ports.configure(port.name, settings, revision, scheme)
    return {
        "name": port.name,
        "revision": port.record.revision,
        "pending": port.session is not None,
        "warnings": await warnings_of(xcv.ports, port.monitor, port.name, port.settings),
    }


def _kept(xcv: Xcv, port: HostPort, record: Mapping[str, Any], scheme: str) -> Mapping[str, Any]:
    """Return the settings that a PORT_DATA says nothing about, as far as ports of its type have them."""
    fields = xcv.ports.registry.scheme(scheme).settings.model_fields.values()
    known = {field.alias for field in fields}
    if scheme != port.monitor.scheme:
        known -= {"port"}  # each type has its own, RAW 9100 and LPR 515
    beside = settings_beside(record, scheme, port.record.settings)
    return {name: value for name, value in beside.items() if name in known}


async def _get_config_info(xcv: Xcv, session: XcvSession, value: Any) -> object:
    if value is None and xcv.name_of(session) == TCP:
        raise Wrong(13, "GetConfigInfo needs an input: {} or a CONFIG_INFO_DATA_1")
    port = xcv.port_of(session, None if is_port_data(value) else value)
    if is_port_data(value):
        return port_data_answer(port, value)
    return {
        "name": port.name,
        "monitor": port.monitor.name,
        "scheme": port.monitor.scheme,
        "device": port.device,
        "revision": port.record.revision,
        "settings": port.settings.model_dump(mode="json", by_alias=True),
    }


async def _port_exists(xcv: Xcv, _session: XcvSession, value: Any) -> object:
    return {"exists": name_in(value) in xcv.ports}


async def _port_is_valid(xcv: Xcv, session: XcvSession, value: Any) -> object:
    """Check a name, and settings if there are any, and touch nothing."""
    if value is None:
        raise Wrong(87, "PortIsValid needs a name")
    name = name_in(value)
    if not name:
        raise Wrong(3, "the name is empty")
    monitor = xcv.monitor_of(session, value)
    found: Mapping[str, str] = {}
    if isinstance(value, dict) and "settings" in value:
        settings = checked_settings(monitor, canonical(name), dict(settings_in(value)))
        found = await warnings_of(xcv.ports, monitor, canonical(name), settings)
    else:
        monitor.check_name(canonical(name))
        with contextlib.suppress(InvalidSettings):  # most names need settings before they lead anywhere
            settings = checked_settings(monitor, canonical(name), {})
            found = await warnings_of(xcv.ports, monitor, canonical(name), settings)
    return {"errors": {}, "warnings": found}


async def _config_history(xcv: Xcv, session: XcvSession, value: Any) -> object:
    """Return what a port was before, newest first; secrets stay secrets."""
    name = session.port or name_in(value)
    if not name:
        raise Wrong(87, "GetConfigHistory needs a port's name")
    changes = await xcv.ports.history(name, _MOST_CHANGES)
    return {
        "changes": [{"at": one.at, "before": _told(one.before), "after": _told(one.after)} for one in changes]
    }


def _told(record: PortRecord | None) -> object:
    return None if record is None else {"scheme": record.scheme, "settings": dict(record.settings)}


COMMANDS: Mapping[str, XcvCommand] = {
    "MonitorUI": XcvCommand(_monitor_ui, False),
    "DescribeUI": XcvCommand(_describe_ui, False),
    "AddPort": XcvCommand(_add_port, True),
    "DeletePort": XcvCommand(_delete_port, True),
    "ConfigPort": XcvCommand(_config_port, True),
    "GetConfigInfo": XcvCommand(_get_config_info, False),
    "GetConfigHistory": XcvCommand(_config_history, True),
    "PortExists": XcvCommand(_port_exists, False),
    "PortIsValid": XcvCommand(_port_is_valid, False),
    "EnumDevices": XcvCommand(enum_devices, False),
    **WINDOWS,
    **DISCOVERED,
    **TESTS,
}
