"""IPP messages as bytes, RFC 8010: operation or status, request id, groups of attributes."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class Tag(IntEnum):
    """Delimiters and value tags, RFC 8010, 3.5."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED = 0x05
    NO_VALUE = 0x13
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    OCTET_STRING = 0x30
    RESOLUTION = 0x32
    RANGE = 0x33
    COLLECTION = 0x34
    END_COLLECTION = 0x37
    TEXT = 0x41
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    URI_SCHEME = 0x46
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49
    MEMBER = 0x4A


class IppError(ValueError):
    """The bytes are no IPP message."""


class Value(NamedTuple):
    """A value with its tag: numbers are int or bool, ranges a pair, collections their members, everything else text."""

    tag: Tag
    value: int | bool | str | tuple[int, int] | dict[str, Value]


Attributes = dict[str, list[Value]]


@dataclass(slots=True)
class Message:
    """A request (`code` is the operation) or a response (`code` is the status)."""

    code: int
    request_id: int
    version: tuple[int, int] = (2, 0)
    groups: list[tuple[int, Attributes]] = field(default_factory=list)

    def text(self, name: str, otherwise: str = "") -> str:
        """Return the first value of an attribute of any group as text."""
        for _, attributes in self.groups:
            if attributes.get(name):
                return str(attributes[name][0].value)
        return otherwise

    def number(self, name: str, otherwise: int = 0) -> int:
        """Return the first value of an attribute of any group as a number."""
        text = self.text(name)
        return int(text) if text.lstrip("-").isdigit() else otherwise

    def texts(self, name: str) -> list[str]:
        """Return all values of an attribute as texts."""
        return [str(v.value) for _, attributes in self.groups for v in attributes.get(name, [])]

    def requested(
        self, attributes: Attributes, otherwise: tuple[str, ...], everything: frozenset[str]
    ) -> Attributes:
        """Return those of `attributes` that the request names; `otherwise` if it names none.

        One of `everything` asks for all.
        """
        wanted = set(self.texts("requested-attributes") or otherwise)
        if wanted & everything:
            return attributes
        return {name: value for name, value in attributes.items() if name in wanted}

    def encode(self) -> bytes:
        """Return the bytes."""
        out = bytearray(struct.pack(">BBHI", *self.version, self.code, self.request_id))
        for group, attributes in self.groups:
            out.append(group)
            for name, values in attributes.items():
                for index, value in enumerate(values):
                    out += _written(name if index == 0 else "", value)
        out.append(Tag.END)
        return bytes(out)


def message_length(data: bytes | bytearray) -> int:
    """Return where the attributes end and the document begins; 0 while more bytes are needed. Raises IppError."""
    at = 8
    while at < len(data):
        tag = data[at]
        if tag == Tag.END:
            return at + 1
        if tag < 0x10:
            at += 1
            continue
        for _ in range(2):  # name, value
            if at + 3 > len(data):
                return 0
            at += 2 + int.from_bytes(data[at + 1 : at + 3] if _ == 0 else data[at : at + 2], "big") + (_ == 0)
    if len(data) > 1_000_000:
        raise IppError("attributes of more than a megabyte")
    return 0


def decode(data: bytes) -> Message:
    """Return the message at the front of `data`. Raises IppError."""
    try:
        major, minor, code, request_id = struct.unpack_from(">BBHI", data)
        message = Message(code, request_id, (major, minor))
        at, name = 8, ""
        while data[at] != Tag.END:
            tag = data[at]
            at += 1
            if tag < 0x10:
                message.groups.append((tag, {}))
                continue
            size = int.from_bytes(data[at : at + 2], "big")
            label = data[at + 2 : at + 2 + size].decode()
            at += 2 + size
            size = int.from_bytes(data[at : at + 2], "big")
            value = data[at + 2 : at + 2 + size]
            at += 2 + size
            name = label or name
            message.groups[-1][1].setdefault(name, []).append(_decoded(tag, value))
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise IppError(f"cannot read the message: {error}") from error
    return message


def keywords(*words: str) -> list[Value]:
    """Return keyword values."""
    return [Value(Tag.KEYWORD, word) for word in words]


def values(tag: Tag, items: Iterable[int | bool | str | tuple[int, int]]) -> list[Value]:
    """Return values of one tag."""
    return [Value(tag, item) for item in items]


def _written(name: str, value: Value) -> bytes:
    """Return a value with its name; a collection's members follow it (RFC 8010, 3.1.6)."""
    members = value.value if isinstance(value.value, dict) else {}
    data = b"" if isinstance(value.value, dict) else _encoded(value.tag, value.value)
    out = struct.pack(">BH", value.tag, len(name)) + name.encode() + struct.pack(">H", len(data)) + data
    for member, inner in members.items():
        out += _written("", Value(Tag.MEMBER, member)) + _written("", inner)
    return out + (_written("", Value(Tag.END_COLLECTION, "")) if members else b"")


def _encoded(tag: int, value: int | bool | str | tuple[int, int]) -> bytes:
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    if isinstance(value, int):
        return struct.pack(">i", value)
    if isinstance(value, tuple):
        # A resolution is in dots per inch: unit 3.
        return struct.pack(">ii", *value) + (b"\x03" if tag == Tag.RESOLUTION else b"")
    return value.encode()


def _decoded(tag: int, data: bytes) -> Value:
    try:
        known = Tag(tag)
    except ValueError:
        return Value(Tag.TEXT, data.hex())
    if known in (Tag.INTEGER, Tag.ENUM) and len(data) == 4:
        return Value(known, int(struct.unpack(">i", data)[0]))
    if known is Tag.BOOLEAN:
        return Value(known, data != b"\x00")
    if known in (Tag.RANGE, Tag.RESOLUTION):
        low, high = struct.unpack_from(">ii", data)
        return Value(known, (int(low), int(high)))
    return Value(known, data.decode("utf-8", "replace"))
