"""What makes an object acceptable: Kubernetes' own schemas, or a custom resource's with its defaults and CEL rules. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import cel
import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]

from tests.kubeapi.kinds import Kind
from tests.kubeapi.status import Object, bad_request, invalid

VERSION = "1.33"
_SERVERS_OWN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
_ALWAYS = ("apiVersion", "kind", "metadata")


def accepted(kind: Kind, one: Object, before: Object | None, *, strict: bool) -> Object:
    """Return an object as it is kept. Raises StatusError: 400 for unknown fields when `strict`, 422 for a wrong one."""
    if kind.custom:
        return _accepted_custom(kind, one, before, strict=strict)
    meta = {key: value for key, value in one["metadata"].items() if key not in _SERVERS_OWN}
    shown = {**{key: value for key, value in one.items() if key != "status"}, "metadata": meta}
    objection, unknown = _objection(json.dumps(shown, sort_keys=True), strict)
    if objection:
        raise (bad_request if unknown else invalid)(f"{kind.kind}: {objection}")
    return one


@cache
def _objection(manifest: str, strict: bool) -> tuple[str, bool]:
    """Return what Kubernetes' schema has against a manifest, and whether that is a field it does not know.

    Remembered, for the library reads its schemas anew each time (25 ms), and tests make the same objects again and again.
    """
    try:
        kubernetes_validate.validate(json.loads(manifest), VERSION, strict=strict)
    except kubernetes_validate.SchemaNotFoundError:
        pass
    except kubernetes_validate.ValidationError as error:
        return str(error.message), "were unexpected" in str(error) or "was unexpected" in str(error)
    return "", False


def _accepted_custom(kind: Kind, one: Object, before: Object | None, *, strict: bool) -> Object:
    schema = {
        **kind.schema,
        "properties": {**kind.schema.get("properties", {}), **{name: {} for name in _ALWAYS}},
    }
    unknown = sorted(_unknown(one, schema, ""))
    if unknown and strict:
        raise bad_request(f'strict decoding error: unknown field "{unknown[0]}"')
    kept: Object = _defaulted(_pruned(one, schema), schema)
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(kept), key=lambda error: error.json_path
    )
    if errors:
        where = errors[0].json_path.removeprefix("$.")
        raise invalid(f'{kind.kind} "{one["metadata"].get("name")}" is invalid: {where}: {errors[0].message}')
    for where, message in _broken_rules(kept, before, schema, ""):
        raise invalid(f'{kind.kind} "{one["metadata"].get("name")}" is invalid: {where}: {message}')
    return kept


def _open(schema: Object) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields")) or not (
        "properties" in schema or "items" in schema
    )


def _below(schema: Object, name: str) -> Object | None:
    if name in schema.get("properties", {}):
        return dict(schema["properties"][name])
    extra = schema.get("additionalProperties")
    return dict(extra) if isinstance(extra, dict) else None


def _unknown(value: Any, schema: Object, at: str) -> Iterator[str]:
    if isinstance(value, dict) and not _open(schema):
        for name, below in value.items():
            inner = _below(schema, name)
            if inner is None:
                yield f"{at}.{name}".lstrip(".")
            else:
                yield from _unknown(below, inner, f"{at}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, schema.get("items", {}), f"{at}[{index}]")


def _pruned(value: Any, schema: Object) -> Any:
    if isinstance(value, dict):
        if _open(schema):
            return value
        inner = {name: _below(schema, name) for name in value}
        return {name: _pruned(value[name], below) for name, below in inner.items() if below is not None}
    if isinstance(value, list):
        return [_pruned(item, schema.get("items", {})) for item in value]
    return value


def _defaulted(value: Any, schema: Object) -> Any:
    if isinstance(value, dict):
        for name, below in schema.get("properties", {}).items():
            if name not in value and "default" in below:
                value[name] = copy.deepcopy(below["default"])
            if name in value:
                value[name] = _defaulted(value[name], below)
    elif isinstance(value, list):
        return [_defaulted(item, schema.get("items", {})) for item in value]
    return value


def _broken_rules(value: Any, before: Any, schema: Object, at: str) -> Iterator[tuple[str, str]]:
    for one in schema.get("x-kubernetes-validations", ()):
        names = {"self": value, "oldSelf": before}
        if "oldSelf" in one["rule"] and before is None:
            continue  # a rule about a transition says nothing of a creation
        if cel.evaluate(one["rule"], names) is not True:
            yield at.lstrip("."), one.get("message", f"failed rule: {one['rule']}")
    if isinstance(value, dict):
        for name, below in schema.get("properties", {}).items():
            if name in value:
                old = before.get(name) if isinstance(before, dict) else None
                yield from _broken_rules(value[name], old, below, f"{at}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _broken_rules(item, None, schema.get("items", {}), f"{at}[{index}]")
