"""What proves a release's hosts to its spooler: a token of each pod's own, or a certificate."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from chassis.settings_sources import load
from portmon.settings import PortmonSettings
from spooler.settings import SpoolerSettings
from tests.chart.rendering import MATRIX, Object, Refused, objects, pods, texts, values_of

AUDIENCE = "print-fabric-host"


def settings(release: list[Object], tmp_path: Path) -> tuple[SpoolerSettings, PortmonSettings]:
    """Return what a release's spooler and port monitors read, with their flags."""
    (pod,) = [pod for name, pod in pods(release) if name.endswith("-portmon")]
    maps = [one["data"] for one in release if one["kind"] == "ConfigMap"]
    found = {file: text for data in maps for file, text in data.items()}
    config = tmp_path / "portmon.toml"
    config.write_text(found["portmon.toml"], "utf-8")
    _, *flags = pod["containers"][0]["args"]
    portmon = load(PortmonSettings, [f"--config={config}", *flags], {})
    return SpoolerSettings(**tomllib.loads(found["spooler.toml"])), portmon


def tokens(release: list[Object]) -> list[tuple[Path, Object]]:
    """Return each token of a port monitor's pod: its file, and how it is made."""
    (pod,) = [pod for name, pod in pods(release) if name.endswith("-portmon")]
    folders = {
        one["name"]: (Path(one["mountPath"]), one["readOnly"])
        for one in pod["containers"][0]["volumeMounts"]
        if "readOnly" in one
    }
    found = []
    for volume in pod["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            folder, read_only = folders[volume["name"]]
            assert read_only
            how = source["serviceAccountToken"]
            found.append((folder / how["path"], how))
    return found


@pytest.mark.parametrize("name", sorted({*MATRIX} - {"dial-out", "own-certificates"}))
def test_a_host_has_a_token_for_its_spooler_alone_as_short_as_can_be(name: str, tmp_path: Path):
    release = objects(values_of(name))
    spooler, portmon = settings(release, tmp_path)
    ((file, how),) = tokens(release)
    assert portmon.host_token_file == file
    assert (how["audience"], how["expirationSeconds"]) == (AUDIENCE, 600)
    assert spooler.discovery.host_token_audience == AUDIENCE
    assert spooler.cluster.token_audience != AUDIENCE
    (account,) = [pod["serviceAccountName"] for name, pod in pods(release) if name.endswith("-portmon")]
    (namespace,) = [one["metadata"]["namespace"] for one in release if one["kind"] == "DaemonSet"]
    assert spooler.discovery.host_accounts == (f"{namespace}/{account}",)
    assert not spooler.discovery.host_certificates
    assert spooler.monitors.tls is not None
    assert spooler.monitors.tls.cert_file is not None, "tokens are shown over mutual TLS"


def test_without_tokens_each_pod_has_a_certificate_with_its_nodes_name(tmp_path: Path):
    release = objects(values_of("own-certificates"))
    spooler, portmon = settings(release, tmp_path)
    assert tokens(release) == []
    assert portmon.host_token_file is None
    assert spooler.discovery.host_certificates
    assert not spooler.discovery.host_token_audience
    assert portmon.server.tls is not None
    assert portmon.server.tls.cert_file == Path("/etc/print-fabric/own-tls/tls.crt")
    assert portmon.server.tls.key_file == Path("/etc/print-fabric/own-tls/tls.key")
    assert portmon.server.tls.client_ca_file == Path("/etc/print-fabric/tls/ca.crt")
    assert "tokenreviews" not in json.dumps(release)


def test_hosts_that_dial_in_prove_themselves_as_callers(tmp_path: Path):
    release = objects(values_of("dial-out"))
    spooler, portmon = settings(release, tmp_path)
    ((_, how),) = tokens(release)
    assert how["audience"] == spooler.cluster.token_audience != AUDIENCE
    assert portmon.host_token_file is None
    assert not spooler.discovery.kubernetes_service


def test_a_host_outside_of_the_cluster_has_a_name_of_its_own(tmp_path: Path):
    spooler, _ = settings(objects(values_of("edge")), tmp_path)
    assert [(one.name, one.server_name) for one in spooler.hosts] == [
        ("shop-12", "shop-12.example"),
        ("shop-13", "shop-13.example"),
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"portmon": {"proof": "none"}},
        {"portmon": {"proof": "certificate"}},  # which?
        {"cluster": {"tokenAudience": AUDIENCE}},  # what proves a host would open the spooler
        {"spooler": {"hosts": [{"name": "shop-12", "address": "shop-12.example:1", "serverName": "a b"}]}},
    ],
    ids=json.dumps,
)
def test_there_is_no_release_whose_hosts_prove_nothing(values: Object):
    with pytest.raises(Refused):
        texts(values)
