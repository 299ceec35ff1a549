"""Windows' own commands of its two monitors, beside those that all have: contract.md's names, JSON for its structures.

A session on another monitor, or on another monitor's port, does not know them: code 87.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

from portmon.host_port import HostPort
from portmon.monitor import PortSettings
from portmon.port_data import record_of, refuse_reserved, version_of
from portmon.xcv.channel import Xcv, XcvCommand
from portmon.xcv.session import XcvSession
from portmon.xcv_payload import Wrong, members, name_in

LOCAL, TCP = "Local Port", "Standard TCP/IP Port"
_RETRY = "TransmissionRetryTimeout"
_DEFAULT_RETRY_S = 45  # measured on Windows; the resource kit says 90
_MOST_RETRY_S = 2**32 - 1
_LOOK_UP_S = 5.0
_LINE = ("baud", "dataBits", "parity", "stopBits", "flow")
_FLOW_LETTER = {"xonxoff": ",x", "rtscts": ",p"}


# --- Local Port


async def _configure_lpt(xcv: Xcv, _session: XcvSession, value: Any) -> object:
    """Keep the seconds that a parallel port waits (TransmissionRetryTimeout): one number for the whole host."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 10:
        text = int(text)
    if not isinstance(text, int) or isinstance(text, bool) or not 0 <= text <= _MOST_RETRY_S:
        raise Wrong(87, "the time-out is a decimal number of seconds")
    await xcv.ports.set_value(_RETRY, text)
    return None


async def _get_retry(xcv: Xcv, _session: XcvSession, _value: Any) -> object:
    found = xcv.ports.value(_RETRY)
    return found if isinstance(found, int) else _DEFAULT_RETRY_S


async def _set_comm_config(xcv: Xcv, session: XcvSession, value: Any) -> object:
    """Set a line (COMMCONFIG): the session's own, in Windows' text form or as members."""
    if not session.port:
        raise Wrong(87, "SetDefaultCommConfig needs a session on a port")
    port = _line(xcv.port_of(session, None))
    given = {"line": value} if isinstance(value, str) else dict(members(value))
    unknown = sorted(set(given) - {*_LINE, "line"})
    if unknown:
        raise Wrong(87, f"a line has no {unknown[0]!r}", {"errors": {f"/{unknown[0]}": "is unknown"}})
    kept = port.settings.model_dump(mode="json", by_alias=True, exclude=None if given else set())
    if "line" in given:
        kept = {name: one for name, one in kept.items() if name not in _LINE}
    await xcv.ports.configure(port.name, kept | given)
    return None


async def _get_comm_config(xcv: Xcv, _session: XcvSession, value: Any) -> object:
    """Return a line's settings; the port's name comes without its colon, as in Windows."""
    name = name_in(value)
    if not name:
        raise Wrong(87, "GetDefaultCommConfig needs a port's name")
    found = name if name.endswith(":") else f"{name}:"
    if found not in xcv.ports:
        raise Wrong(2, f"no port {found!r} on this host")
    settings = _line(xcv.ports.get(found)).settings.model_dump(mode="json", by_alias=True)
    text = f"{settings['baud']},{settings['parity'][0]},{settings['dataBits']},{settings['stopBits']}"
    line = text + _FLOW_LETTER.get(settings["flow"], "")
    return {"line": line, **{member: settings[member] for member in _LINE}}


def _line(port: HostPort) -> HostPort:
    if port.monitor.scheme != "serial":
        raise Wrong(87, f"port {port.name} is no serial line")
    return port


# --- Standard TCP/IP Port


def _network(xcv: Xcv, session: XcvSession) -> PortSettings:
    if not session.port:
        raise Wrong(87, "this command needs a session on a port")
    return xcv.port_of(session, None).settings


async def _host_address(xcv: Xcv, session: XcvSession, _value: Any) -> object:
    return _setting(_network(xcv, session), "host", "")


async def _ip_address(xcv: Xcv, session: XcvSession, _value: Any) -> object:
    """Return the printer's address, looked up when it is configured by name; "" when the name leads nowhere."""
    host = _setting(_network(xcv, session), "host", "")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LOOK_UP_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return found[0][4][0]
    return ""


async def _snmp_community(xcv: Xcv, session: XcvSession, _value: Any) -> object:
    return _setting(_network(xcv, session), "snmp_community", "")


async def _snmp_index(xcv: Xcv, session: XcvSession, _value: Any) -> object:
    return _setting(_network(xcv, session), "snmp_device_index", 0)


async def _snmp_enabled(xcv: Xcv, session: XcvSession, _value: Any) -> object:
    return int(_setting(_network(xcv, session), "snmp_enabled", False))


def _setting(settings: PortSettings, name: str, default: Any) -> Any:
    return getattr(settings, name, default)


async def _get_polling(xcv: Xcv, _session: XcvSession, _value: Any) -> object:
    return xcv.ports.idle_polling


async def _set_polling(xcv: Xcv, _session: XcvSession, value: Any) -> object:
    if not isinstance(value, bool):
        raise Wrong(13, "the idle polling state is true or false")
    await xcv.ports.set_value("IdlePolling", value)
    return None


def port_data_answer(port: HostPort, value: Any) -> object:
    """Return a port's configuration as the PORT_DATA that a CONFIG_INFO_DATA_1 asks for.

    Raises:
        Wrong: 124, there is no such version, or the port's monitor has no PORT_DATA at all.
    """
    if port.monitor.name != TCP:
        raise Wrong(124, f"ports of {port.monitor.name} have no PORT_DATA")
    refuse_reserved(value)
    settings = port.settings.model_dump(mode="json", by_alias=True)
    return record_of(port.name, port.monitor.scheme, settings, version_of(value))


WINDOWS: Mapping[str, XcvCommand] = {
    "ConfigureLPTPortCommandOK": XcvCommand(_configure_lpt, True, LOCAL),
    "GetTransmissionRetryTimeout": XcvCommand(_get_retry, False, LOCAL),
    "SetDefaultCommConfig": XcvCommand(_set_comm_config, True, LOCAL),
    "GetDefaultCommConfig": XcvCommand(_get_comm_config, False, LOCAL),
    "HostAddress": XcvCommand(_host_address, False, TCP),
    "IPAddress": XcvCommand(_ip_address, False, TCP),
    "SNMPCommunity": XcvCommand(_snmp_community, False, TCP),
    "SNMPDeviceIndex": XcvCommand(_snmp_index, False, TCP),
    "SNMPEnabled": XcvCommand(_snmp_enabled, False, TCP),
    "GetIdlePollingState": XcvCommand(_get_polling, False, TCP),
    "SetIdlePollingState": XcvCommand(_set_polling, True, TCP),
}
