"""Alerts by Prometheus' own tool; alerts and dashboard ask only for metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CHART, ROOT, Object, objects, values_of
from tests.surroundings import require_tool

RULES = CHART / "files" / "rules" / "alerts.yaml"
DASHBOARD = CHART / "files" / "dashboards" / "print-fabric.json"


def test_each_alert_fires_when_it_should_and_is_silent_else(tmp_path: Path):
    promtool = require_tool("promtool")
    shutil.copy(RULES, tmp_path / "alerts.yaml")
    shutil.copy(Path(__file__).parent / "alerts.test.yaml", tmp_path)
    done = subprocess.run(
        [promtool, "test", "rules", "alerts.test.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested():
    rules = yaml.safe_load(RULES.read_text("utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = yaml.safe_load((Path(__file__).parent / "alerts.test.yaml").read_text("utf-8"))
    fired = {
        case["alertname"] for one in tests["tests"] for case in one["alert_rule_test"] if case["exp_alerts"]
    }
    assert fired == alerts


def test_each_alert_leads_to_what_to_do_at_the_address_of_the_values():
    def leads(values: Object) -> set[str]:
        (rules,) = [one["spec"] for one in objects(values) if one["kind"] == "PrometheusRule"]
        return {rule["annotations"]["runbook_url"] for group in rules["groups"] for rule in group["rules"]}

    (page,) = leads({"monitoring": {"enabled": True}})
    path, _, anchor = page.partition("#")
    assert f"## {anchor.replace('-', ' ').capitalize()}\n" in (ROOT / path).read_text("utf-8")
    assert leads(values_of("monitoring")) == {"https://wiki.example.com/print-fabric#alerts"}


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=lambda file: file.name)
def test_only_metrics_that_are_documented_are_asked_for(file: Path):
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    known = set(re.findall(r"`(printfabric_\w+)`", page))
    asked = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for name in re.findall(r"printfabric_\w+", file.read_text("utf-8"))
    }
    assert asked <= known
    assert asked


@pytest.mark.parametrize(
    ("question", "metric"),
    [
        ("Which ports are saturated", "printfabric_port_busy_seconds_total"),
        ("What is stuck, and why", "printfabric_port_stall_seconds_total"),
        ("Printers that do not print, and why", "printfabric_printer_verdict"),
        ("Units nobody is sure of", "printfabric_uncertain_units"),
        ("Days until a certificate ends", "printfabric_certificate_end_timestamp_seconds"),
    ],
)
def test_the_dashboard_answers_what_people_ask(question: str, metric: str):
    (panel,) = [
        one for one in json.loads(DASHBOARD.read_text("utf-8"))["panels"] if one["title"].startswith(question)
    ]
    assert metric in panel["targets"][0]["expr"]


def test_the_dashboard_has_one_place_for_each_panel():
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
