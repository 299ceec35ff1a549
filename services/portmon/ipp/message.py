"""IPP messages as bytes, RFC 8010: as much of it as a client needs that prints. Pure.

What is read is hostile: sizes and counts are bounded, collections are skipped, unknown values stay bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

MOST_BYTES = 1 << 20  # of a message without its document
_MOST_ATTRIBUTES = 4096  # with all their values
_MOST_DEPTH = 32  # of collections in collections


class Tag(IntEnum):
    """Delimiter and value tags that this client knows (RFC 8010, 3.5)."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    BEGIN_COLLECTION = 0x34
    TEXT_LANGUAGE = 0x35
    NAME_LANGUAGE = 0x36
    END_COLLECTION = 0x37
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49
    MEMBER_NAME = 0x4A


class Operation(IntEnum):
    """What can be asked (RFC 8011, 5.4.15)."""

    PRINT_JOB = 0x0002
    CREATE_JOB = 0x0005
    SEND_DOCUMENT = 0x0006
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_PRINTER_ATTRIBUTES = 0x000B


class JobState(IntEnum):
    """RFC 8011, 5.3.7."""

    PENDING = 3
    HELD = 4
    PROCESSING = 5
    STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


class BadIpp(ValueError):
    """The bytes are no IPP message."""


Value = int | bool | str | bytes


@dataclass(slots=True)
class IppMessage:
    """A request (`code` is the operation) or an answer (`code` is the status). Groups are (tag, attributes) in order."""

    code: int
    request_id: int = 1
    groups: list[tuple[int, dict[str, list[Value]]]] = field(default_factory=list)
    version: tuple[int, int] = (1, 1)

    def values(self, name: str) -> list[Value]:
        """Return an attribute's values wherever it stands first; [] when it is absent."""
        return next((attributes[name] for _, attributes in self.groups if name in attributes), [])

    def texts(self, name: str) -> list[str]:
        """Return those values that are texts."""
        return [value for value in self.values(name) if isinstance(value, str)]

    def number(self, name: str) -> int | None:
        """Return the first value if it is a number."""
        found = self.values(name)[:1]
        return found[0] if found and isinstance(found[0], int) and not isinstance(found[0], bool) else None

    def flag(self, name: str) -> bool | None:
        """Return the first value if it is a boolean."""
        found = self.values(name)[:1]
        return found[0] if found and isinstance(found[0], bool) else None

    @property
    def ok(self) -> bool:
        """Whether an answer says success (RFC 8011, 4.1.6: 0x0000 to 0x00FF)."""
        return self.code < 0x0100


def request(
    operation: Operation, attributes: Sequence[tuple[Tag, str, Value | Sequence[str]]], request_id: int = 1
) -> bytes:
    """Return a request with one group of operation attributes, charset and language first as the RFC wants them."""
    out = bytearray(struct.pack(">BBHI", 1, 1, operation, request_id))
    out.append(Tag.OPERATION)
    first = (
        (Tag.CHARSET, "attributes-charset", "utf-8"),
        (Tag.LANGUAGE, "attributes-natural-language", "en"),
    )
    for tag, name, value in (*first, *attributes):
        rows = [value] if isinstance(value, str | bytes | int) else list(value)
        for number, row in enumerate(rows):
            label, data = (name.encode() if number == 0 else b""), _encoded(row)
            out += struct.pack(">BH", tag, len(label)) + label + struct.pack(">H", len(data)) + data
    out.append(Tag.END)
    return bytes(out)


def _encoded(value: Value) -> bytes:
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    if isinstance(value, int):
        return struct.pack(">i", value)
    return value.encode() if isinstance(value, str) else value


def shortened(text: str, most: int) -> str:
    """Return a text that fits into a value: at most so many bytes of UTF-8, on one line."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return clean.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def decode(data: bytes) -> IppMessage:
    """Return the message at the front of `data`.

    Raises:
        BadIpp: it is none, or too large.
    """
    if len(data) > MOST_BYTES:
        raise BadIpp(f"more than {MOST_BYTES} bytes")
    try:
        major, minor, code, request_id = struct.unpack_from(">BBHI", data)
        message = IppMessage(code, request_id, [], (major, minor))
        _Reader(data).fill(message)
    except (IndexError, struct.error) as error:
        raise BadIpp("it ends in its middle") from error
    return message


class _Reader:
    """Reads attributes one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 8
        self._count = 0

    def fill(self, message: IppMessage) -> None:
        group: dict[str, list[Value]] | None = None
        name = ""
        while (tag := self._data[self._at]) != Tag.END:
            if tag < 0x10:
                self._at += 1
                group = {}
                message.groups.append((tag, group))
                self._counted()
                continue
            label, value = self._attribute()
            if tag == Tag.BEGIN_COLLECTION:
                self._skip_collection()
            name = label or name
            if group is None or not name:
                raise BadIpp("an attribute without a group or a name")
            group.setdefault(name, []).append(b"" if tag == Tag.BEGIN_COLLECTION else _decoded(tag, value))

    def _counted(self) -> None:
        self._count += 1
        if self._count > _MOST_ATTRIBUTES:
            raise BadIpp(f"more than {_MOST_ATTRIBUTES} attributes")

    def _attribute(self) -> tuple[str, bytes]:
        self._counted()
        self._at += 1
        label = self._field().decode("ascii", "replace")
        return label, self._field()

    def _field(self) -> bytes:
        (size,) = struct.unpack_from(">H", self._data, self._at)
        start = self._at + 2
        self._at = start + size
        if self._at > len(self._data):
            raise BadIpp("it ends in its middle")
        return self._data[start : self._at]

    def _skip_collection(self) -> None:
        depth = 1
        while depth:
            tag = self._data[self._at]
            if tag < 0x10:
                raise BadIpp("a collection without an end")
            self._attribute()
            depth += (tag == Tag.BEGIN_COLLECTION) - (tag == Tag.END_COLLECTION)
            if depth > _MOST_DEPTH:
                raise BadIpp("collections in collections without end")


def _decoded(tag: int, data: bytes) -> Value:
    if tag in (Tag.INTEGER, Tag.ENUM) and len(data) == 4:
        return int.from_bytes(data, "big", signed=True)
    if tag == Tag.BOOLEAN and len(data) == 1:
        return data != b"\0"
    if tag in (Tag.TEXT_LANGUAGE, Tag.NAME_LANGUAGE) and len(data) >= 4:
        start = 2 + int.from_bytes(data[:2], "big") + 2
        return data[start:].decode("utf-8", "replace")
    if 0x40 <= tag <= 0x5F:
        return data.decode("utf-8", "replace")
    return data


# What statuses mean to people (RFC 8011, appendix B), where the printer sends no message.
_STATUS = {
    0x0400: "bad request", 0x0401: "forbidden", 0x0402: "it wants a name and a password", 0x0403: "not authorized",
    0x0404: "not possible now", 0x0405: "timeout", 0x0406: "not found", 0x0407: "gone",
    0x0408: "the document is too large", 0x0409: "a value is too long", 0x040A: "it does not take this document format",
    0x040B: "it does not take these attributes", 0x040C: "unknown URI scheme", 0x040D: "unknown charset",
    0x0410: "compression error", 0x0411: "the document's format is broken", 0x0412: "the document cannot be fetched",
    0x0500: "internal error", 0x0501: "operation not supported", 0x0502: "service unavailable",
    0x0503: "IPP version not supported", 0x0504: "device error", 0x0505: "temporary error",
    0x0506: "it is not accepting jobs", 0x0507: "it is busy", 0x0508: "the job was canceled",
}  # fmt: skip


def refusal(answer: IppMessage) -> str:
    """Return why a printer refused, for people."""
    told = shortened(" ".join(answer.texts("status-message") + answer.texts("detailed-status-message")), 200)
    known = _STATUS.get(answer.code, "no reason given")
    return f"0x{answer.code:04x}, {told.strip() or known}"


def words_of(attributes: Mapping[str, Sequence[Value]], name: str) -> list[str]:
    """Return an attribute's keywords of one group."""
    return [value for value in attributes.get(name, []) if isinstance(value, str)]
