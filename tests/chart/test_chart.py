"""The chart by Helm itself: linted, rendered over a matrix of values, checked against Kubernetes and our own policies."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import tomllib
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from chassis.settings import Settings, is_loopback
from portmon.settings import PortmonSettings
from portui.settings import PortuiSettings
from spooler.settings import SpoolerSettings
from tests.chart.rendering import CHART, MATRIX, ROOT, Object, Refused, lint, objects, pods, texts, values_of

VERSIONS = ("1.30", "1.33", "1.37")
FOREIGN = (
    "cert-manager.io/",
    "gateway.networking.k8s.io/",
    "monitoring.coreos.com/",
)  # kinds whose schemas Kubernetes does not have
_GRPC_ROUTE = {"enabled": True, "hostname": "print.example.com", "parentRefs": [{"name": "edge"}]}
_BY_TOKENS = {"access": {"requireClientCertificate": False}}
SETTINGS: dict[str, type[Settings]] = {
    "spooler": SpoolerSettings,
    "portmon": PortmonSettings,
    "portui": PortuiSettings,
}


@pytest.fixture(params=MATRIX, scope="module")
def release(request: pytest.FixtureRequest) -> list[Object]:
    return objects(values_of(request.param))


@pytest.mark.parametrize("name", MATRIX)
def test_a_strict_lint_has_nothing_to_say(name: str):
    assert lint(values_of(name)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_in_three_versions_of_kubernetes(release: list[Object], version: str):
    for one in release:
        if not one["apiVersion"].startswith(FOREIGN):
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize(
    "values",
    [
        {"spooler": {"replicas": 2}},
        {"spooler": {"replica": 1}},
        {"portmon": {"devices": {"mode": "sometimes"}}},
        {"tls": {"mode": "off"}},
        {"spooler": {"printers": [{"name": "labels", "ports": ["COM1:"]}]}},
        {"spooler": {"image": {"digest": "latest"}}},
        {"networkPolicy": {"printerCidrs": ["10.0.0.1"]}},
        {"access": {"administrators": ["alice"]}},  # of what kind?
        {"access": {"everybody": "administrator"}},
        {"access": {"onPrinters": [{"role": "viewer", "callers": ["oidc:ada"], "printers": ["bar"]}]}},
        {"signIn": {"oidc": {"issuer": "https://login.example"}}},  # without the console's name there
        {"signIn": {"oidc": {"issuer": "http://login.example", "clientId": "print"}}},
        {"portui": {"console": {"origin": "http://printers.example.com"}}},
        {"portui": {"console": {"origin": "https://printers.example.com/"}}},
        {"portui": {"console": {"origin": "https://printers.example.com"}, "replicas": 2}},  # without a key
        {"tls": {"mode": "secrets"}},  # without their names
        {"portmon": {"namespaceOverride": "devices"}},  # who signs there?
        {
            "portmon": {"namespaceOverride": "devices"},
            "tls": {"certManager": {"issuerRef": {"kind": "Issuer", "name": "corp"}}},
        },
        {"portmon": {"namespaceOverride": "Devices"}, "tls": {"mode": "secrets"}},
        {"portmon": {"dialOut": {"enabled": True}}},  # what would prove their nodes?
        {"portmon": {"dialOut": {"spoolers": ["spool.example"]}}},
        {"portmon": {"hostNetwork": True}, "networkPolicy": {"enabled": True}},  # where are the nodes?
        {
            "access": {"hosts": ["certificate:spiffe://print-fabric/host/*"]},
            "networkPolicy": {"enabled": True},
        },
        {
            "spooler": {"hosts": [{"name": "shop-12", "address": "shop-12.example:26152"}]},
            "networkPolicy": {"enabled": True},
        },
        {"spooler": {"hosts": [{"name": "shop-12", "address": "shop-12.example"}]}},
        {"portui": {"ingress": {"enabled": True}}},  # to a console that there is not
        {
            "portui": {"console": {"origin": "https://p.example.com"}, "httpRoute": {"enabled": True}}
        },  # of no gateway
        {"spooler": {"grpcRoute": _GRPC_ROUTE}},  # whose callers cannot show their certificates
        {"spooler": {"grpcRoute": {**_GRPC_ROUTE, "hostname": ""}}, **_BY_TOKENS},
        {"spooler": {"grpcRoute": {**_GRPC_ROUTE, "parentRefs": []}}, **_BY_TOKENS},
        {"spooler": {"limits": {"callsPerSecond": -1}}},
        {"spooler": {"limits": {"maxMessageBytes": 1024}}},
        {"portui": {"autoscaling": {"enabled": True, "maxReplicas": 2}, "replicas": 3}},
        {
            "portui": {"console": {"origin": "https://p.example.com"}, "autoscaling": {"enabled": True}}
        },  # without a key
        {"customResources": {"enabled": "yes"}},
        # Whose name is that, the cluster's or the provider's?
        {
            "cluster": {"accessReviews": True},
            "signIn": {"oidc": {"issuer": "https://login.example", "clientId": "c"}},
        },
        {"tls": {"certManager": {"dnsNames": {"spooler": ["print_1"]}}}},
        {"fullnameOverride": "Foo_Bar"},
        {"fullnameOverride": "7-bar"},  # Services begin with a letter
        {"nameOverride": "-bar"},
        {"spooler": {"database": {"port": 0}}},
        {"spooler": {"database": {"existingSecret": "print-database", "maxBytes": 1024}}},
        {"spooler": {"database": {"existingSecret": "print-database", "maxBytes": "20Gi"}}},
        *(
            {"portmon": {"ports": [{"name": "P", "monitor": "sim", "settings": settings}]}}
            for settings in ({"host": None}, {"a": {"b": 1}}, {"a": [1]}, {"two words": 1}, {"": 1})
        ),
    ],
    ids=json.dumps,
)
def test_values_that_cannot_work_are_refused(values: Object):
    with pytest.raises(Refused):
        texts(values)


def test_what_the_services_read_is_what_they_understand(release: list[Object]):
    seen = set()
    for one in release:
        for file, text in (one.get("data") or {}).items() if one["kind"] == "ConfigMap" else ():
            if file.endswith(".toml"):
                name = file.removesuffix(".toml")
                settings = SETTINGS[name](**tomllib.loads(text))
                on_sockets = all(map(is_loopback, settings.server.listen))
                assert settings.server.tls is not None or on_sockets, "TCP beyond loopback is never plain"
                assert settings.server.access.trust_loopback == "never"
                seen.add(name)
    assert {"spooler", "portmon"} <= seen


def test_the_spooler_is_told_where_port_monitors_are_and_both_sides_know_each_other(release: list[Object]):
    toml = {
        file: tomllib.loads(text)
        for one in release
        if one["kind"] == "ConfigMap"
        for file, text in one["data"].items()
        if file.endswith(".toml")
    }
    spooler = SpoolerSettings(**toml["spooler.toml"])
    if not spooler.discovery.kubernetes_service:
        assert PortmonSettings(**toml["portmon.toml"]).dial_out.spoolers
        return
    services = {one["metadata"]["name"]: one for one in release if one["kind"] == "Service"}
    service = services[spooler.discovery.kubernetes_service]
    assert service["spec"]["clusterIP"] == "None"
    assert any(port["name"] == spooler.discovery.port_name for port in service["spec"]["ports"])
    certificates = {one["spec"]["secretName"]: one for one in release if one["kind"] == "Certificate"}
    if certificates:
        names = [name for one in certificates.values() for name in one["spec"].get("dnsNames", ())]
        assert spooler.monitors.tls is not None
        assert spooler.monitors.tls.server_name in names
        uris = [uri for one in certificates.values() for uri in one["spec"].get("uris", ())]
        allowed = toml["portmon.toml"]["server"]["access"]["roles"]["spooler"]
        assert [pattern.removeprefix("certificate:") in uris for pattern in allowed] == [True]


def test_a_public_name_is_in_the_certificate_and_an_issuer_of_ones_own_signs_it():
    release = objects(values_of("corporate"))
    certificates = {one["metadata"]["name"]: one["spec"] for one in release if one["kind"] == "Certificate"}
    service = "fabric-print-fabric-spooler"
    assert certificates[service]["dnsNames"] == [service, f"{service}.printing.svc", "print.example.com"]
    assert "printers.example.com" in certificates["fabric-print-fabric-portui"]["dnsNames"]
    assert len(certificates["fabric-print-fabric-portmon"]["dnsNames"]) == 2
    assert {json.dumps(one["issuerRef"]) for one in certificates.values()} == {
        '{"kind": "ClusterIssuer", "name": "corp"}'
    }
    assert not [one for one in release if one["kind"] == "Issuer"]


def test_names_and_labels_are_those_of_the_cluster(release: list[Object]):
    for one in release:
        name = one["metadata"]["name"]
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", name), name
        of_the_cluster = one["kind"].startswith("Cluster") or one["kind"] == "CustomResourceDefinition"
        if "labels" in one["metadata"] and not of_the_cluster:
            assert one["metadata"]["namespace"] in ("print", "printing", "print-devices")


def test_long_names_still_fit():
    for one in objects({}, name="a-release-with-a-name-that-is-as-long-as-it-can-be-xx"):
        # Names of RBAC are no labels and no DNS names.
        most = 253 if one["kind"].startswith("Cluster") else 63
        assert len(one["metadata"]["name"]) <= most


def test_selectors_name_their_component_and_select_their_own_pods_only(release: list[Object]):
    workloads = [one for one in release if one["kind"] in ("Deployment", "DaemonSet")]
    for one in workloads:
        selector = one["spec"]["selector"]["matchLabels"]
        assert "app.kubernetes.io/component" in selector
        assert selector.items() <= one["spec"]["template"]["metadata"]["labels"].items()
    selectors = [json.dumps(one["spec"]["selector"], sort_keys=True) for one in workloads]
    assert len(set(selectors)) == len(selectors)


def test_every_container_keeps_to_the_rules(release: list[Object]):
    for name, pod in pods(release):
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"]["drop"] == ["ALL"]
            assert container["resources"]["requests"]
            assert "memory" in container["resources"]["limits"]
            assert not container["image"].endswith(":latest")
            assert all("name" in port for port in container.get("ports", ()))
            if security.get("privileged"):
                assert name.endswith("-portmon")
                assert container["name"] == "portmon"
            else:
                assert security["allowPrivilegeEscalation"] is False
            if security.get("runAsUser") == 0:
                assert container["name"] == "own-state"
                assert security["capabilities"]["add"] == ["CHOWN"]


def test_long_running_containers_are_probed_and_leave_in_order(release: list[Object]):
    for one in release:
        if one["kind"] in ("Deployment", "DaemonSet"):
            (container,) = one["spec"]["template"]["spec"]["containers"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["grpc"]["port"] == 8081
            assert container["lifecycle"]["preStop"]["sleep"]["seconds"]


def test_only_the_spooler_may_ask_the_cluster_and_in_its_namespace_for_little(release: list[Object]):
    for name, pod in pods(release):
        assert pod["automountServiceAccountToken"] is name.endswith("-spooler")
    rules = {
        (one["apiGroups"][0], *one["resources"]): set(one["verbs"])
        for role in release
        if role["kind"] == "Role"
        for one in role["rules"]
    }
    expected: dict[tuple[str, ...], set[str]] = {}
    if "kubernetes_service" in json.dumps(release):  # port monitors that dial are not looked for
        expected["discovery.k8s.io", "endpointslices"] = {"get", "list", "watch"}
    if "[resources]" in json.dumps(release):
        expected["printfabric.dev", "printers", "printerports"] = {"list", "watch", "patch"}
        expected["printfabric.dev", "printers/status", "printerports/status"] = {"patch"}
        expected["events.k8s.io", "events"] = {"create"}
    assert rules == expected


def test_port_monitors_that_dial_prove_their_node_and_nothing_leads_to_them():
    release = objects(values_of("dial-out"))
    toml = {
        file: tomllib.loads(text)
        for one in release
        if one["kind"] == "ConfigMap"
        for file, text in one["data"].items()
    }
    portmon, spooler = PortmonSettings(**toml["portmon.toml"]), SpoolerSettings(**toml["spooler.toml"])
    (pod,) = [pod for name, pod in pods(release) if name.endswith("-portmon")]
    (container,) = pod["containers"]
    assert "grpc" not in {port["name"] for port in container["ports"]}
    services = {one["metadata"]["name"]: one["spec"] for one in release if one["kind"] == "Service"}
    assert not [name for name in services if name.endswith("-portmon")]
    # The name that is dialled has the address of each spooler; what is proven there is the spooler's name.
    (dialled,) = portmon.dial_out.spoolers
    assert services[dialled.partition(".")[0]]["clusterIP"] == "None"
    assert portmon.dial_out_channel.tls is not None
    assert portmon.dial_out_channel.tls.server_name == "fabric-print-fabric-spooler.print.svc"
    # Its own token, for the spooler's eyes, is where it looks for it; and that account is a host there.
    token = portmon.dial_out_channel.token_file
    assert token is not None
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == str(token.parent)]
    (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["path"] == token.name
    assert source["serviceAccountToken"]["audience"] == spooler.cluster.token_audience
    account = f"workload:print/{pod['serviceAccountName']}"
    assert spooler.server.access.roles["monitor"] == (account, "certificate:spiffe://print-fabric/host/*")


def test_the_way_of_port_monitors_that_dial_is_open_in_one_direction():
    policies = {
        one["metadata"]["name"]: one["spec"]
        for one in objects(values_of("dial-out"))
        if one["kind"] == "NetworkPolicy"
    }
    portmon, spooler = (policies[f"fabric-print-fabric-{name}"] for name in ("portmon", "spooler"))
    selected = portmon["podSelector"]["matchLabels"]
    assert [rule["ports"][0]["port"] for rule in portmon["ingress"]] == ["metrics"]
    assert {"ipBlock": {"cidr": "192.0.2.0/24"}} in spooler["ingress"][0]["from"]
    assert {"ipBlock": {"cidr": "198.51.100.0/24"}} in spooler["ingress"][0]["from"]
    assert json.dumps(selected) not in json.dumps(spooler["egress"])
    elsewhere = {"portmon": {"dialOut": {"enabled": True, "spoolers": ["spool.example:443"]}}}
    release = objects(
        {**elsewhere, "cluster": {"tokenAudience": "spool"}, "networkPolicy": {"enabled": True}}
    )
    (policy,) = [
        one["spec"]
        for one in release
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"].endswith("-portmon")
    ]
    assert {"ports": [{"port": 443, "protocol": "TCP"}]} in policy["egress"]
    assert "-each" not in json.dumps(release)


def test_nothing_is_secret_in_the_chart(release: list[Object]):
    assert not [one for one in release if one["kind"] == "Secret"]


@pytest.mark.parametrize("name", MATRIX)
def test_two_renderings_are_the_same(name: str):
    assert texts(values_of(name)) == texts(values_of(name))


def checksums(found: list[Object]) -> dict[str, str]:
    """Return the sum of its settings that each workload's pods carry, by component."""
    return {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"]["template"]["metadata"][
            "annotations"
        ]["checksum/config"]
        for one in found
        if one["kind"] in ("Deployment", "DaemonSet")
    }


@pytest.mark.parametrize("component", ["spooler", "portmon", "portui"])
def test_a_changed_setting_restarts_its_pods_and_no_others(component: str):
    before, after = checksums(objects({})), checksums(objects({component: {"logLevel": "debug"}}))
    assert before.keys() == {"spooler", "portmon", "portui"}
    assert {name for name in before if after[name] != before[name]} == {component}


def test_with_a_database_there_is_no_volume_and_its_url_is_in_no_manifest():
    release = objects(values_of("postgres"))
    assert not [one for one in release if one["kind"] == "PersistentVolumeClaim"]
    (spooler,) = [pod for name, pod in pods(release) if name.endswith("-spooler")]
    (variable,) = [one for one in spooler["containers"][0]["env"] if one["name"].endswith("_DATABASE")]
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "print-database", "key": "url"}
    mounted = {mount["name"] for mount in spooler["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spooler["volumes"]}


def test_spoolers_that_share_a_database_have_names_of_their_own():
    release = objects(values_of("postgres"))
    (spooler,) = [pod for name, pod in pods(release) if name.endswith("-spooler")]
    (variable,) = [
        one for one in spooler["containers"][0]["env"] if one["name"] == "PRINTFABRIC_SPOOLER_SPOOLER_ID"
    ]
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    (text,) = [one["data"]["spooler.toml"] for one in release if "spooler.toml" in one.get("data", {})]
    assert "spooler_id" not in text
    assert "spooler_id" in json.dumps(objects({}))  # one alone keeps its name over restarts


@pytest.mark.parametrize(
    ("given", "limit"), [({}, 20 << 30), ({"maxBytes": 1 << 34}, 1 << 34), ({"maxBytes": 0}, None)]
)
def test_documents_take_so_much_of_a_database(given: Object, limit: int | None):
    release = objects({"spooler": {"database": {"existingSecret": "print-database", **given}}})
    (text,) = [one["data"]["spooler.toml"] for one in release if "spooler.toml" in one.get("data", {})]
    assert SpoolerSettings(**tomllib.loads(text)).database_bytes == limit
    assert "database_bytes" not in json.dumps(objects({}))  # a volume is limited by its size


def test_without_devices_nothing_is_privileged_and_no_device_is_mounted():
    release = objects({"portmon": {"devices": {"mode": "none"}}})
    text = json.dumps(release)
    assert '"privileged": true' not in text
    assert '"/dev"' not in text


def test_the_network_policies_select_every_component():
    release = objects({"networkPolicy": {"enabled": True}})
    policies = [one for one in release if one["kind"] == "NetworkPolicy"]
    chosen = {one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in policies}
    assert chosen == {"spooler", "portmon", "portui"}


def test_the_schema_is_a_schema_and_the_defaults_fit_it():
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    keys = _keys(json.loads(json.dumps(_values())))
    assert not {key for key in keys if not _described(schema, key)}


def test_the_readme_is_in_step_with_the_values():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "chart_docs.py", "--check"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_version_is_the_distributions():
    chart = (CHART / "Chart.yaml").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f'appVersion: "{project}"' in chart
    assert f"version: {project}" in chart


def _values() -> Object:
    import yaml  # noqa: PLC0415 - the one test that reads the file itself

    return copy.deepcopy(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")))


def _keys(values: Any, before: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(values, dict) or not values:
        return {before}
    return {key for name, value in values.items() for key in _keys(value, (*before, name))}


def _described(schema: Any, key: tuple[str, ...]) -> bool:
    """Return whether the schema knows a key by name, or leaves the object open to the user."""
    here = schema
    for part in key:
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rpartition("/")[2]]
        if "properties" not in here:
            return bool(here.get("type") == "object")
        if part not in here["properties"]:
            return False
        here = here["properties"][part]
    return True
