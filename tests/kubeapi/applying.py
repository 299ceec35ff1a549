"""Server-side apply: who owns which field, what a manager no longer sends is dropped, what another owns is a conflict.

Source: the page "Server-Side Apply" of Kubernetes. A set of fields is a set of paths, their parts spelled as in `fieldsV1`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.kubeapi.status import Object, conflict

Path = tuple[str, ...]
Keys = Callable[[Path], tuple[str, ...]]  # a list's keys, () for a list that is one value

# Lists of built-in kinds whose items are merged by key, by the name of their field.
_KEYED = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_UNOWNED = {"apiVersion", "kind"}
_UNOWNED_META = {
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "uid",
}


def built_in_keys(path: Path) -> tuple[str, ...]:
    """Return the keys of a list of a built-in kind."""
    name = path[-1].removeprefix("f:")
    if name == "ports":
        return ("containerPort", "protocol") if "f:containers" in path else ("port", "protocol")
    return _KEYED.get(name, ())


def schema_keys(schema: Object) -> Keys:
    """Return how a custom resource's schema keys its lists."""

    def keys(path: Path) -> tuple[str, ...]:
        here = schema
        for part in path:
            if part.startswith("f:"):
                here = here.get("properties", {}).get(part[2:], {})
            else:
                here = here.get("items", {})
        return tuple(here.get("x-kubernetes-list-map-keys", ()))

    return keys


def apply(live: Object | None, config: Object, manager: str, *, force: bool, keys: Keys, now: str) -> Object:
    """Return `live` as `manager` wants it. Raises StatusError 409 for fields that others want otherwise."""
    result = copy.deepcopy(live) if live else {}
    managed = _managed(result)
    wanted = dict(_leaves(config, keys))
    have = dict(_leaves(result, keys))
    disputed = {path for path, value in wanted.items() if path[-1] != "." and have.get(path) != value}
    for key in [key for key in managed if key != (manager, "Apply", "")]:
        clash = managed[key] & disputed
        if clash and not force:
            fields = ", ".join(sorted(_shown(path) for path in clash))
            message = f'Apply failed with {len(clash)} conflict: conflict with "{key[0]}": {fields}'
            raise conflict(message, causes=[{"reason": "FieldManagerConflict", "field": fields}])
        managed[key] -= clash
    before = managed.get((manager, "Apply", ""), set())
    result = dict(_merge(result, config, (), keys))
    others = set().union(*(paths for key, paths in managed.items() if key != (manager, "Apply", "")))
    dropped = before - set(wanted) - others
    for path in sorted(dropped, key=lambda path: path[-1] != "."):  # items first, while their keys are there
        _remove(result, path)
    managed[manager, "Apply", ""] = set(wanted)
    _note(result, managed, (manager, "Apply", ""), now)
    return result


def note_update(
    before: Object, after: Object, manager: str, subresource: str, *, keys: Keys, now: str
) -> None:
    """Write down in `after` that `manager` has changed what differs from `before`."""
    managed = _managed(before)
    old, new = dict(_leaves(before, keys)), dict(_leaves(after, keys))
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    gone = set(old) - set(new)
    for owned in managed.values():
        owned.difference_update(changed, gone)
    managed.setdefault((manager, "Update", subresource), set()).update(changed)
    _note(after, managed, (manager, "Update", subresource), now if changed or gone else "")


def _leaves(one: Object, keys: Keys) -> Iterator[tuple[Path, Any]]:
    for name, value in one.items():
        if name == "metadata":
            for below, inner in value.items():
                if below not in _UNOWNED_META:
                    yield from _leaves_below(inner, ("f:metadata", f"f:{below}"), keys)
        elif name not in _UNOWNED:
            yield from _leaves_below(value, (f"f:{name}",), keys)


def _leaves_below(value: Any, path: Path, keys: Keys) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _leaves_below(below, (*path, f"f:{name}"), keys)
    elif isinstance(value, list) and keys(path):
        for item in value:
            at = (*path, _item(item, keys(path)))
            yield (*at, "."), None
            yield from _leaves_below(item, at, keys)
    else:
        yield path, value


def _item(item: Object, keys: Iterable[str]) -> str:
    return "k:" + json.dumps(_key(item, keys), sort_keys=True, separators=(",", ":"))


def _key(item: Object, keys: Iterable[str]) -> Object:
    return {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}


def _merge(one: Any, config: Any, path: Path, keys: Keys) -> Any:
    if isinstance(config, dict):
        result = one if isinstance(one, dict) else {}
        for name, value in config.items():
            result[name] = _merge(result.get(name), value, (*path, f"f:{name}"), keys)
        return result
    if isinstance(config, list) and path and (wanted := keys(path)):
        items = one if isinstance(one, list) else []
        for value in config:
            at = (*path, _item(value, wanted))
            here = next((i for i, old in enumerate(items) if _key(old, wanted) == _key(value, wanted)), None)
            if here is None:
                items.append(copy.deepcopy(value))
            else:
                items[here] = _merge(items[here], value, at, keys)
        return items
    return copy.deepcopy(config)


def _remove(one: Any, path: Path) -> None:
    """Take a field or an item out, and what is empty without it."""
    head, rest = path[0], path[1:]
    here: int | str | None
    if head.startswith("k:"):
        key = json.loads(head[2:])
        here = next((i for i, item in enumerate(one) if _key(item, key) == key), None)
    else:
        here = head[2:] if head[2:] in one else None
    if here is None:
        return
    if rest and rest != (".",):
        _remove(one[here], rest)
        if one[here]:
            return
    del one[here]


def _managed(one: Object) -> dict[tuple[str, str, str], set[Path]]:
    return {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): set(_paths(entry["fieldsV1"]))
        for entry in one.get("metadata", {}).get("managedFields", ())
    }


def _paths(fields: Object, before: Path = ()) -> Iterator[Path]:
    for name, below in fields.items():
        if below:
            yield from _paths(below, (*before, name))
        else:
            yield (*before, name)


def _note(
    one: Object, managed: dict[tuple[str, str, str], set[Path]], changed: tuple[str, str, str], now: str
) -> None:
    times = {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): entry["time"]
        for entry in one.get("metadata", {}).get("managedFields", ())
    }
    entries = []
    for key, paths in managed.items():
        if not paths:
            continue
        fields: Object = {}
        for path in sorted(paths):
            here = fields
            for part in path:
                here = here.setdefault(part, {})
        entry = {
            "manager": key[0],
            "operation": key[1],
            "apiVersion": one.get("apiVersion", ""),
            "time": (now if key == changed and now else times.get(key)) or now,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        entries.append(entry | ({"subresource": key[2]} if key[2] else {}))
    one["metadata"]["managedFields"] = entries


def _shown(path: Path) -> str:
    return "".join(f".{part[2:]}" if part.startswith("f:") else f"[{part[2:]}]" for part in path)
