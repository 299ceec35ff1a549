"""Unary requests, parsed: what no handler may see is refused here, once, before anything is done.

A failure is handed on as a value: grpc would answer it by itself, outside the wall (UNKNOWN).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from chassis.errors import FabricError, InvalidArgument, Overloaded

_DURATION, _TIMESTAMP = "google.protobuf.Duration", "google.protobuf.Timestamp"
_LONGEST_S = 3660 * 86400  # ten years: a duration above is a mistake
# From the year 1 to the last day of 9999, which rounding must not end.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_214_400
_GARBAGE = (DecodeError, FabricError)
_WORDS = {_DURATION: "must be from 0 to ten years", _TIMESTAMP: "is not a moment"}


class _Part(NamedTuple):
    """A member of a message that is a time or holds one."""

    name: str
    kind: str  # its type's full name, if it is a time
    inner: tuple[_Part, ...]
    repeated: bool


def parsing(parse: Callable[[bytes], Any], max_bytes: int | None) -> Callable[[bytes], Any]:
    """Return a parser whose result is a request, or why it is none."""

    def parsed(data: bytes) -> Any:
        if max_bytes is not None and len(data) > max_bytes:
            return Overloaded(
                f"a request has at most {max_bytes} bytes, not {len(data)}", max_bytes=max_bytes
            )
        try:
            request = parse(data)
            refuse_wrong_times(request)
        except (DecodeError, InvalidArgument) as error:
            return error
        return request

    return parsed


def refuse_garbage(request: Any) -> None:
    """Raise what a parser of `parsing` has handed on instead of a request."""
    if isinstance(request, _GARBAGE):
        raise request


def refuse_wrong_times(message: Any) -> None:
    """Look at every Duration and Timestamp of a message; also for the messages of a stream, which nobody else looks at.

    Raises:
        InvalidArgument: a span that is negative or above ten years, or no moment of the calendar; the field is named.
    """
    descriptor = getattr(type(message), "DESCRIPTOR", None)
    if not isinstance(descriptor, Descriptor) or not (parts := _parts(descriptor)):
        return
    for path, kind in _wrong(message, parts, ""):
        raise InvalidArgument(f"{path} {_WORDS[kind]}", fields=[(path, _WORDS[kind])])


@cache
def _parts(descriptor: Descriptor) -> tuple[_Part, ...]:
    return _read(descriptor, frozenset())


def _read(descriptor: Descriptor, above: frozenset[str]) -> tuple[_Part, ...]:
    """Return where a type of message has times; a type inside itself is not followed."""
    found, above = [], above | {descriptor.full_name}
    for field in descriptor.fields:
        holds = field.message_type
        if holds is None or holds.full_name in above:
            continue
        kind = holds.full_name if holds.full_name in _WORDS else ""
        inner = () if kind else _read(holds, above)
        if kind or inner:
            found.append(_Part(field.name, kind, inner, field.is_repeated))
    return tuple(found)


def _wrong(message: Any, parts: tuple[_Part, ...], path: str) -> Iterator[tuple[str, str]]:
    for name, kind, inner, repeated in parts:
        if not repeated and not message.HasField(name):
            continue
        here = f"{path}.{name}" if path else name
        for value in getattr(message, name) if repeated else (getattr(message, name),):
            if not kind:
                yield from _wrong(value, inner, here)
            elif not _is_sound(kind, value.seconds, value.nanos):
                yield here, kind


def _is_sound(kind: str, seconds: int, nanos: int) -> bool:
    if not 0 <= nanos < 1_000_000_000:
        return False
    return 0 <= seconds <= _LONGEST_S if kind == _DURATION else _FIRST_S <= seconds < _LAST_S
