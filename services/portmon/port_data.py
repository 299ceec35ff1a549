"""PORT_DATA_1 and PORT_DATA_2 of Windows' Standard TCP/IP Port, as JSON with the record's own member names. Pure.

Who wrote such ports' configurations for Windows sends the same fields here: names, sizes, defaults and the rule about
versions are tcpxcv.h's. What a record says is what it gives back; what it has no room for it does not cut short.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping
from typing import Any, NamedTuple

from portmon.xcv_payload import Wrong

_RAW, _LPR = 1, 2
_SCHEMES = {_RAW: "raw", _LPR: "lpr"}


class _Member(NamedTuple):
    """A member of a record: the setting it stands for, its kind, and the longest text or largest number it holds."""

    setting: str
    kind: type
    most: int


_HOST = "sztHostAddress"
_MOST_HOST = {1: 48, 2: 127}  # characters, without the NUL behind them
_MOST_NAME, _MOST_IP = 63, 15
_BYTES = {1: 964, 2: 1068}  # sizeof
_BOTH = {
    "dwPortNumber": _Member("port", int, 65535),
    "sztSNMPCommunity": _Member("snmpCommunity", str, 32),
    "dwSNMPEnabled": _Member("snmpEnabled", bool, 1),
    "dwSNMPDevIndex": _Member("snmpDeviceIndex", int, 2**31 - 1),
}
_ONLY_2 = {"dwPortMonitorMibIndex": _Member("portMonitorMibIndex", int, 2**31 - 1)}
_ONLY_LPR = {"sztQueue": _Member("queue", str, 32), "dwDoubleSpool": _Member("byteCounting", bool, 1)}
_ZERO_IS_DEFAULT = frozenset({"dwPortNumber", "dwSNMPDevIndex"})
_OTHERS = {
    "sztPortName",
    "dwVersion",
    "dwProtocol",
    "cbSize",
    "dwReserved",
    _HOST,
    "sztIPAddress",
    "Reserved",
}
_KNOWN = {*_BOTH, *_ONLY_2, *_ONLY_LPR, *_OTHERS}


def _members(version: int, scheme: str) -> Mapping[str, _Member]:
    """Return what a record of a version says about ports of a type."""
    return {
        _HOST: _Member("host", str, _MOST_HOST[version]),
        **_BOTH,
        **(_ONLY_2 if version == 2 else {}),
        **(_ONLY_LPR if scheme == "lpr" else {}),
    }


def is_port_data(value: object) -> bool:
    """Say whether an input is such a record: it has a version."""
    return isinstance(value, Mapping) and "dwVersion" in value


def version_of(value: Mapping[str, Any], *, most: int = 2) -> int:
    """Return a record's version.

    Raises:
        Wrong: 124, there is no such version; 13, it is no number.
    """
    version = value.get("dwVersion")
    if not isinstance(version, int) or isinstance(version, bool):
        raise Wrong(13, "dwVersion is a number")
    if not 1 <= version <= most:
        raise Wrong(124, f"PORT_DATA has no version {version}")
    return version


def refuse_reserved(value: Mapping[str, Any]) -> None:
    """Raise Wrong (13) unless what a record keeps for later is zero, where it is there at all."""
    for member in ("dwReserved", "Reserved"):
        given = value.get(member) or 0
        if given != 0 and (not isinstance(given, str | list) or any(one not in ("\0", 0) for one in given)):
            raise Wrong(13, f"{member} is 0")


def deleted_by(value: Mapping[str, Any]) -> str:
    """Return the port that a DELETE_PORT_DATA_1 names.

    Raises:
        Wrong: 124, another version; 13, it names none, or has what the record has not.
    """
    version_of(value, most=1)
    refuse_reserved(value)
    name = _field(value, "psztPortName", str, _MOST_NAME)
    if not name or set(value) - {"dwVersion", "dwReserved", "Reserved", "psztPortName"}:
        raise Wrong(13, "DELETE_PORT_DATA_1 has psztPortName, and nothing that is not its own")
    return str(name)


def settings_of(value: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return a record's port name, scheme and settings; what is empty, or 0 where 0 is none, keeps its default.

    Raises:
        Wrong: 124, another version; 13, a field that is missing, unknown or of another kind; 87, another protocol.
    """
    version = version_of(value)
    unknown = sorted(set(value) - _KNOWN)
    if unknown:
        raise Wrong(13, f"PORT_DATA has no member {unknown[0]!r}")
    for later in () if version == 2 else _ONLY_2:
        if value.get(later):
            raise Wrong(13, f"PORT_DATA_1 has no member {later!r}")
    refuse_reserved(value)
    size = _field(value, "cbSize", int, 2**32 - 1)
    if size and size < _BYTES[version]:
        raise Wrong(13, f"PORT_DATA_{version} has {_BYTES[version]} bytes, not {size}")
    protocol = _field(value, "dwProtocol", int, 2**32 - 1)
    scheme = _SCHEMES.get(_RAW if protocol is None else protocol)
    if scheme is None:
        raise Wrong(87, "dwProtocol is 1 (RAWTCP) or 2 (LPR)")
    found = {}
    for name, member in _members(version, scheme).items():
        given = _field(value, name, member.kind, member.most)
        if given not in (None, "") and not (name in _ZERO_IS_DEFAULT and given == 0):
            found[member.setting] = given
    address = _ip_address(value)
    host = found.get("host") or address
    if not host:
        raise Wrong(13, f"{_HOST} is missing")
    return _field(value, "sztPortName", str, _MOST_NAME) or "", scheme, found | {"host": host}


def _ip_address(value: Mapping[str, Any]) -> str:
    given = _field(value, "sztIPAddress", str, _MOST_IP) or ""
    with contextlib.suppress(ValueError):
        return given and str(ipaddress.IPv4Address(given))
    raise Wrong(13, "sztIPAddress is an IPv4 address")


def _wide(text: str) -> int:
    """Return how many of Windows' characters a text has: units of UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _field(value: Mapping[str, Any], member: str, kind: type, most: int) -> Any:
    given = value.get(member)
    if given is None:
        return None
    if kind is str:
        if not isinstance(given, str) or _wide(given) > most:
            raise Wrong(13, f"{member} is a string of at most {most} characters")
        return given
    is_number = isinstance(given, int) and (kind is bool or not isinstance(given, bool))
    if not is_number or not 0 <= given <= most:
        raise Wrong(13, f"{member} is a number from 0 to {most}")
    return bool(given) if kind is bool else int(given)


def of_present_type(value: Mapping[str, Any], scheme: str) -> dict[str, Any]:
    """Return a record that names no protocol with the one that its port has."""
    given = value.get("dwProtocol")
    return {**value, "dwProtocol": given if given is not None else _protocol(scheme)}


def _protocol(scheme: str) -> int:
    return _LPR if scheme == "lpr" else _RAW


def settings_beside(value: Mapping[str, Any], scheme: str, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a port's settings that a record says nothing about: to configure it keeps them."""
    members = _members(version_of(value), scheme)
    said = {member.setting for name, member in members.items() if value.get(name) is not None}
    return {name: one for name, one in present.items() if name not in said}


def record_of(name: str, scheme: str, settings: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return a port as PORT_DATA_1 or PORT_DATA_2; what its type of port has not is 0 or empty.

    Raises:
        Wrong: 124, this version has no room for one of its settings.
    """
    host = settings["host"]
    if _wide(name) > _MOST_NAME:
        raise Wrong(
            124, f"sztPortName has room for {_MOST_NAME} characters, and the port's has {_wide(name)}"
        )
    found: dict[str, Any] = {
        "sztPortName": name,
        "dwVersion": version,
        "dwProtocol": _protocol(scheme),
        "cbSize": _BYTES[version],
        "dwReserved": 0,
        "sztQueue": "",
        "dwDoubleSpool": 0,
    }
    for member, (setting, kind, most) in _members(version, scheme).items():
        value = settings[setting]
        if kind is str and _wide(value) > most:
            text = f"{member} of PORT_DATA_{version} has room for {most} characters, and {setting} has {_wide(value)}"
            raise Wrong(124, text)
        found[member] = value if kind is str else int(value)
    if version == 1:
        found["sztIPAddress"] = ""
        with contextlib.suppress(ValueError):
            found["sztIPAddress"] = str(ipaddress.IPv4Address(host))
    return found
