"""What a chart should not do although Helm and Kubernetes would let it: loose ends, chance, values that nothing reads."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from spooler.settings import SpoolerSettings
from tests.chart.rendering import CHART, MATRIX, Object, objects, pods, values_of
from tests.golden import Golden

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = sorted(path for path in (CHART / "templates").rglob("*") if path.is_file())


@pytest.fixture(params=MATRIX, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def release(name: str) -> list[Object]:
    return objects(values_of(name))


def named(release: list[Object], kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in release if one["kind"] == kind}


def manifest(release: list[Object]) -> str:
    return "".join(
        f"---\n{yaml.safe_dump(one, sort_keys=True, width=110)}"
        for one in sorted(release, key=lambda one: (one["kind"], one["metadata"]["name"]))
    )


@pytest.mark.golden
def test_what_is_rendered_is_what_was_reviewed(name: str, release: list[Object], golden: Golden):
    """The defaults stand whole; the rest of the matrix as what it makes different."""
    text = manifest(release)
    if name == "default":
        golden(GOLDEN / "default.yaml", text)
        return
    default = manifest(objects(values_of("default")))
    diff = difflib.unified_diff(default.splitlines(), text.splitlines(), "default", name, lineterm="", n=2)
    golden(GOLDEN / f"{name}.diff", "\n".join(diff) + "\n")


def test_there_is_no_golden_file_of_a_release_that_is_gone():
    assert {path.stem for path in GOLDEN.iterdir()} == set(MATRIX)


def test_every_account_volume_and_secret_is_there_or_is_the_users(name: str, release: list[Object]):
    claims, maps = named(release, "PersistentVolumeClaim"), named(release, "ConfigMap")
    made = {one["spec"]["secretName"] for one in named(release, "Certificate").values()}
    given = str(values_of(name))
    for _, pod in pods(release):
        if account := pod.get("serviceAccountName"):
            assert account in named(release, "ServiceAccount")
        for volume in pod["volumes"]:
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps
            if "secret" in volume:
                secret = volume["secret"]["secretName"]
                assert secret in made or secret in given
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert claim in claims or claim in given


def test_every_mount_has_its_volume_and_every_volume_its_mount(release: list[Object]):
    for owner, pod in pods(release):
        mounted = {
            mount["name"]
            for container in (*pod["containers"], *pod.get("initContainers", ()))
            for mount in container["volumeMounts"]
        }
        assert mounted == {volume["name"] for volume in pod["volumes"]}, owner


RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def why_not_restricted(pod: Object) -> set[str]:
    """Return what the level *restricted* of the Pod Security Standards objects to."""
    found = {key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)}
    found |= {key for volume in pod["volumes"] for key in volume if key not in {"name", *RESTRICTED_VOLUMES}}
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        security = {**pod["securityContext"], **container["securityContext"]}
        found |= {"privileged"} if security.get("privileged") else set()
        found |= {"escalation"} if security.get("allowPrivilegeEscalation", True) else set()
        found |= {"root"} if not security["runAsNonRoot"] or security.get("runAsUser") == 0 else set()
        capabilities = security["capabilities"]
        allowed = "ALL" in capabilities["drop"] and set(capabilities.get("add", ())) <= {"NET_BIND_SERVICE"}
        found |= set() if allowed else {"capabilities"}
        found |= set() if security["seccompProfile"]["type"] == "RuntimeDefault" else {"seccomp"}
        found |= {"hostPort"} if any("hostPort" in port for port in container.get("ports", ())) else set()
    return found


def test_pods_are_restricted_but_for_port_monitors_whose_values_need_more(name: str, release: list[Object]):
    portmon = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["portmon"] | values_of(name).get(
        "portmon", {}
    )
    asked = {"hostNetwork"} if portmon["hostNetwork"] else set()
    asked |= {"hostPath", "root", "capabilities"} if portmon["stateDir"] else set()
    asked |= {"privileged", "escalation", "hostPath"} if portmon["devices"]["mode"] == "privileged" else set()
    for owner, pod in pods(release):
        assert why_not_restricted(pod) == (asked if owner.endswith("-portmon") else set()), owner


def test_the_node_is_let_alone_where_nothing_of_it_is_asked_for():
    for mode in ("none", "devicePlugin"):
        release = objects({"portmon": {"devices": {"mode": mode}, "stateDir": ""}})
        for _, pod in pods(release):
            assert why_not_restricted(pod) == set()


def test_everything_is_in_the_namespace_of_the_values_and_finds_each_other_there():
    release = objects(values_of("corporate"))
    namespaces = {one["metadata"]["namespace"] for one in release if not one["kind"].startswith("Cluster")}
    assert namespaces == {"printing"}
    text = manifest(release)
    assert "-spooler.printing.svc" in text
    assert not re.search(r"\bprint(\.svc|/fabric)", text)


def test_pods_are_spread_and_ranked_as_the_values_say():
    found = dict(pods(objects(values_of("corporate"))))
    (constraint,) = found["fabric-print-fabric-portui"]["topologySpreadConstraints"]
    assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "portui"
    ranks = {owner.rpartition("-")[2]: pod.get("priorityClassName") for owner, pod in found.items()}
    assert ranks == {"spooler": "business", "portmon": "business", "portui": None, "test": None}


def test_every_service_leads_to_a_named_port_of_a_pod(release: list[Object]):
    workloads = [one["spec"]["template"] for one in release if one["kind"] in ("Deployment", "DaemonSet")]
    for service in named(release, "Service").values():
        (template,) = [
            one
            for one in workloads
            if service["spec"]["selector"].items() <= one["metadata"]["labels"].items()
        ]
        ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_no_service_publishes_pages_that_ask_nobody_who_they_are(release: list[Object]):
    """Metrics are read at the pods; a Service of the type LoadBalancer would show them to the world."""
    for service in named(release, "Service").values():
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= {"grpc", "web"}


def test_monitors_and_policies_name_ports_that_there_are(release: list[Object]):
    ports = {
        port["name"]
        for _, pod in pods(release)
        for container in pod["containers"]
        for port in container.get("ports", ())
    }
    asked = {value for value in _values_of_key(release, "port") if isinstance(value, str)}
    assert asked <= ports


def test_a_port_has_one_pod_during_an_update(release: list[Object]):
    for one in named(release, "DaemonSet").values():
        assert one["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0


def test_a_disruption_budget_is_made_only_where_it_can_be_kept(release: list[Object]):
    deployments = named(release, "Deployment").values()
    for budget in named(release, "PodDisruptionBudget").values():
        (one,) = [
            one
            for one in deployments
            if budget["spec"]["selector"]["matchLabels"] == one["spec"]["selector"]["matchLabels"]
        ]
        assert one["spec"]["replicas"] > 1


def test_what_is_scaled_by_load_has_no_number_of_its_own_and_is_no_spooler(release: list[Object]):
    deployments = named(release, "Deployment")
    for scaler in named(release, "HorizontalPodAutoscaler").values():
        target = deployments[scaler["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"], "each release would undo what the autoscaler did"
        assert target["metadata"]["labels"]["app.kubernetes.io/component"] == "portui"
        assert 1 <= scaler["spec"]["minReplicas"] <= scaler["spec"]["maxReplicas"]


def test_every_route_leads_to_a_port_of_a_service(release: list[Object]):
    services = named(release, "Service")
    for route in (*named(release, "HTTPRoute").values(), *named(release, "GRPCRoute").values()):
        for backend in (one for rule in route["spec"]["rules"] for one in rule["backendRefs"]):
            assert backend["port"] in {port["port"] for port in services[backend["name"]]["spec"]["ports"]}
    certificates = named(release, "Certificate")
    for policy in named(release, "BackendTLSPolicy").values():
        (target,) = policy["spec"]["targetRefs"]
        assert target["sectionName"] in {port["name"] for port in services[target["name"]]["spec"]["ports"]}
        assert policy["spec"]["validation"]["hostname"] in certificates[target["name"]]["spec"]["dnsNames"]


def test_rights_in_the_cluster_are_named_one_by_one(release: list[Object]):
    rules = [rule for one in release if one["kind"] in ("Role", "ClusterRole") for rule in one["rules"]]
    assert not [rule for rule in rules for words in rule.values() if "*" in words]
    accounts = named(release, "ServiceAccount")
    for binding in (*named(release, "RoleBinding").values(), *named(release, "ClusterRoleBinding").values()):
        assert {subject["name"] for subject in binding["subjects"]} <= set(accounts)


def test_an_image_can_come_from_a_registry_of_ones_own():
    release = objects({"global": {"imageRegistry": "registry.example:5000"}})
    images = [container["image"] for _, pod in pods(release) for container in pod["containers"]]
    assert images
    assert all(image.startswith("registry.example:5000/") for image in images)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_asks_neither_the_cluster_nor_chance(path: Path):
    """What differs at each rendering is a change without a reason for whoever compares (Argo CD, Flux)."""
    text = path.read_text("utf-8")
    assert not re.search(r"\b(lookup|rand\w+|now|genCA|genSelfSignedCert|genPrivateKey|uuidv4)\b", text)
    hooks = set(re.findall(r"helm\.sh/hook: *(\S+)", text))
    assert hooks <= {"test"}


def test_every_value_is_read_by_a_template():
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    text = "".join(path.read_text("utf-8") for path in TEMPLATES)
    read = set(re.findall(r"\.(\w+)", text))
    assert {name for name in _names(values) if name not in read} == set()


def _names(values: Any) -> set[str]:
    """Return the names of all keys of ours: what hangs below a value that is handed on whole is Kubernetes'."""
    found: set[str] = set()
    for name, value in values.items():
        found.add(name)
        if isinstance(value, dict) and name not in ("resources", "nodeSelector"):
            found |= _names(value)
    return found


def _values_of_key(value: Any, key: str) -> list[Any]:
    if isinstance(value, dict):
        here = [value[key]] if key in value else []
        return here + [found for below in value.values() for found in _values_of_key(below, key)]
    if isinstance(value, list):
        return [found for item in value for found in _values_of_key(item, key)]
    return []


def test_port_monitors_have_a_namespace_of_their_own_and_the_spooler_sees_where_they_are_and_nothing_else():
    release = [one for one in objects(values_of("apart")) if not one["kind"].startswith("Cluster")]
    there = [one for one in release if one["metadata"]["namespace"] == "print-devices"]
    assert sorted(one["kind"] for one in there) == [
        "Certificate",
        "ConfigMap",
        "DaemonSet",
        "NetworkPolicy",
        "PodMonitor",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ]
    (role,) = [one for one in there if one["kind"] == "Role"]
    assert role["rules"] == [
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    (binding,) = [one for one in there if one["kind"] == "RoleBinding"]
    assert binding["subjects"][0] == {
        "kind": "ServiceAccount",
        "name": "fabric-print-fabric-spooler",
        "namespace": "print",
    }
    here = [one for one in release if one["kind"] == "Role" and one["metadata"]["namespace"] == "print"]
    assert "endpointslices" not in json.dumps(here)
    assert '"privileged": true' not in json.dumps([one for one in release if one not in there])
    (names,) = [one["spec"]["dnsNames"] for one in there if one["kind"] == "Certificate"]
    assert "fabric-print-fabric-portmon.print-devices.svc" in names
    (toml,) = [one["data"]["spooler.toml"] for one in release if "spooler.toml" in one.get("data", {})]
    spooler = SpoolerSettings(**tomllib.loads(toml))
    assert spooler.discovery.namespace == "print-devices"
    assert spooler.monitors.tls is not None
    assert spooler.monitors.tls.server_name in names
