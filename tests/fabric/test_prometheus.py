"""A real Prometheus reads the pages of a real fabric, and understands every question the documents and the chart ask."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, RealFabric, real_fabric
from tests.rig.receivers import PtyReceiver
from tests.surroundings import free_port, require_tool

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "deploy" / "helm" / "print-fabric" / "files"
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
LABEL = b"^XA^FDone label^FS^XZ"
READY_S = 50.0

pytestmark = pytest.mark.timeout(180)


def expressions() -> list[str]:
    """Return every question of the page, the alerts and the dashboard."""
    asked = re.findall(r"^\| [^|]+ \| `(.+)` \|$", PAGE.partition("## What to ask")[2], re.MULTILINE)
    rules = yaml.safe_load((FILES / "rules" / "alerts.yaml").read_text("utf-8"))
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for file in (FILES / "dashboards").glob("*.json"):
        panels = json.loads(file.read_text("utf-8"))["panels"]
        asked += [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return asked


class Prometheus:
    """A server that reads some pages once a second."""

    def __init__(self, folder: Path, pages: list[str]) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(FILES / "rules" / "*.yaml")],
            "scrape_configs": [{"job_name": "fabric", "static_configs": [{"targets": pages}]}],
        }
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config), "utf-8")
        self._log = (folder / "prometheus.log").open("wb")
        self.process = subprocess.Popen(
            [
                require_tool("prometheus"),
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        self._log.close()

    def ask(self, path: str, **query: str) -> Any:
        """Return the `data` of an answer; None while it does not answer."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code != 503:  # it starts
                raise
        except (OSError, ValueError):
            pass
        return None

    def value(self, expression: str) -> float | None:
        """Return the one number an expression has, if it has one."""
        data = self.ask("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[RealFabric]:
    with real_fabric(tmp_path, [PtyReceiver("COM1:")]) as fabric:
        yield fabric


@pytest.fixture
def prometheus(fabric: RealFabric, tmp_path: Path) -> Iterator[Prometheus]:
    pages = [fabric.spooler.addresses[-1], fabric.portmon.addresses[-1]]
    server = Prometheus(tmp_path, pages)
    try:
        yield server
    finally:
        server.close()


def test_a_real_prometheus_reads_the_fabric_and_understands_every_question(
    fabric: RealFabric, prometheus: Prometheus
):
    with fabric.client() as client:
        client.submit(LABEL, printer="com1")
    for expression, wanted in (
        ("sum(up)", 2),
        ('printfabric_jobs_total{outcome="printed"}', 1),
        (f'printfabric_port_written_bytes_total{{host="{HOST}", port="COM1:"}}', len(LABEL)),
        (f'printfabric_port_hold_changes_total{{host="{HOST}", port="COM1:"}}', 1),
        (f'printfabric_host_online{{host="{HOST}"}}', 1),
        ("printfabric_spool_free_bytes > bool printfabric_spool_reserve_bytes", 1),
    ):
        wait_until(
            lambda asked=expression, value=wanted: prometheus.value(asked) == value,  # type: ignore[misc]
            READY_S,
            why=f"{expression} is not {wanted}",
        )
    told = {one["metric"].removesuffix("_total") for one in prometheus.ask("targets/metadata", limit="1000")}
    documented = {
        name.removesuffix("_total") for name in re.findall(r"^\| `(printfabric_\w+)`", PAGE, re.MULTILINE)
    }
    assert documented - told == set()
    for expression in expressions():
        assert prometheus.ask("query", query=expression) is not None, expression
    wait_until(lambda: _rules(prometheus) == {"ok"}, READY_S, why="the rules are not evaluated")


def _rules(prometheus: Prometheus) -> set[str]:
    data = prometheus.ask("rules")
    return {rule["health"] for group in data["groups"] for rule in group["rules"]} if data else set()
