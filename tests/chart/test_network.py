"""Who may reach whom by the chart's network policies."""

from __future__ import annotations

from typing import Any

from tests.chart.rendering import Object, objects


def policies(**values: Any) -> dict[str, Object]:
    """Return the specs of the network policies by their component."""
    found = objects({**values, "networkPolicy": {"enabled": True, **values.get("networkPolicy", {})}})
    return {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"]
        for one in found
        if one["kind"] == "NetworkPolicy"
    }


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


def test_the_way_to_the_database_is_open_at_its_port():
    database = {"existingSecret": "print-database", "port": 6432}
    rules = policies(spooler={"database": database})["spooler"]["egress"]
    assert {"ports": [{"port": 6432, "protocol": "TCP"}]} in rules
