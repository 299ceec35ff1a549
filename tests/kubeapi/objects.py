"""The objects of an API server: one rising version over all of them, who is too late is told so, a bounded memory of changes."""

from __future__ import annotations

import copy
import datetime as dt
import re
import secrets
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.kubeapi import applying
from tests.kubeapi.kinds import Address, Kind, Kinds
from tests.kubeapi.schemas import accepted
from tests.kubeapi.selectors import Selector
from tests.kubeapi.status import Object, StatusError, bad_request, conflict, expired, invalid

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_BEGINS = ("default", "kube-system")
Change = Callable[[Object], Object]


class Event(NamedTuple):
    """One change, as the memory of changes keeps it."""

    version: int
    key: tuple[str, str]  # group and plural
    kind: str  # ADDED, MODIFIED or DELETED
    object: Object
    before: Object | None


class How(NamedTuple):
    """How a change is asked for."""

    manager: str = "test"
    dry_run: bool = False
    strict: bool = False
    force: bool = False


class Objects:
    """What is kept. All methods give and take copies; they raise StatusError."""

    def __init__(self) -> None:
        self.kinds = Kinds()
        self.version = 100
        self.compacted = 0  # versions up to here are forgotten
        self.log: list[Event] = []
        self._kept: dict[tuple[str, str], dict[tuple[str, str], Object]] = {}
        namespaces = self.kinds.address("/api/v1/namespaces").kind
        for name in _BEGINS:
            self.create(Address(namespaces, "", "", ""), {"metadata": {"name": name}}, How())

    def get(self, at: Address) -> Object:
        """Return an object."""
        return copy.deepcopy(self._find(at))

    def select(self, at: Address, selector: Selector) -> list[Object]:
        """Return the objects of a collection that are selected, by namespace and name."""
        kept = sorted(self._kept.get(at.kind.key, {}).items())
        return [
            copy.deepcopy(one)
            for (namespace, _), one in kept
            if at.namespace in ("", namespace) and selector.takes(one)
        ]

    def create(self, at: Address, one: Object, how: How) -> Object:
        """Add an object, named by itself or by its `generateName`."""
        one = _as_kind(at.kind, one)
        meta = one["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + secrets.token_hex(3)[:5]
        name = meta.get("name", "")
        if not _NAME.fullmatch(name):
            raise invalid(
                f'{at.kind.kind} "{name}" is invalid: metadata.name: a lowercase RFC 1123 subdomain'
            )
        if meta.get("namespace", at.namespace) != at.namespace:
            raise bad_request("the namespace of the object does not match that of the request")
        if at.namespace and ("", at.namespace) not in self._kept.get(("", "namespaces"), {}):
            raise StatusError(404, "NotFound", f'namespaces "{at.namespace}" not found')
        if (at.namespace, name) in self._kept.get(at.kind.key, {}):
            raise StatusError(409, "AlreadyExists", f'{at.kind.plural} "{name}" already exists')
        if at.kind.status:
            one.pop("status", None)
        one = accepted(at.kind, one, None, strict=how.strict)
        if not meta.get("managedFields"):
            applying.note_update({}, one, how.manager, "", keys=_keys(at.kind), now=_now())
        one["metadata"].update(_birth(at))
        return self._write(at._replace(name=name), "ADDED", one, how)

    def change(self, at: Address, change: Change, how: How) -> Object:
        """Replace an object by what `change` makes of it; a version or uid in it must be the newest."""
        before = self._find(at)
        one = _as_kind(at.kind, change(copy.deepcopy(before)))
        _check_preconditions(at, before, one["metadata"])
        one["metadata"].setdefault("managedFields", before["metadata"].get("managedFields", []))
        if at.subresource == "status":
            one = {**before, "status": one.get("status", {})} | {
                "metadata": {**before["metadata"], "managedFields": one["metadata"]["managedFields"]}
            }
        elif at.kind.status:
            one.pop("status", None)
            one.update({"status": before["status"]} if "status" in before else {})
        return self._replace(at, before, copy.deepcopy(one), how)

    def apply(self, at: Address, config: Object, how: How) -> Object:
        """Server-side apply; creates what there is not yet."""
        before = self._kept.get(at.kind.key, {}).get((at.namespace, at.name))
        config = copy.deepcopy(config)
        config.setdefault("metadata", {}).pop("managedFields", None)
        if at.kind.status and at.subresource != "status":
            config.pop("status", None)
        now = _now()

        def applied(live: Object | None) -> Object:
            return applying.apply(live, config, how.manager, force=how.force, keys=_keys(at.kind), now=now)

        if before is None:
            if config["metadata"].get("resourceVersion") or config["metadata"].get("uid"):
                raise conflict(f'{at.kind.plural} "{at.name}": nothing has that version')
            one = applied(None)
            one["metadata"].setdefault("name", at.name)
            return self.create(at._replace(name=""), one, how)
        _check_preconditions(at, before, config["metadata"])
        one = applied(before)
        if at.kind.status and at.subresource != "status" and "status" in before:
            one["status"] = before["status"]
        return self._replace(at, before, one, how, noted=True)

    def delete(self, at: Address, preconditions: Object, how: How) -> tuple[Object, bool]:
        """Delete an object, or mark it while finalizers hold it. Return it and whether it is gone."""
        before = self._find(at)
        _check_preconditions(at, before, preconditions)
        one = copy.deepcopy(before)
        if one["metadata"].get("finalizers"):
            if one["metadata"].get("deletionTimestamp"):
                return one, False
            one["metadata"] |= {"deletionTimestamp": _now(), "deletionGracePeriodSeconds": 0}
            one["metadata"]["generation"] += 1
            return self._write(at, "MODIFIED", one, how), False
        return self._write(at, "DELETED", one, how), True

    def compact(self) -> None:
        """Forget all versions but the newest."""
        self.compacted = self.version
        self.log.clear()

    def since(self, version: int, key: tuple[str, str]) -> list[Event]:
        """Return what happened to a kind after a version. Raises StatusError 410 when that is forgotten."""
        if version < self.compacted:
            raise expired(f"too old resource version: {version} ({self.compacted})")
        return [event for event in self.log if event.version > version and event.key == key]

    def _replace(self, at: Address, before: Object, one: Object, how: How, *, noted: bool = False) -> Object:
        for name in ("uid", "creationTimestamp", "namespace", "generation", "deletionTimestamp"):
            if name in before["metadata"]:
                one["metadata"][name] = before["metadata"][name]
        one["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        one = accepted(at.kind, one, before, strict=how.strict)
        if not noted:
            applying.note_update(before, one, how.manager, at.subresource, keys=_keys(at.kind), now=_now())
        if _without_times(one) == _without_times(before):
            return copy.deepcopy(before)
        if _spec(one) != _spec(before):
            one["metadata"]["generation"] += 1
        if one["metadata"].get("deletionTimestamp") and not one["metadata"].get("finalizers"):
            return self._write(at, "DELETED", one, how)
        return self._write(at, "MODIFIED", one, how)

    def _write(self, at: Address, kind: str, one: Object, how: How) -> Object:
        one["metadata"]["resourceVersion"] = str(self.version + 1)
        if how.dry_run:
            return one
        self.version += 1
        kept = self._kept.setdefault(at.kind.key, {})
        before = kept.get((at.namespace, at.name))
        if kind == "DELETED":
            del kept[at.namespace, at.name]
        else:
            kept[at.namespace, at.name] = copy.deepcopy(one)
        self.log.append(Event(self.version, at.kind.key, kind, copy.deepcopy(one), before))
        if at.kind.kind == "CustomResourceDefinition":
            (self.kinds.forget if kind == "DELETED" else self.kinds.define)(one)
        return one

    def _find(self, at: Address) -> Object:
        try:
            return self._kept[at.kind.key][at.namespace, at.name]
        except KeyError:
            message = f'{at.kind.plural}{at.kind.group and "."}{at.kind.group} "{at.name}" not found'
            raise StatusError(404, "NotFound", message, name=at.name, kind=at.kind.plural) from None


def _as_kind(kind: Kind, one: Any) -> Object:
    if not isinstance(one, dict) or not isinstance(one.get("metadata", {}), dict):
        raise bad_request("the object cannot be read")
    result: Object = copy.deepcopy(one)
    result.setdefault("metadata", {})
    said = (result.setdefault("apiVersion", kind.api_version), result.setdefault("kind", kind.kind))
    if said != (kind.api_version, kind.kind):
        raise bad_request(f"{said[0]} {said[1]} is not {kind.api_version} {kind.kind}")
    return result


def _birth(at: Address) -> Object:
    meta: Object = {"uid": str(uuid.uuid4()), "creationTimestamp": _now(), "generation": 1}
    return meta | ({"namespace": at.namespace} if at.namespace else {})


def _check_preconditions(at: Address, before: Object, wanted: Object) -> None:
    for name in ("uid", "resourceVersion"):
        if wanted.get(name) and wanted[name] != before["metadata"][name]:
            raise conflict(
                f'Operation cannot be fulfilled on {at.kind.plural} "{at.name}": '
                "the object has been modified; please apply your changes to the latest version and try again"
            )
    if wanted.get("name", at.name) != at.name:
        raise bad_request("the name of the object does not match the name on the URL")


def _keys(kind: Kind) -> applying.Keys:
    return applying.schema_keys(kind.schema) if kind.custom else applying.built_in_keys


def _spec(one: Object) -> Any:
    return {key: value for key, value in one.items() if key not in ("metadata", "status")}


def _without_times(one: Object) -> Object:
    fields = [{**entry, "time": ""} for entry in one["metadata"].get("managedFields", ())]
    return {**one, "metadata": {**one["metadata"], "managedFields": fields}}


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
