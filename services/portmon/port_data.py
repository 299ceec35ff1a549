"""PORT_DATA_1 and PORT_DATA_2 of Windows' Standard TCP/IP Port, as JSON with the record's own member names. Pure.

Who wrote such ports' configurations for Windows sends the same fields here: names, defaults and the rule about versions
are tcpxcv.h's. Reserved fields and cbSize may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portmon.xcv_payload import Wrong

_RAW, _LPR = 1, 2
_SCHEMES = {_RAW: "raw", _LPR: "lpr"}
# member → setting, for both protocols; each keeps what is its own
_FIELDS = {
    "sztHostAddress": ("host", str, 127),
    "dwPortNumber": ("port", int, 65535),
    "sztSNMPCommunity": ("snmpCommunity", str, 32),
    "dwSNMPEnabled": ("snmpEnabled", bool, 1),
    "dwSNMPDevIndex": ("snmpDeviceIndex", int, 2**31 - 1),
    "dwPortMonitorMibIndex": ("portMonitorMibIndex", int, 2**31 - 1),
}
_LPR_FIELDS = {"sztQueue": ("queue", str, 32), "dwDoubleSpool": ("byteCounting", bool, 1)}
_OTHERS = ("sztPortName", "dwVersion", "dwProtocol", "cbSize", "dwReserved", "sztIPAddress", "Reserved")
_MOST_HOST_1 = 48  # PORT_DATA_1 has less room for it
_KNOWN = {*_FIELDS, *_LPR_FIELDS, *_OTHERS}


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


def settings_of(value: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return a record's port name, scheme and settings.

    Raises:
        Wrong: 124, another version; 13, a field that is missing, unknown or of another kind; 87, another protocol.
    """
    version = version_of(value)
    unknown = sorted(set(value) - _KNOWN)
    if unknown:
        raise Wrong(13, f"PORT_DATA has no member {unknown[0]!r}")
    refuse_reserved(value)
    scheme = _SCHEMES.get(value.get("dwProtocol", _RAW))
    if scheme is None:
        raise Wrong(87, "dwProtocol is 1 (RAWTCP) or 2 (LPR)")
    fields = _FIELDS | (_LPR_FIELDS if scheme == "lpr" else {})
    found = {}
    for member, (setting, kind, most) in fields.items():
        given = _field(
            value, member, kind, _MOST_HOST_1 if (version, member) == (1, "sztHostAddress") else most
        )
        if given not in (None, "") and not (member in ("dwPortNumber", "dwSNMPDevIndex") and given == 0):
            found[setting] = given
    host = found.get("host") or _field(value, "sztIPAddress", str, 15)
    if not host:
        raise Wrong(13, "sztHostAddress is missing")
    return _field(value, "sztPortName", str, 63) or "", scheme, found | {"host": host}


def _field(value: Mapping[str, Any], member: str, kind: type, most: int) -> Any:
    given = value.get(member)
    if given is None:
        return None
    if kind is str:
        if not isinstance(given, str) or len(given) > most:
            raise Wrong(13, f"{member} is a string of at most {most} characters")
        return given
    if not isinstance(given, int) or not 0 <= given <= most:
        raise Wrong(13, f"{member} is a number from 0 to {most}")
    return bool(given) if kind is bool else int(given)


def record_of(name: str, scheme: str, settings: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return a port as PORT_DATA_1 or PORT_DATA_2; fields its type of port has not are 0 or empty."""
    found: dict[str, Any] = {
        "sztPortName": name,
        "dwVersion": version,
        "dwProtocol": _LPR if scheme == "lpr" else _RAW,
        "dwReserved": 0,
    }
    for member, (setting, kind, _most) in {**_FIELDS, **_LPR_FIELDS}.items():
        value = settings.get(setting, "" if kind is str else 0)
        found[member] = int(value) if kind is not str else str(value)
    if version == 1:
        del found["dwPortMonitorMibIndex"]
        found["sztIPAddress"] = ""
    return found
