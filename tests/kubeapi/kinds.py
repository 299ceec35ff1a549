"""The kinds an API server knows, and how a path names one of their objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.kubeapi.status import Object, StatusError


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. `schema` is a custom resource's; built-in ones are checked by Kubernetes' own schemas."""

    group: str  # "" is the core group
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False  # has the subresource
    custom: bool = False
    schema: Object = field(default_factory=dict, hash=False)

    @property
    def api_version(self) -> str:
        """As manifests say it: `apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """As paths begin."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def key(self) -> tuple[str, str]:
        """What its objects are kept by: versions of one kind share them."""
        return self.group, self.plural


class Address(NamedTuple):
    """What a path names: a collection when there is no name."""

    kind: Kind
    namespace: str  # "" of a kind without, or all of them
    name: str
    subresource: str


def _several(group: str, version: str, *kinds: str, namespaced: bool = True) -> list[Kind]:
    with_status = {"Deployment", "DaemonSet", "Pod", "Service", "Namespace", "PersistentVolumeClaim"}
    return [
        Kind(group, version, _plural(kind), kind, namespaced, kind in with_status or kind.endswith("Budget"))
        for kind in kinds
    ]


def _plural(kind: str) -> str:
    low = kind.lower()
    if low.endswith("y"):
        return f"{low[:-1]}ies"
    if low.endswith("ss"):
        return f"{low}es"
    return low if low == "endpoints" else f"{low}s"


BUILT_IN = [
    *_several("", "v1", "Namespace", namespaced=False),
    *_several("", "v1", "ConfigMap", "Secret", "Service", "ServiceAccount", "PersistentVolumeClaim", "Pod"),
    *_several("apps", "v1", "Deployment", "DaemonSet"),
    *_several("autoscaling", "v2", "HorizontalPodAutoscaler"),
    *_several("batch", "v1", "Job"),
    *_several("policy", "v1", "PodDisruptionBudget"),
    *_several("networking.k8s.io", "v1", "Ingress", "NetworkPolicy"),
    *_several("rbac.authorization.k8s.io", "v1", "Role", "RoleBinding"),
    *_several("rbac.authorization.k8s.io", "v1", "ClusterRole", "ClusterRoleBinding", namespaced=False),
    *_several("coordination.k8s.io", "v1", "Lease"),
    *_several("discovery.k8s.io", "v1", "EndpointSlice"),
    *_several("events.k8s.io", "v1", "Event"),
    *_several("apiextensions.k8s.io", "v1", "CustomResourceDefinition", namespaced=False),
    Kind("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False),
    Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False),
]


class Kinds:
    """All kinds there are; definitions of custom resources add theirs."""

    def __init__(self) -> None:
        self._kinds = {(kind.group, kind.version, kind.plural): kind for kind in BUILT_IN}

    def __iter__(self):
        return iter(list(self._kinds.values()))

    def define(self, crd: Object) -> None:
        """Add what a CustomResourceDefinition defines."""
        spec = crd["spec"]
        for version in spec["versions"]:
            if version["served"]:
                kind = Kind(
                    spec["group"],
                    version["name"],
                    spec["names"]["plural"],
                    spec["names"]["kind"],
                    spec["scope"] == "Namespaced",
                    "status" in version.get("subresources", {}),
                    custom=True,
                    schema=version["schema"]["openAPIV3Schema"],
                )
                self._kinds[kind.group, kind.version, kind.plural] = kind

    def forget(self, crd: Object) -> None:
        """Take a definition back."""
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        self._kinds = {key: kind for key, kind in self._kinds.items() if kind.key != (group, plural)}

    def address(self, path: str) -> Address:
        """Read a path. Raises StatusError 404 for what there is not."""
        parts = path.strip("/").split("/")
        if parts[0] == "api" and len(parts) > 2:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[0] == "apis" and len(parts) > 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            raise _no_such(path)
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        kind = self._kinds.get((group, version, rest[0]))
        if kind is None or (namespace and not kind.namespaced) or len(rest) > 3:
            raise _no_such(path)
        name, subresource = (*rest[1:], "", "")[:2]
        if name and kind.namespaced and not namespace:
            raise _no_such(path)
        return Address(kind, namespace, name, subresource)


def _no_such(path: str) -> StatusError:
    return StatusError(404, "NotFound", f"the server could not find the requested resource ({path})")
