"""What comes in with a management command: JSON from anybody, taken apart with care."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_MOST_INPUT_BYTES = 65536


class Wrong(Exception):
    """A command's own result other than 0."""

    def __init__(self, status: int, message: str, output: object = None) -> None:
        super().__init__(message)
        self.status, self.message, self.output = status, message, output


def parsed(data: bytes) -> Any:
    """Return the input as a JSON value; None when there is none.

    Raises:
        Wrong: 13, it is not JSON, or too much of it.
    """
    if not data:
        return None
    if len(data) > _MOST_INPUT_BYTES:
        raise Wrong(13, f"the input has more than {_MOST_INPUT_BYTES} bytes")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Wrong(13, "the input is not a JSON document in UTF-8") from error


def name_in(value: Any) -> str:
    """Return the port's name in an input: a JSON string, or the member `name`."""
    found = value.get("name", "") if isinstance(value, dict) else value
    if found is not None and not isinstance(found, str):
        raise Wrong(13, "a port's name is a string")
    return (found or "").strip()


def members(value: Any) -> Mapping[str, Any]:
    """Return a JSON object's members.

    Raises:
        Wrong: 13, it is none.
    """
    if not isinstance(value, dict):
        raise Wrong(13, "the input is not a JSON object")
    return value


def settings_in(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the member `settings`, which may also be Windows' text form of a line.

    Raises:
        Wrong: 13, it is neither.
    """
    found = value.get("settings", {})
    if isinstance(found, str):
        return {"line": found}  # Windows' text form: 9600,n,8,1
    if not isinstance(found, dict):
        raise Wrong(13, "settings are a JSON object")
    return found
