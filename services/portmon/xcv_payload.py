"""What comes in with a management command: JSON from anybody, taken apart with care."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

_MOST_INPUT_BYTES = 65536
_MOST_DEPTH = 8  # a command's input is an object with an object in it


class Wrong(Exception):
    """A command's own result other than 0."""

    def __init__(self, status: int, message: str, output: object = None) -> None:
        super().__init__(message)
        self.status, self.message, self.output = status, message, output


def parsed(data: bytes) -> Any:
    """Return the input as a JSON value; None when there is none.

    Stricter than Python's reader: UTF-8 alone, no NaN or Infinity, no member twice, no lone surrogate, no deep nesting.

    Raises:
        Wrong: 13, it is not such a document, or too much of it.
    """
    if not data:
        return None
    if len(data) > _MOST_INPUT_BYTES:
        raise Wrong(13, f"the input has more than {_MOST_INPUT_BYTES} bytes")
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
        )
        _check(found, 0)
    except (ValueError, RecursionError) as error:
        raise Wrong(13, f"the input is not a JSON document in UTF-8: {_why(error)}") from error
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is given twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError("a number is too large")
    return found


def _check(value: Any, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise ValueError("it is nested too deep")
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate is no text
    elif isinstance(value, dict):
        for key, one in value.items():
            _check(key, depth + 1)
            _check(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check(one, depth + 1)


def _why(error: BaseException) -> str:
    text = str(error)
    ours = text.startswith(("a member", "a number", "NaN", "Infinity", "-Infinity", "it is nested"))
    return text if ours else type(error).__name__


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
