"""Merge patches (RFC 7386) and JSON patches (RFC 6902), as far as Kubernetes takes them. Pure."""

from __future__ import annotations

import copy
from typing import Any

from tests.kubeapi.status import bad_request, invalid


def merge_patch(one: Any, patch: Any) -> Any:
    """Return `one` after a merge patch: null deletes, lists are replaced whole."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(one) if isinstance(one, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(one: Any, operations: Any) -> Any:
    """Return `one` after a list of operations. Raises StatusError: 422 when a test or a path fails."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    result = copy.deepcopy(one)
    for operation in operations:
        try:
            result = _operate(result, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise invalid(f"the server rejected our request: {operation}: {error!r}") from error
    return result


def _operate(one: Any, operation: dict[str, Any]) -> Any:
    kind, path = operation["op"], _parts(operation["path"])
    if kind == "test":
        if _find(one, path) != operation["value"]:
            raise ValueError("testing value failed")
    elif kind == "add":
        _put(one, path, operation["value"], insert=True)
    elif kind == "replace":
        _find(one, path)
        _put(one, path, operation["value"], insert=False)
    elif kind == "remove":
        _take(one, path)
    elif kind in ("move", "copy"):
        source = _parts(operation["from"])
        value = _take(one, source) if kind == "move" else copy.deepcopy(_find(one, source))
        _put(one, path, value, insert=True)
    else:
        raise ValueError(f"no such operation: {kind}")
    return one


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _find(one: Any, path: list[str]) -> Any:
    for part in path:
        one = one[int(part)] if isinstance(one, list) else one[part]
    return one


def _put(one: Any, path: list[str], value: Any, *, insert: bool) -> None:
    parent, last = _find(one, path[:-1]), path[-1]
    if not isinstance(parent, list):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    elif insert:
        parent.insert(int(last), value)
    else:
        parent[int(last)] = value


def _take(one: Any, path: list[str]) -> Any:
    parent, last = _find(one, path[:-1]), path[-1]
    return parent.pop(int(last) if isinstance(parent, list) else last)
