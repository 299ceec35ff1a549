"""Who may reach whom by the chart's network policies."""

from __future__ import annotations

import ipaddress
import tomllib
from typing import Any, NamedTuple

import pytest

from portmon.settings import PortmonSettings
from spooler.settings import SpoolerSettings
from tests.chart.rendering import MATRIX, Object, objects, values_of

NODE, OUTSIDE, STRANGER = "192.0.2.7", "198.51.100.13", "203.0.113.9"
_NAME = "kubernetes.io/metadata.name"
POLICED = [name for name in MATRIX if values_of(name).get("networkPolicy", {}).get("enabled")]


def policies(**values: Any) -> dict[str, Object]:
    """Return the specs of the network policies by their component."""
    found = objects({**values, "networkPolicy": {"enabled": True, **values.get("networkPolicy", {})}})
    return {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"]
        for one in found
        if one["kind"] == "NetworkPolicy"
    }


class Peer(NamedTuple):
    """An end of a connection: a pod by its labels, or an address. Pods on their node's network are addresses."""

    labels: Object
    address: str = ""
    namespace: str = ""

    def fits(self, rule: Object, home: str) -> bool:
        """Return whether a peer of a rule is this one; home: the namespace of the rule's policy."""
        if "ipBlock" in rule:
            network = ipaddress.ip_network(rule["ipBlock"]["cidr"])
            return bool(self.address) and ipaddress.ip_address(self.address) in network
        there = rule.get("namespaceSelector", {}).get("matchLabels", {_NAME: home})
        within = there == {_NAME: self.namespace}
        labels: Object = rule["podSelector"].get("matchLabels", {})
        return within and labels.items() <= self.labels.items()


class Network:
    """What a release's policies let through."""

    def __init__(self, release: list[Object]) -> None:
        self._policies = [
            (one["metadata"]["namespace"], one["spec"]) for one in release if one["kind"] == "NetworkPolicy"
        ]
        workloads = [one for one in release if one["kind"] in ("Deployment", "DaemonSet")]
        self._templates = {
            one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"]["template"]
            for one in workloads
        }
        self._namespaces = {
            one["metadata"]["labels"]["app.kubernetes.io/component"]: one["metadata"]["namespace"]
            for one in workloads
        }

    def pod(self, component: str) -> Peer:
        """Return a component's pod as policies of most clusters see it."""
        template = self._templates[component]
        on_node = template["spec"].get("hostNetwork", False)
        return (
            Peer({}, NODE)
            if on_node
            else Peer(template["metadata"]["labels"], namespace=self._namespaces[component])
        )

    def passes(self, source: Peer, target: Peer, port: int) -> bool:
        """Return whether a connection is let out and in."""
        return self._lets(source, target, port, "egress", "to") and self._lets(
            target, source, port, "ingress", "from"
        )

    def _lets(self, pod: Peer, other: Peer, port: int, way: str, key: str) -> bool:
        mine = [
            (home, one)
            for home, one in self._policies
            if pod.labels and pod.fits({"podSelector": one["podSelector"]}, home)
        ]
        return not mine or any(
            (key not in rule or any(other.fits(peer, home) for peer in rule[key]))
            and ("ports" not in rule or port in (self._number(pod, one["port"]) for one in rule["ports"]))
            for home, one in mine
            for rule in one[way]
        )

    def _number(self, pod: Peer, port: str | int) -> int:
        """Return the number of a port that a rule may name."""
        if isinstance(port, int):
            return port
        (template,) = [one for one in self._templates.values() if one["metadata"]["labels"] == pod.labels]
        (container,) = template["spec"]["containers"]
        (found,) = [one["containerPort"] for one in container["ports"] if one["name"] == port]
        return int(found)


def settings(release: list[Object]) -> tuple[SpoolerSettings, PortmonSettings]:
    files = {
        file: text for one in release if one["kind"] == "ConfigMap" for file, text in one["data"].items()
    }
    return (
        SpoolerSettings(**tomllib.loads(files["spooler.toml"])),
        PortmonSettings(**tomllib.loads(files["portmon.toml"])),
    )


@pytest.mark.parametrize("name", POLICED)
def test_spoolers_and_hosts_reach_each_other_as_they_are_told_to_and_strangers_reach_none(name: str):
    release = objects(values_of(name))
    network, (spooler, portmon) = Network(release), settings(release)
    at_spooler, at_host = network.pod("spooler"), network.pod("portmon")
    assert network.passes(at_host, at_spooler, 26151) is bool(portmon.dial_out.spoolers)
    assert network.passes(at_spooler, at_host, 26152) is bool(spooler.discovery.kubernetes_service)
    for host in spooler.hosts:
        _, _, port = host.address.rpartition(":")
        assert network.passes(at_spooler, Peer({}, OUTSIDE), int(port)), host.address
    assert not network.passes(at_spooler, Peer({}, STRANGER), 26152)
    dials_in = any(one.startswith("certificate:") for one in spooler.server.access.roles["monitor"])
    assert network.passes(Peer({}, OUTSIDE), at_spooler, 26151) is dials_in
    assert not network.passes(Peer({}, STRANGER), at_spooler, 26151)
    if at_host.labels:  # of another release that is installed beside it
        assert not network.passes(at_spooler._replace(namespace="elsewhere"), at_host, 26152)


def test_metrics_of_port_monitors_elsewhere_are_read_from_the_namespace_of_the_release():
    network = Network(objects(values_of("apart")))
    for namespace, read in (("print", True), ("print-devices", False)):
        reader = Peer({"app": "prometheus"}, namespace=namespace)
        assert network.passes(reader, network.pod("portmon"), 9464) is read


def test_without_networks_of_printers_port_monitors_reach_none():
    rules = policies(networkPolicy={"printerCidrs": []})["portmon"]["egress"]
    assert [rule["ports"] for rule in rules] == [
        [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    ]
    assert {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]} in policies(
        networkPolicy={"printerCidrs": ["10.0.0.0/8"]}
    )["portmon"]["egress"]


def test_the_test_of_a_release_reaches_the_spooler_whoever_its_clients_are():
    clients = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    peers = policies(networkPolicy={"clients": clients})["spooler"]["ingress"][0]["from"]
    (test,) = [one["metadata"]["labels"] for one in objects({}) if one["kind"] == "Pod"]
    selectors = [peer["podSelector"]["matchLabels"] for peer in peers if "podSelector" in peer]
    assert any(selector.items() <= test.items() for selector in selectors)


def test_a_gateway_reaches_the_print_api_when_a_route_leads_there_and_only_then():
    gateways = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}}]
    values = values_of("gateway")

    def peers(enabled: bool) -> list[Object]:
        route = {**values["spooler"]["grpcRoute"], "enabled": enabled}
        changed = {
            "spooler": {**values["spooler"], "grpcRoute": route},
            "networkPolicy": {"gateways": gateways},
        }
        found: list[Object] = policies(**{**values, **changed})["spooler"]["ingress"][0]["from"]
        return found

    assert gateways[0] in peers(enabled=True)
    assert gateways[0] not in peers(enabled=False)


def test_the_way_to_the_database_is_open_at_its_port():
    database = {"existingSecret": "print-database", "port": 6432}
    rules = policies(spooler={"database": database})["spooler"]["egress"]
    assert {"ports": [{"port": 6432, "protocol": "TCP"}]} in rules
