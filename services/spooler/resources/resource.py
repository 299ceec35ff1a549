"""A custom resource as the cluster has it, read once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from chassis.errors import InvalidArgument

GROUP, VERSION = "printfabric.dev", "v1alpha1"
FINALIZER = f"{GROUP}/drain"


class Kind(StrEnum):
    """The kinds, as manifests name them."""

    PRINTER = "Printer"
    PORT = "PrinterPort"

    @property
    def plural(self) -> str:
        """As paths name them."""
        return f"{self.lower()}s"


class Key(NamedTuple):
    """Which resource, in the namespace that is watched."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One object. `version` changes with everything, `generation` with the spec alone."""

    key: Key
    namespace: str
    uid: str
    version: str
    generation: int
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    finalizers: Sequence[str]
    deleting: bool

    @classmethod
    def of(cls, kind: Kind, one: Mapping[str, Any]) -> Resource:
        """Read an object of the API."""
        meta = one["metadata"]
        return cls(
            key=Key(kind, str(meta["name"])),
            namespace=str(meta["namespace"]),
            uid=str(meta["uid"]),
            version=str(meta["resourceVersion"]),
            generation=int(meta.get("generation") or 0),
            spec=_mapping(one.get("spec")),
            status=_mapping(one.get("status")),
            finalizers=tuple(meta.get("finalizers") or ()),
            deleting="deletionTimestamp" in meta,
        )

    def said(self, field: str) -> str:
        """Return what the spec says of a field that the definition requires: it may have been made by another one.

        Raises:
            InvalidArgument: nothing.
        """
        return required(self.spec, field, "spec")

    @property
    def path(self) -> str:
        """Where it is at the API server."""
        return f"{collection(self.key.kind, self.namespace)}/{self.key.name}"

    @property
    def manager(self) -> str:
        """The name under which it calls the API: what it declares is its."""
        return manager_name(self.namespace, self.key.name)

    @property
    def held(self) -> bool:
        """Whether it stays until we let it go."""
        return FINALIZER in self.finalizers


def _mapping(there: object) -> Mapping[str, Any]:
    """Return what is there; what is no object says nothing."""
    return there if isinstance(there, Mapping) else {}


def entries(spec: Mapping[str, Any], field: str) -> Sequence[Any]:
    """Return what a list of the spec has. Raises InvalidArgument: it is no list."""
    found = spec.get(field) or ()
    if not isinstance(found, list | tuple):
        raise InvalidArgument(f"spec.{field} is no list", field=f"spec.{field}")
    return found


def required(there: object, field: str, where: str) -> str:
    """Return a field's text. Raises InvalidArgument with its whole name where there is none."""
    if not isinstance(there, Mapping) or not there.get(field):
        raise InvalidArgument(f"{where}.{field} is missing", field=f"{where}.{field}")
    return str(there[field])


def collection(kind: Kind, namespace: str) -> str:
    """Return the path of all resources of a kind in a namespace."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{kind.plural}"


def manager_name(namespace: str, name: str) -> str:
    """Return the name under which a resource calls the API."""
    return f"{namespace}/{name}"
