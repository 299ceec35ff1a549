"""A file that adds values to the bidi schema: which object of a printer's SNMP agent has them (docs/bidi.md). Pure.

The form is that of Windows' extension files: nested `Property` elements, and in them `Value` with `name`, `type`, `oid` and
`refreshInterval`. Their namespace does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from portmon.bidi.schema import Access, is_path, value_at
from portmon.facts import Fact, Kind
from portmon.snmp.status import Oid, Value, text_of

_MOST_BYTES = 256 * 1024
_MOST_VALUES = 128
_MOST_INTERVALS = 8
_MOST_OID = 64
_DEFAULT_S, _MOST_S = 600, 7 * 86400
_EXTENSION = "\\Printer.Extension"
_KINDS = {f"BIDI_{kind.name}": kind for kind in Kind}
_INT32 = range(-(2**31), 2**31)


class BadExtension(Exception):
    """The file is none, or says what cannot be; the text is for people."""


@dataclass(frozen=True, slots=True)
class ExtensionValue:
    """One value: where it is in the schema, and who knows it."""

    path: str
    kind: Kind
    oid: Oid

    def fact(self, value: Value) -> Fact | None:
        """Return what an agent told as the value's own kind; None: it is nothing of it."""
        if value is None:
            return None
        if self.kind is Kind.BLOB:
            return Fact(Kind.BLOB, value if isinstance(value, bytes) else str(value).encode())
        if self.kind in (Kind.STRING, Kind.TEXT, Kind.ENUM):
            return Fact(self.kind, text_of(value) if isinstance(value, bytes) else str(value))
        try:
            number = float(text_of(value)) if isinstance(value, bytes) else value
        except ValueError:
            return None
        if self.kind is Kind.BOOL:  # TruthValue: 1 true, 2 false
            return Fact(Kind.BOOL, number == 1)
        if self.kind is Kind.FLOAT:
            return Fact(Kind.FLOAT, float(number))
        return Fact(Kind.INT, int(number)) if int(number) in _INT32 else None


Extension = Mapping[int, Sequence[ExtensionValue]]  # by how often they are asked for, seconds


def extension_of(data: bytes) -> Extension:
    """Return what a file adds.

    Raises:
        BadExtension: and why; nothing of it is used.
    """
    if len(data) > _MOST_BYTES:
        raise BadExtension(f"it has more than {_MOST_BYTES} bytes")
    if b"<!" in data.replace(b"<!--", b""):
        raise BadExtension("it declares a document type or entities")
    try:
        root = ET.fromstring(data)  # noqa: S314 - without declarations nothing is expanded
    except ET.ParseError as error:
        raise BadExtension(f"it is not XML: {error}") from error
    found: dict[int, list[ExtensionValue]] = {}
    paths = set[str]()
    for path, element in _values(root, ()):
        value = _value(path, element)
        if path in paths or len(paths) >= _MOST_VALUES:
            raise BadExtension(
                f"{path} is there twice" if path in paths else f"more than {_MOST_VALUES} values"
            )
        paths.add(path)
        found.setdefault(_interval(path, element), []).append(value)
    if not found or len(found) > _MOST_INTERVALS:
        raise BadExtension(f"from 1 to {_MOST_INTERVALS} refresh intervals are possible, not {len(found)}")
    return found


def _values(element: ET.Element, above: tuple[str, ...]) -> Iterator[tuple[str, ET.Element]]:
    for one in element:
        kind, name = str(one.tag).rpartition("}")[2], one.get("name", "")
        if kind == "Property":
            yield from _values(one, (*above, name))
        elif kind == "Value":
            yield f"\\{'.'.join(above)}:{name}", one


def _value(path: str, element: ET.Element) -> ExtensionValue:
    kind = _KINDS.get(element.get("type", ""))
    if not is_path(path):
        raise BadExtension(f"{path} is no path")
    if kind is None:
        raise BadExtension(f"{path}: type is one of {', '.join(_KINDS)}")
    own, known = path.startswith((f"{_EXTENSION}.", f"{_EXTENSION}:")), value_at(path)
    if not own and (known is None or known.kind is not kind or known.access is Access.DO):
        raise BadExtension(
            f"{path} is neither below {_EXTENSION} nor a {kind} of the schema that can be read"
        )
    parts = element.get("oid", "").strip(".").split(".")
    if not 2 <= len(parts) <= _MOST_OID or not all(one.isascii() and one.isdigit() for one in parts):
        raise BadExtension(f"{path}: oid is no object identifier")
    oid = tuple(int(one) for one in parts)
    if oid[0] > 2 or max(oid) >= 2**32:
        raise BadExtension(f"{path}: oid is no object identifier")
    return ExtensionValue(path, kind, oid)


def _interval(path: str, element: ET.Element) -> int:
    text = element.get("refreshInterval", str(_DEFAULT_S))
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 0 < int(text) <= _MOST_S):
        raise BadExtension(f"{path}: refreshInterval is a number of seconds up to {_MOST_S}")
    return int(text)
