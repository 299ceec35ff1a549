"""What a client reads before it asks for anything: versions, groups, kinds, and the parameters a patch takes."""

from __future__ import annotations

from tests.kubeapi.kinds import Kind, Kinds
from tests.kubeapi.schemas import VERSION
from tests.kubeapi.status import Object

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def document(kinds: Kinds, path: str) -> Object | None:
    """Return the document at a path of discovery, None for any other path."""
    if path == "/version":
        major, minor = VERSION.split(".")
        return {"major": major, "minor": minor, "gitVersion": f"v{VERSION}.0", "platform": "linux/amd64"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups(kinds)}
    if path == "/openapi/v3":
        roots = {kind.root.lstrip("/") for kind in kinds}
        return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in sorted(roots)}}
    if path.startswith("/openapi/v3/"):
        return _open_api([kind for kind in kinds if kind.root == path.removeprefix("/openapi/v3")])
    found = [kind for kind in kinds if kind.root == path.rstrip("/")]
    return _resources(found) if found else None


def _groups(kinds: Kinds) -> list[Object]:
    versions: dict[str, list[Object]] = {}
    for kind in kinds:
        entry = {"groupVersion": kind.api_version, "version": kind.version}
        if kind.group and entry not in versions.setdefault(kind.group, []):
            versions[kind.group].append(entry)
    return [
        {"name": group, "versions": found, "preferredVersion": found[0]} for group, found in versions.items()
    ]


def _resources(kinds: list[Kind]) -> Object:
    entries: list[Object] = []
    for kind in kinds:
        one = {"name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind}
        entries.append({**one, "verbs": _VERBS})
        if kind.status:
            entries.append({**one, "name": f"{kind.plural}/status", "verbs": ["get", "patch", "update"]})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": entries,
    }


def _open_api(kinds: list[Kind]) -> Object:
    """Return as much as clients look for: that a patch of each kind takes `fieldValidation`."""
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    paths = {}
    for kind in kinds:
        within = "/namespaces/{namespace}" if kind.namespaced else ""
        paths[f"{kind.root}{within}/{kind.plural}/{{name}}"] = {
            "patch": {
                "parameters": parameters,
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {
                    "group": kind.group,
                    "version": kind.version,
                    "kind": kind.kind,
                },
                "responses": {"200": {"description": "OK"}},
            }
        }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": f"v{VERSION}.0"}, "paths": paths}
