"""The commands that every port monitor knows, by their names in Windows where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portmon.form import document, ui_name
from portmon.port_name import canonical
from portmon.ports import checked_settings
from portmon.xcv import Command, Xcv, XcvSession
from portmon.xcv_devices import enum_devices
from portmon.xcv_payload import Wrong, members, name_in, settings_in


async def _monitor_ui(xcv: Xcv, session: XcvSession, value: Any) -> object:
    return ui_name(xcv.monitor_of(session, value))


async def _describe_ui(xcv: Xcv, session: XcvSession, value: Any) -> object:
    return document(xcv.monitor_of(session, value))


async def _add_port(xcv: Xcv, session: XcvSession, value: Any) -> object:
    if value is None:
        raise Wrong(13, "AddPort needs a name")
    name = name_in(value)
    settings = settings_in(value) if isinstance(value, dict) else {}
    scheme = value.get("scheme") if isinstance(value, dict) else None
    if not isinstance(scheme, str | None):
        raise Wrong(13, "a scheme is a string")
    if session.port:
        raise Wrong(5, f"ports are added in a session on a monitor, and this one is about {session.port}")
    if scheme:
        xcv.check_monitor(session, xcv.ports.registry.scheme(scheme))
    port = await xcv.ports.add(name, scheme or session.monitor, settings)
    return {"name": port.name, "revision": port.record.revision}


async def _delete_port(xcv: Xcv, session: XcvSession, value: Any) -> object:
    port = xcv.port_of(session, value)
    if port.used_by:
        raise Wrong(170, f"port {port.name} is used by a printer")
    await xcv.ports.delete(port.name)
    return None


async def _config_port(xcv: Xcv, session: XcvSession, value: Any) -> object:
    wanted = members(value)
    revision = wanted.get("revision")
    if not isinstance(revision, str | None):
        raise Wrong(13, "a revision is a string")
    port = xcv.port_of(session, value)
    port = await xcv.ports.configure(port.name, settings_in(wanted), revision)
    return {"name": port.name, "revision": port.record.revision, "pending": port.session is not None}


async def _get_config_info(xcv: Xcv, session: XcvSession, value: Any) -> object:
    port = xcv.port_of(session, value)
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
    name = name_in(value)
    if not name:
        raise Wrong(3, "the name is empty")
    monitor = xcv.monitor_of(session, value)
    if isinstance(value, dict) and "settings" in value:
        checked_settings(monitor, canonical(name), dict(settings_in(value)))
    elif "settings" not in (value if isinstance(value, dict) else {}):
        monitor.check_name(canonical(name))
    return {"errors": {}}


COMMANDS: Mapping[str, tuple[Command, bool]] = {
    "MonitorUI": (_monitor_ui, False),
    "DescribeUI": (_describe_ui, False),
    "AddPort": (_add_port, True),
    "DeletePort": (_delete_port, True),
    "ConfigPort": (_config_port, True),
    "GetConfigInfo": (_get_config_info, False),
    "PortExists": (_port_exists, False),
    "PortIsValid": (_port_is_valid, False),
    "EnumDevices": (enum_devices, False),
}
