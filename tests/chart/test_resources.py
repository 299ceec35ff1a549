"""What the chart makes for custom resources and for the way to the console, as a cluster and its users meet it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from spooler.settings import SpoolerSettings
from tests.chart.helm import Helm, helm_at
from tests.chart.rendering import CHART, Object, objects, values_of
from tests.kubeapi.server import KubeApi, kube_api
from tests.kubeapi.status import StatusError

pytestmark = pytest.mark.timeout(180)
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PRINTERS = "/apis/printfabric.dev/v1alpha1/namespaces/print/printers"
TILL = {"spec": {"ports": [{"host": "node-7", "port": "COM1:"}]}}


def definitions(values: Object) -> dict[str, Object]:
    found = [one for one in objects(values) if one["kind"] == "CustomResourceDefinition"]
    return {one["metadata"]["name"]: one for one in found}


def test_definitions_are_made_as_they_stand_in_their_files_and_are_kept():
    made = definitions(values_of("custom-resources"))
    files = [yaml.safe_load(path.read_text("utf-8")) for path in (CHART / "files" / "crds").glob("*.yaml")]
    assert {one["metadata"]["name"]: one["spec"] for one in files} == {
        name: one["spec"] for name, one in made.items()
    }
    for one in made.values():
        assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_without_the_word_there_is_neither_a_definition_nor_a_right_nor_a_setting():
    assert "printfabric.dev/" not in json.dumps([one for one in objects({}) if one["kind"] != "ConfigMap"])
    assert definitions({"customResources": {"enabled": True, "definitions": False}}) == {}


def nodes(schema: Any, at: str = "") -> list[tuple[str, Any]]:
    below = {
        **schema.get("properties", {}),
        "[]": schema.get("items"),
        "{}": schema.get("additionalProperties"),
    }
    return [(at, schema)] + [
        found for name, one in below.items() if isinstance(one, dict) for found in nodes(one, f"{at}.{name}")
    ]


def test_schemas_are_structural_and_change_nothing_that_people_wrote():
    for one in definitions(values_of("custom-resources")).values():
        (version,) = one["spec"]["versions"]
        assert version["subresources"] == {"status": {}}
        for at, schema in nodes(version["schema"]["openAPIV3Schema"]):
            assert "type" in schema, at
            assert "default" not in schema, at  # a tool that compares sees no difference after it has applied
            if schema["type"] == "array":
                assert schema["x-kubernetes-list-type"] == "map", at
                assert set(schema["x-kubernetes-list-map-keys"]) <= set(schema["items"]["required"])


def test_the_spooler_follows_the_releases_namespace():
    (text,) = [
        one["data"]["spooler.toml"]
        for one in objects(values_of("gateway"))
        if "spooler.toml" in one.get("data", {})
    ]
    section = SpoolerSettings(**tomllib.loads(text)).resources
    assert (section.enabled, section.namespace) == (True, "print")


def test_the_console_is_led_to_at_the_host_of_its_origin_and_by_whom_only():
    release = objects(values_of("custom-resources"))
    (ingress,) = [one["spec"] for one in release if one["kind"] == "Ingress"]
    assert ingress["tls"] == [{"hosts": ["printers.example.com"], "secretName": "printers-tls"}]
    (rule,) = ingress["rules"]
    assert rule["host"] == "printers.example.com"
    backend = rule["http"]["paths"][0]["backend"]["service"]
    services = {one["metadata"]["name"]: one["spec"] for one in release if one["kind"] == "Service"}
    assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["ports"]}
    policies = {one["metadata"]["name"]: one["spec"] for one in release if one["kind"] == "NetworkPolicy"}
    web = [
        rule
        for rule in policies["fabric-print-fabric-portui"]["ingress"]
        if rule["ports"][0]["port"] == "web"
    ]
    assert web[0]["from"] == values_of("custom-resources")["networkPolicy"]["gateways"]
    (route,) = [one["spec"] for one in objects(values_of("gateway")) if one["kind"] == "HTTPRoute"]
    assert route["hostnames"] == ["printers.example.com"]  # without the origin's port
    assert route["parentRefs"] == values_of("gateway")["portui"]["httpRoute"]["parentRefs"]


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with kube_api() as api:
        yield api


@pytest.fixture
async def helm(api: KubeApi) -> AsyncIterator[Helm]:
    async with helm_at(api) as helm:
        yield helm


async def test_a_release_that_goes_leaves_definitions_and_resources_and_comes_back_to_them(
    api: KubeApi, helm: Helm
):
    await helm.install(values_of("custom-resources"))
    await api.put(PRINTERS, "till-3", TILL)
    await helm.uninstall()
    assert api.get(f"{PRINTERS}/till-3")["spec"] == TILL["spec"]
    ours = [one for one in api.all(DEFINITIONS) if one["spec"]["group"] == "printfabric.dev"]
    assert len(ours) == 2
    assert (await helm.install(values_of("custom-resources")))["status"] == "deployed"


async def test_resources_that_can_never_work_are_refused_by_the_cluster(api: KubeApi, helm: Helm):
    await helm.install(values_of("custom-resources"))
    wrong: list[Object] = [
        {},
        {"ports": []},
        {"ports": [{"host": "node-7"}]},
        {"ports": [{"host": "node-7", "port": "COM1:", "standby": True}]},
        {**TILL["spec"], "priority": 100},
        {**TILL["spec"], "onUncertain": "hold"},
        {**TILL["spec"], "redirect": "RedirectAfter"},
        {**TILL["spec"], "window": {"from": "25:00", "until": "06:00"}},
    ]
    for spec in wrong:
        with pytest.raises(StatusError) as refused:
            await api.put(PRINTERS, "wrong", {"spec": spec})
        assert refused.value.code == 422, spec
    await api.put(PRINTERS, "till-3", TILL)
    with pytest.raises(StatusError, match="printerName stays"):
        await api.put(PRINTERS, "till-3", {"spec": {**TILL["spec"], "printerName": "other"}})
