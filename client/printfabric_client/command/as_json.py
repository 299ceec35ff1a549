"""Messages as JSON that people and jq like: numbers are numbers, enums are words, digests are hex. Pure.

Not protobuf's own JSON, which writes 64-bit numbers as text and JOB_STATE_PENDING_HELD for pending-held.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def as_json(value: Any) -> Any:
    """Return `value` as what json.dumps takes; messages become objects with all their set fields."""
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Duration):
        return value.seconds + value.nanos / 1e9
    if isinstance(value, Message):
        return _message(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.has_presence and not message.HasField(field.name):
            continue
        if (
            not field.has_presence
            and not value
            and (field.is_repeated or field.type == FieldDescriptor.TYPE_BYTES)
        ):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            found[field.name] = as_json(dict(value))
        elif field.is_repeated:
            found[field.name] = [_single(field.enum_type, item) for item in value]
        else:
            found[field.name] = _single(field.enum_type, value)
    return found


def _single(enum: Any, value: Any) -> Any:
    return as_json(value) if enum is None else _word(enum, value)


def _word(enum: Any, number: int) -> str | int | None:
    # The descriptors of protobuf's C implementation have no type of their own.
    known = enum.values_by_number.get(number)
    if known is None:
        return number
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper() + "_"
    word = known.name.removeprefix(prefix).lower().replace("_", "-")
    return None if word == "unspecified" else word
