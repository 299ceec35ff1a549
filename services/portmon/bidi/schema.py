r"""What can be asked of printers and set: Microsoft's "Bidirectional Communication Schema". Pure.

Paths are `\Printer.Prop.Prop:Value`. Below \Printer.Extension everybody has paths of their own: known is what was told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from portmon.facts import Kind

_VALUE_PATH = re.compile(r"\\\w+(\.\w+)*:\w+")
_PROPERTY_PATH = re.compile(r"\\\w+(\.\w+)*")
_MOST_PATH = 255


class Access(Enum):
    """What may be done to a value."""

    READ = "read"
    SET = "set"  # and read
    DO = "do"  # set alone: it makes the printer do something


class Value(NamedTuple):
    """A value of the schema."""

    kind: Kind
    access: Access = Access.READ


# `*` is a name of the vendor's.
_ROWS: Mapping[str, Mapping[Kind, str]] = {
    r"\Printer.DeviceInfo": {
        Kind.STRING: "FriendlyName Manufacturer ModelName Location Comment FirmwareVersion IEEE1284DeviceId SerialNumber"
    },
    r"\Printer.DeviceInfo.NetworkingInfo": {Kind.STRING: "HostName IPAddress"},
    r"\Printer.Configuration.Memory": {Kind.INT: "Size PS"},
    r"\Printer.Configuration.HardDisk": {Kind.BOOL: "Installed", Kind.INT: "Capacity FreeSpace"},
    r"\Printer.Configuration.DuplexUnit": {Kind.BOOL: "Installed"},
    r"\Printer.Consumables.*": {
        Kind.ENUM: "Type Color", Kind.BOOL: "Installed", Kind.INT: "Level", Kind.STRING: "Model",
    },
    r"\Printer.Layout.NumberUp": {Kind.INT: "PagesPerSheet", Kind.ENUM: "Direction"},
    r"\Printer.Layout.Orientation": {Kind.STRING: "CurrentValue Supported"},
    r"\Printer.Layout.Resolution": {Kind.STRING: "CurrentValue Supported"},
    r"\Printer.Layout.InputBins.*": {
        Kind.BOOL: "Installed", Kind.STRING: "MediaSize MediaType MediaColor", Kind.ENUM: "FeedDirection",
        Kind.INT: "Capacity Level",
    },
    r"\Printer.Finishing": {Kind.BOOL: "CollationSupported JogOffsetSupported"},
    r"\Printer.Finishing.Staple": {Kind.BOOL: "Installed", Kind.STRING: "Location Angle"},
    r"\Printer.Finishing.HolePunch": {Kind.BOOL: "Installed", Kind.STRING: "Pattern Location"},
    r"\Printer.Finishing.OutputBins.*": {Kind.BOOL: "Installed", Kind.INT: "Capacity Level"},
    r"\Printer.Maintenance": {Kind.BOOL: "AlignHead CleanHead"},
    r"\Printer.Status.Summary": {Kind.ENUM: "State", Kind.STRING: "StateReason"},
    r"\Printer.Status.Detailed.*": {Kind.ENUM: "Name Severity"},
    r"\Printer.Status.Detailed.*.Component": {Kind.ENUM: "Group", Kind.STRING: "Name"},
}  # fmt: skip
_SETTABLE = {"FriendlyName", "Location", "Comment"}
# What the host knows without the device.
_HOSTS = re.compile(
    r"\\Printer\.Status\b.*|\\Printer\.DeviceInfo\.NetworkingInfo\b.*|\\Printer\.DeviceInfo:("
    + "|".join(_SETTABLE)
    + ")"
)


def _value(parent: str, name: str, kind: Kind) -> Value:
    if parent == r"\Printer.Maintenance":
        return Value(kind, Access.DO)
    return Value(kind, Access.SET if parent == r"\Printer.DeviceInfo" and name in _SETTABLE else Access.READ)


VALUES: Mapping[str, Value] = {
    f"{parent}:{name}": _value(parent, name, kind)
    for parent, kinds in _ROWS.items()
    for kind, names in kinds.items()
    for name in names.split()
}
# Nothing that printers speak has a word for these (docs/bidi.md).
UNTOLD = frozenset({r"\Printer.Configuration.Memory:PS", r"\Printer.Status.Detailed.*.Component:Name"})
# One component that is the vendor's own stands where the schema has `*`.
_VENDORS = re.compile(
    r"(\\Printer\.(?:Consumables|Layout\.InputBins|Finishing\.OutputBins|Status\.Detailed))\.\w+"
)


def is_path(path: str) -> bool:
    """Tell whether a text is a path of a value or of a property."""
    return len(path) <= _MOST_PATH and bool(_VALUE_PATH.fullmatch(path) or _PROPERTY_PATH.fullmatch(path))


def value_at(path: str) -> Value | None:
    """Return what the schema says of a value; None: it has none of that path."""
    return VALUES.get(_VENDORS.sub(r"\1.*", path, count=1))


def is_told(path: str) -> bool:
    """Tell whether anything can tell a value of the schema."""
    return _VENDORS.sub(r"\1.*", path, count=1) not in UNTOLD


def values_below(path: str) -> list[Value]:
    """Return the values of the schema below a property."""
    parent = _VENDORS.sub(r"\1.*", path, count=1)
    return [value for at, value in VALUES.items() if at.startswith((f"{parent}.", f"{parent}:"))]


def is_hosts_own(path: str) -> bool:
    """Tell whether the host knows a value without the device."""
    return _HOSTS.fullmatch(path) is not None
