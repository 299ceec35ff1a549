"""Releases by Helm: installed, upgraded, rolled back, tested and taken away, on a server with real rules."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.chart.helm import Failed, Helm, helm_at
from tests.chart.rendering import MATRIX, Object, objects, values_of
from tests.kubeapi.objects import How
from tests.kubeapi.server import KubeApi, kube_api
from tests.kubeapi.status import StatusError

PODS = "/api/v1/namespaces/print/pods"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with kube_api() as api:
        yield api


@pytest.fixture
async def helm(api: KubeApi) -> AsyncIterator[Helm]:
    async with helm_at(api) as helm:
        yield helm


def kept(api: KubeApi, one: Object) -> Object:
    """Return the server's object for a rendered one. Raises StatusError 404."""
    kind = next(
        kind
        for kind in api.objects.kinds
        if (kind.api_version, kind.kind) == (one["apiVersion"], one["kind"])
    )
    namespace = f"/namespaces/{one['metadata'].get('namespace', 'print')}" if kind.namespaced else ""
    return api.get(f"{kind.root}{namespace}/{kind.plural}/{one['metadata']['name']}")


def is_hook(one: Object) -> bool:
    return "helm.sh/hook" in one["metadata"].get("annotations", {})


def installed(values: Object, name: str = "fabric") -> list[Object]:
    return [one for one in objects(values, name=name) if not is_hook(one)]


def holds(there: Any, wanted: Any) -> bool:
    """Return whether all that is wanted is there."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(holds(there.get(key), value) for key, value in wanted.items())
    return bool(there == wanted)


def versions(api: KubeApi, values: Object) -> dict[str, str]:
    return {
        f"{one['kind']}/{one['metadata']['name']}": kept(api, one)["metadata"]["resourceVersion"]
        for one in installed(values)
    }


def spooler_toml(api: KubeApi) -> str:
    one = api.get("/api/v1/namespaces/print/configmaps/fabric-print-fabric-spooler")
    return str(one["data"]["spooler.toml"])


@pytest.mark.parametrize("name", MATRIX)
async def test_what_is_installed_is_what_was_rendered(api: KubeApi, helm: Helm, name: str):
    for elsewhere in {one["metadata"].get("namespace", "print") for one in objects(values_of(name))} - {
        "print"
    }:  # Helm makes the release's own
        await api.put("/api/v1/namespaces", elsewhere, {"metadata": {"name": elsewhere}})
    release = await helm.install(values_of(name))
    assert release["status"] == "deployed"
    for one in installed(values_of(name)):
        assert holds(kept(api, one), one), one["metadata"]["name"]


async def test_a_dry_run_on_the_server_keeps_nothing(api: KubeApi, helm: Helm):
    await api.put(PODS.rpartition("/")[0] + "/configmaps", "other", {"data": {"a": "b"}})
    before = api.objects.version
    await helm.install({}, dry_run="server")
    assert api.objects.version == before


async def test_an_upgrade_touches_only_what_its_values_change(api: KubeApi, helm: Helm):
    await helm.install({})
    before = versions(api, {})
    await helm.upgrade({"spooler": {"logLevel": "debug"}})
    after = versions(api, {})
    changed = {name for name, version in after.items() if before[name] != version}
    assert changed == {"ConfigMap/fabric-print-fabric-spooler", "Deployment/fabric-print-fabric-spooler"}
    assert 'level = "debug"' in spooler_toml(api)


async def test_an_upgrade_takes_away_what_is_no_longer_wanted(api: KubeApi, helm: Helm):
    await helm.install({"networkPolicy": {"enabled": True}})
    policies = "/apis/networking.k8s.io/v1/namespaces/print/networkpolicies"
    assert len(api.all(policies)) == 3
    await helm.upgrade({"portui": {"enabled": False}})
    assert api.all(policies) == []
    names = {one["metadata"]["name"] for one in api.all("/apis/apps/v1/namespaces/print/deployments")}
    assert names == {"fabric-print-fabric-spooler"}


async def test_a_rollback_brings_back_what_was(api: KubeApi, helm: Helm):
    await helm.install({"spooler": {"keepFinishedSeconds": 111}})
    await helm.upgrade({"spooler": {"keepFinishedSeconds": 222}})
    assert "keep_finished_s = 222" in spooler_toml(api)
    await helm.rollback()
    assert "keep_finished_s = 111" in spooler_toml(api)
    assert await helm.history() == [(1, "superseded"), (2, "superseded"), (3, "deployed")]


async def test_what_others_have_added_outlives_an_upgrade(api: KubeApi, helm: Helm):
    await helm.install({})
    at = api.objects.kinds.address("/apis/apps/v1/namespaces/print/deployments/fabric-print-fabric-spooler")

    def annotate(one: Object) -> Object:
        one["metadata"].setdefault("annotations", {})["corp/owner"] = "warehouse"
        return one

    api.objects.change(at, annotate, How("person"))
    await helm.upgrade({"spooler": {"logLevel": "debug"}})
    assert api.objects.get(at)["metadata"]["annotations"]["corp/owner"] == "warehouse"


async def test_an_upgrade_does_not_overrule_a_person_silently(api: KubeApi, helm: Helm):
    await helm.install({})
    at = api.objects.kinds.address("/apis/apps/v1/namespaces/print/deployments/fabric-print-fabric-portui")

    def scale(one: Object) -> Object:
        one["spec"]["replicas"] = 5
        return one

    api.objects.change(at, scale, How("person"))
    with pytest.raises(Failed, match="person"):
        await helm.upgrade({"portui": {"replicas": 2}})
    assert api.objects.get(at)["spec"]["replicas"] == 5


async def test_an_install_that_was_interrupted_is_repaired_by_an_upgrade(api: KubeApi, helm: Helm):
    api.fail("PATCH", "/deployments/", 500, times=99)
    with pytest.raises(Failed):
        await helm.install({})
    api.forgive()
    await helm.upgrade({})
    for one in installed({}):
        assert holds(kept(api, one), one)


async def test_two_releases_live_side_by_side_and_one_goes_alone(api: KubeApi, helm: Helm):
    await helm.install({}, "first")
    await helm.install({}, "second")
    await helm.uninstall("first")
    for one in installed({}, "second"):
        assert kept(api, one)


async def test_uninstalling_leaves_the_spool_and_nothing_else(api: KubeApi, helm: Helm):
    values = values_of("edge")
    await helm.install(values)
    answer = await helm.uninstall()
    left = []
    for one in installed(values):
        with contextlib.suppress(StatusError):
            left.append(kept(api, one)["kind"])
    assert left == ["PersistentVolumeClaim"]
    assert "fabric-print-fabric-spooler" in answer["info"]


async def _kubelet(api: KubeApi, phase: str, seen: list[Object]) -> None:
    """End every pod that appears, as a node would."""
    while True:
        async with api.changed:
            for pod in api.all(PODS):
                if not pod.get("status"):
                    seen.append(pod)
                    at = api.objects.kinds.address(f"{PODS}/{pod['metadata']['name']}/status")
                    api.objects.change(at, lambda one: {**one, "status": {"phase": phase}}, How("kubelet"))
                    api.changed.notify_all()
            await api.changed.wait()


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_the_charts_test_says_what_its_pod_says(api: KubeApi, helm: Helm, phase: str):
    await helm.install({})
    seen: list[Object] = []
    kubelet = asyncio.create_task(_kubelet(api, phase, seen))
    try:
        if phase == "Succeeded":
            await helm.test()
        else:
            with pytest.raises(Failed):
                await helm.test()
    finally:
        kubelet.cancel()
        await asyncio.gather(kubelet, return_exceptions=True)
    (pod,) = seen
    assert pod["spec"]["containers"][0]["command"][-3:] == ["check", "--within=60", "--hosts=1"]
    assert (api.all(PODS) == []) == (phase == "Succeeded")  # one that failed is left for its log
