"""What the chart, the reflector and the custom resources rely on in an API server.

Runs against the tests' own server; `KUBECONFIG_OF_A_CLUSTER=path pytest tests/kubeapi` runs the same against a real one
(that may create namespaces and CustomResourceDefinitions), and so shows that the tests' server is like it.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kubeapi.cluster import APPLY, JSON, Answer, Cluster, fake_cluster, real_cluster
from tests.kubeapi.server import KubeApi, kube_api

GROUP = "conformance.printfabric.dev"
REAL = os.environ.get("KUBECONFIG_OF_A_CLUSTER", "")
STR = {"type": "string"}
THING = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["node"],
            "properties": {
                "node": STR,
                "datatype": {"type": "string", "enum": ["RAW", "TEXT"], "default": "RAW"},
                "ports": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["port"],
                        "properties": {"port": STR, "note": STR},
                    },
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port"],
                },
            },
            "x-kubernetes-validations": [
                {"rule": "self.node == oldSelf.node", "message": "a thing stays on its node"}
            ],
        },
        "status": {"type": "object", "properties": {"state": STR}},
    },
}


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with kube_api() as api:
        yield api


@pytest.fixture(params=["fake", *(["real"] if REAL else [])])
async def cluster(request: pytest.FixtureRequest, api: KubeApi) -> AsyncIterator[Cluster]:
    namespace = f"conformance-{uuid.uuid4().hex[:8]}"
    lent = fake_cluster(api.url, namespace) if request.param == "fake" else real_cluster(REAL, namespace)
    async with lent as cluster:
        await cluster.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        yield cluster
        await cluster.delete(f"/api/v1/namespaces/{namespace}")


def maps(cluster: Cluster, name: str = "") -> str:
    return cluster.path("api/v1", "configmaps", name)


def a_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def make(cluster: Cluster, name: str = "a", **data: str) -> Answer:
    return await cluster.post(maps(cluster), a_map(name, **data))


async def test_what_is_created_has_a_uid_and_a_version(cluster: Cluster):
    made = await make(cluster, a="1")
    assert made.code == 201
    assert made.meta["uid"]
    assert made.version
    assert made.body["data"] == {"a": "1"}


async def test_a_name_is_given_once(cluster: Cluster):
    await make(cluster)
    again = await make(cluster)
    assert (again.code, again.reason) == (409, "AlreadyExists")


async def test_a_name_that_is_none_is_refused(cluster: Cluster):
    refused = await make(cluster, "Not_A_Name")
    assert (refused.code, refused.reason) == (422, "Invalid")


async def test_nothing_is_created_where_there_is_no_namespace(cluster: Cluster):
    refused = await cluster.post("/api/v1/namespaces/nowhere-at-all/configmaps", a_map("a"))
    assert (refused.code, refused.reason) == (404, "NotFound")


async def test_what_is_not_there_is_not_found(cluster: Cluster):
    assert (await cluster.get(maps(cluster, "none"))).code == 404
    assert (await cluster.delete(maps(cluster, "none"))).code == 404


async def test_a_replacement_has_a_newer_version(cluster: Cluster):
    made = await make(cluster, a="1")
    put = await cluster.put(maps(cluster, "a"), {**made.body, "data": {"a": "2"}})
    assert put.code == 200
    assert int(put.version) > int(made.version)
    assert put.meta["uid"] == made.meta["uid"]


async def test_who_replaces_an_old_version_is_too_late(cluster: Cluster):
    made = await make(cluster, a="1")
    await cluster.put(maps(cluster, "a"), {**made.body, "data": {"a": "2"}})
    late = await cluster.put(maps(cluster, "a"), {**made.body, "data": {"a": "3"}})
    assert (late.code, late.reason) == (409, "Conflict")
    assert (await cluster.get(maps(cluster, "a"))).body["data"] == {"a": "2"}


async def test_a_replacement_without_a_version_replaces_all(cluster: Cluster):
    await make(cluster, a="1", b="2")
    put = await cluster.put(maps(cluster, "a"), a_map("a", c="3"))
    assert put.code == 200
    assert put.body["data"] == {"c": "3"}


async def test_a_change_that_changes_nothing_keeps_the_version(cluster: Cluster):
    made = await make(cluster, a="1")
    assert (await cluster.put(maps(cluster, "a"), made.body)).version == made.version
    assert (await cluster.patch(maps(cluster, "a"), {"data": {"a": "1"}})).version == made.version


async def test_null_in_a_merge_patch_deletes(cluster: Cluster):
    await make(cluster, a="1", b="2")
    patched = await cluster.patch(maps(cluster, "a"), {"data": {"a": None, "c": "3"}})
    assert patched.body["data"] == {"b": "2", "c": "3"}


async def test_a_merge_patch_that_names_an_old_version_is_too_late(cluster: Cluster):
    made = await make(cluster, a="1")
    await cluster.patch(maps(cluster, "a"), {"data": {"a": "2"}})
    late = {"metadata": {"resourceVersion": made.version}, "data": {"a": "3"}}
    assert (await cluster.patch(maps(cluster, "a"), late)).code == 409


async def test_a_json_patch_changes_one_field(cluster: Cluster):
    await make(cluster, a="1", b="2")
    patch = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "9"},
    ]
    patched = await cluster.patch(maps(cluster, "a"), patch, JSON)
    assert patched.body["data"] == {"a": "9", "b": "2"}


async def test_a_json_patch_whose_test_fails_changes_nothing(cluster: Cluster):
    made = await make(cluster, a="1")
    patch = [{"op": "test", "path": "/data/a", "value": "0"}, {"op": "remove", "path": "/data/a"}]
    assert (await cluster.patch(maps(cluster, "a"), patch, JSON)).code == 422
    assert (await cluster.get(maps(cluster, "a"))).version == made.version


async def apply(cluster: Cluster, body: Any, manager: str, path: str = "", **query: str) -> Answer:
    return await cluster.patch(path or maps(cluster, "a"), body, APPLY, fieldManager=manager, **query)


async def test_apply_creates_and_then_changes(cluster: Cluster):
    first = await apply(cluster, a_map("a", x="1"), "chart")
    assert first.code == 201
    second = await apply(cluster, a_map("a", x="2"), "chart")
    assert second.code == 200
    assert second.body["data"] == {"x": "2"}


async def test_apply_that_changes_nothing_keeps_the_version(cluster: Cluster):
    first = await apply(cluster, a_map("a", x="1"), "chart")
    assert (await apply(cluster, a_map("a", x="1"), "chart")).version == first.version


async def test_apply_drops_what_its_manager_no_longer_sends_and_nobody_else_has(cluster: Cluster):
    await apply(cluster, a_map("a", x="1", y="2", z="3"), "chart")
    await apply(cluster, a_map("a", z="3", mine="4"), "person")
    after = await apply(cluster, a_map("a", x="1"), "chart")
    assert after.body["data"] == {"x": "1", "z": "3", "mine": "4"}


async def test_apply_does_not_change_what_another_manager_has(cluster: Cluster):
    await apply(cluster, a_map("a", x="1"), "chart")
    clash = await apply(cluster, a_map("a", x="2"), "person")
    assert (clash.code, clash.reason) == (409, "Conflict")
    assert "chart" in clash.body["message"]
    assert (await apply(cluster, a_map("a", x="1"), "person")).code == 200  # the same value is shared


async def test_apply_by_force_takes_a_field_over(cluster: Cluster):
    await apply(cluster, a_map("a", x="1"), "chart")
    taken = await apply(cluster, a_map("a", x="2"), "person", force="true")
    assert taken.body["data"] == {"x": "2"}
    assert (await apply(cluster, a_map("a", x="1"), "chart")).code == 409


async def test_what_a_replacement_changed_is_a_conflict_for_apply(cluster: Cluster):
    first = await apply(cluster, a_map("a", x="1"), "chart")
    await cluster.put(maps(cluster, "a"), {**first.body, "data": {"x": "7"}}, fieldManager="editor")
    clash = await apply(cluster, a_map("a", x="1"), "chart")
    assert clash.code == 409
    assert "editor" in clash.body["message"]


async def test_labels_select(cluster: Cluster):
    for name, tier in (("a", "front"), ("b", "back"), ("c", "")):
        one = a_map(name)
        one["metadata"]["labels"] = {"tier": tier} if tier else {}
        await cluster.post(maps(cluster), one)

    async def names(selector: str) -> list[str]:
        found = await cluster.get(maps(cluster), labelSelector=selector)
        names = [one["metadata"]["name"] for one in found.body["items"]]
        return [name for name in names if not name.startswith("kube-")]  # a real one puts its CA there

    assert await names("tier=front") == ["a"]
    assert await names("tier in (front,back)") == ["a", "b"]
    assert await names("!tier") == ["c"]
    assert await names("tier,tier!=front") == ["b"]


async def test_fields_select_and_an_unknown_field_is_refused(cluster: Cluster):
    await make(cluster, "a")
    await make(cluster, "b")
    found = await cluster.get(maps(cluster), fieldSelector="metadata.name=b")
    assert [one["metadata"]["name"] for one in found.body["items"]] == ["b"]
    assert (await cluster.get(maps(cluster), fieldSelector="data.x=1")).code == 400


async def test_a_list_comes_in_pages_of_one_version(cluster: Cluster):
    for number in range(5):
        await make(cluster, f"m{number}", own="1")
    first = await cluster.get(maps(cluster), limit="2")
    names = [one["metadata"]["name"] for one in first.body["items"]]
    more = first.meta["continue"]
    while more:
        page = await cluster.get(maps(cluster), **{"limit": "2", "continue": more})
        assert page.version == first.version
        names += [one["metadata"]["name"] for one in page.body["items"]]
        more = page.meta.get("continue", "")
    assert [name for name in names if not name.startswith("kube-")] == [f"m{number}" for number in range(5)]


async def test_a_watch_tells_what_was_added_changed_and_deleted(cluster: Cluster):
    version = (await cluster.get(maps(cluster))).version
    async with cluster.watch(maps(cluster), version, fieldSelector="metadata.name=a") as events:
        await make(cluster, a="1")
        changed = await cluster.patch(maps(cluster, "a"), {"data": {"a": "2"}})
        await make(cluster, "b")
        await cluster.delete(maps(cluster, "a"))
        seen = [await anext(events) for _ in range(3)]
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert {event["object"]["metadata"]["name"] for event in seen} == {"a"}
    assert int(seen[2]["object"]["metadata"]["resourceVersion"]) > int(changed.version)


async def test_a_watch_from_the_same_version_tells_the_same(cluster: Cluster):
    version = (await cluster.get(maps(cluster))).version
    await make(cluster, a="1")
    await cluster.patch(maps(cluster, "a"), {"data": {"a": "2"}})
    told = []
    for _ in range(2):
        async with cluster.watch(maps(cluster), version, fieldSelector="metadata.name=a") as events:
            told.append([(await anext(events))["type"] for _ in range(2)])
    assert told == [["ADDED", "MODIFIED"]] * 2


async def test_a_watch_with_labels_tells_of_what_enters_and_what_leaves(cluster: Cluster):
    version = (await cluster.get(maps(cluster))).version
    await make(cluster)
    async with cluster.watch(maps(cluster), version, labelSelector="in=yes") as events:
        await cluster.patch(maps(cluster, "a"), {"metadata": {"labels": {"in": "yes"}}})
        await cluster.patch(maps(cluster, "a"), {"metadata": {"labels": {"in": "no"}}})
        assert [(await anext(events))["type"] for _ in range(2)] == ["ADDED", "DELETED"]


async def test_a_watch_ends_when_its_time_is_over(cluster: Cluster):
    version = (await cluster.get(maps(cluster))).version
    async with cluster.watch(maps(cluster), version, timeoutSeconds="1") as events:
        assert [event async for event in events if event["type"] != "BOOKMARK"] == []


async def test_a_forgotten_version_is_an_event_for_a_watch_and_a_status_for_a_page(
    cluster: Cluster, api: KubeApi, request: pytest.FixtureRequest
):
    if request.node.callspec.params["cluster"] == "real":
        pytest.skip("nobody compacts a real cluster for a test")
    for number in range(3):
        await make(cluster, f"m{number}")
    page = await cluster.get(maps(cluster), limit="1")
    await make(cluster, "later")
    await api.compact()
    async with cluster.watch(maps(cluster), page.version) as events:
        event = await anext(events)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    late = await cluster.get(maps(cluster), **{"limit": "1", "continue": page.meta["continue"]})
    assert (late.code, late.reason) == (410, "Expired")


async def test_a_finalizer_holds_an_object_until_it_is_taken_out(cluster: Cluster):
    one = a_map("a")
    one["metadata"]["finalizers"] = ["printfabric.dev/drain"]
    await cluster.post(maps(cluster), one)
    held = await cluster.delete(maps(cluster, "a"))
    assert held.code == 200
    stamp = (await cluster.get(maps(cluster, "a"))).meta["deletionTimestamp"]
    await cluster.delete(maps(cluster, "a"))
    assert (await cluster.get(maps(cluster, "a"))).meta["deletionTimestamp"] == stamp
    await cluster.patch(maps(cluster, "a"), {"metadata": {"finalizers": None}})
    assert (await cluster.get(maps(cluster, "a"))).code == 404


async def test_a_dry_run_says_what_would_be_and_keeps_nothing(cluster: Cluster):
    made = await cluster.post(maps(cluster), a_map("a"), dryRun="All")
    assert made.code == 201
    assert (await cluster.get(maps(cluster, "a"))).code == 404
    await make(cluster, "b", x="1")
    assert (await cluster.patch(maps(cluster, "b"), {"data": {"x": "2"}}, dryRun="All")).body["data"][
        "x"
    ] == "2"
    assert (await cluster.get(maps(cluster, "b"))).body["data"]["x"] == "1"


async def test_who_deletes_another_object_of_the_same_name_is_refused(cluster: Cluster):
    made = await make(cluster)
    other = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    assert (await cluster.delete(maps(cluster, "a"), other)).code == 409
    mine = {"preconditions": {"uid": made.meta["uid"]}}
    assert (await cluster.delete(maps(cluster, "a"), mine)).code == 200


async def test_a_name_can_be_generated(cluster: Cluster):
    leases = cluster.path("apis/coordination.k8s.io/v1", "leases")
    made = [await cluster.post(leases, {"metadata": {"generateName": "spooler-"}}) for _ in range(2)]
    names = {one.meta["name"] for one in made}
    assert len(names) == 2
    assert all(name.startswith("spooler-") for name in names)


async def test_a_lease_is_taken_by_one_of_two(cluster: Cluster):
    leases = cluster.path("apis/coordination.k8s.io/v1", "leases")
    made = await cluster.post(leases, {"metadata": {"name": "l"}, "spec": {"holderIdentity": ""}})
    takes = [{**made.body, "spec": {"holderIdentity": name}} for name in ("one", "two")]
    codes = [(await cluster.put(f"{leases}/l", take)).code for take in takes]
    assert codes == [200, 409]


async def test_an_unknown_field_of_a_built_in_kind_is_refused_when_strict(cluster: Cluster):
    one = {**a_map("a"), "dataa": {"x": "1"}}
    refused = await cluster.post(maps(cluster), one, fieldValidation="Strict")
    assert (refused.code, refused.reason) == (400, "BadRequest")


async def test_a_review_of_access_is_answered_and_kept_nowhere(cluster: Cluster):
    review = {
        "spec": {"user": "nobody-at-all", "resourceAttributes": {"verb": "print", "resource": "printers"}}
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = await cluster.post(path, review)
    assert answer.code == 201
    assert answer.body["status"]["allowed"] is False


async def test_a_token_nobody_gave_is_not_authenticated(cluster: Cluster):
    review = {"spec": {"token": "forged", "audiences": ["print-fabric-spooler"]}}
    answer = await cluster.post("/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert answer.code == 201
    assert not answer.body["status"].get("authenticated")


@pytest.fixture
async def things(cluster: Cluster) -> AsyncIterator[str]:
    """Define a custom resource and lend the path of its objects."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": THING},
                    "subresources": {"status": {}},
                }
            ],
        },
    }
    made = await cluster.post(definitions, definition)
    assert made.code == 201, made.body
    path = cluster.path(f"apis/{GROUP}/v1alpha1", "things")
    for _ in range(200):
        if (await cluster.get(path)).code == 200:
            break
    yield path
    await cluster.delete(f"{definitions}/things.{GROUP}")


def thing(name: str = "t", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Thing",
        "metadata": {"name": name},
        "spec": {"node": "n1", **spec},
    }


async def test_a_definition_makes_a_kind_that_discovery_names(cluster: Cluster, things: str):
    found = await cluster.get(f"/apis/{GROUP}/v1alpha1")
    assert {one["name"] for one in found.body["resources"]} == {"things", "things/status"}


async def test_defaults_are_filled_in(cluster: Cluster, things: str):
    made = await cluster.post(things, thing())
    assert made.code == 201
    assert made.body["spec"] == {"node": "n1", "datatype": "RAW"}


async def test_unknown_fields_are_pruned_or_refused_when_strict(cluster: Cluster, things: str):
    made = await cluster.post(things, thing(colour="red"))
    assert "colour" not in made.body["spec"]
    strict = await cluster.post(things, thing("s", colour="red"), fieldValidation="Strict")
    assert strict.code == 400
    assert "colour" in strict.body["message"]


@pytest.mark.parametrize(
    "spec", [{"datatype": "EMF"}, {"node": 7}, {"node": None}, {"ports": [{"note": "x"}]}]
)
async def test_what_the_schema_forbids_is_refused(cluster: Cluster, things: str, spec: dict[str, Any]):
    refused = await cluster.post(things, thing(**spec))
    assert (refused.code, refused.reason) == (422, "Invalid")


async def test_a_rule_about_a_change_is_kept(cluster: Cluster, things: str):
    await cluster.post(things, thing())
    moved = await cluster.patch(f"{things}/t", {"spec": {"node": "n2"}})
    assert moved.code == 422
    assert "stays on its node" in moved.body["message"]


async def test_status_is_its_own_and_spec_counts_generations(cluster: Cluster, things: str):
    made = await cluster.post(things, {**thing(), "status": {"state": "claimed"}})
    assert "status" not in made.body
    assert made.meta["generation"] == 1
    told = await cluster.patch(
        f"{things}/t/status", {"status": {"state": "ready"}, "spec": {"datatype": "TEXT"}}
    )
    assert told.body["status"] == {"state": "ready"}
    assert told.body["spec"]["datatype"] == "RAW"
    assert told.meta["generation"] == 1
    changed = await cluster.patch(f"{things}/t", {"status": {"state": "x"}, "spec": {"datatype": "TEXT"}})
    assert changed.body["status"] == {"state": "ready"}
    assert changed.meta["generation"] == 2


async def test_apply_merges_lists_by_their_key(cluster: Cluster, things: str):
    path = f"{things}/t"
    await apply(cluster, thing(ports=[{"port": "COM1:", "note": "till"}]), "chart", path)
    merged = await apply(cluster, thing(ports=[{"port": "COM2:"}]), "person", path)
    assert [one["port"] for one in merged.body["spec"]["ports"]] == ["COM1:", "COM2:"]
    after = await apply(cluster, thing(), "chart", path)
    assert after.body["spec"]["ports"] == [{"port": "COM2:"}]


async def test_a_definition_that_is_gone_takes_its_kind_along(cluster: Cluster, things: str):
    await cluster.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.{GROUP}")
    with contextlib.suppress(KeyError):
        for _ in range(200):
            if (await cluster.get(things)).code == 404:
                break
    assert (await cluster.get(things)).code == 404
