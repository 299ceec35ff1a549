"""The dashboard's questions, answered by Prometheus' own tool: two spoolers and a host, with the labels that the code sets."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, ROOT
from tests.surroundings import require_tool

PANELS = json.loads((CHART / "files" / "dashboards" / "print-fabric.json").read_text("utf-8"))["panels"]
# What Prometheus adds by the chart's PodMonitors.
TARGET = {"namespace", "job", "pod", "node"}
SPOOLERS = [f'namespace="print", job="print/spooler", pod="spooler-{number}"' for number in (0, 1)]
HOST = 'namespace="print", job="print/portmon", pod="portmon-x", node="n1"'
PORT = 'host="n1", port="COM1:", monitor="Local Port"'
HOUR = 60
"""Points, one a minute."""


def grows(a_minute: float) -> str:
    return f"0+{a_minute}x{HOUR}"


def stays(value: float) -> str:
    return f"{value}x{HOUR}"


# (metric, labels of the code, values), of each spooler and of the host. Both spoolers look at every host; a printer is one spooler's.
OF_EACH_SPOOLER = [
    ("printfabric_host_online", 'host="n1"', stays(1)),
    ("printfabric_host_online", 'host="n2"', stays(0)),
    ("printfabric_jobs_total", 'outcome="accepted"', grows(30)),
    ("printfabric_jobs_total", 'outcome="printed"', grows(30)),
    ("printfabric_attempts_total", "", grows(60)),
    ("printfabric_submit_seconds_bucket", 'le="0.001"', grows(60)),
    ("printfabric_submit_seconds_bucket", 'le="+Inf"', grows(60)),
    ("printfabric_rpc_handled_total", 'method="/m", code="OK", reason=""', grows(600)),
    ("printfabric_rpc_handled_total", 'method="/m", code="UNAVAILABLE", reason="HOST_UNREACHABLE"', grows(60)),
    ("printfabric_spool_free_bytes", "", stays(300)),
    ("printfabric_spool_reserve_bytes", "", stays(100)),
    ("printfabric_certificate_end_timestamp_seconds", 'file="tls.crt"', stays(90000)),
]  # fmt: skip
OF_ONE_SPOOLER = [
    ("printfabric_uncertain_jobs", 'printer="labels"', stays(2)),
    ("printfabric_uncertain_units", 'printer="labels"', stays(7)),
    ("printfabric_oldest_job_age_seconds", 'printer="labels"', stays(120)),
    ("printfabric_jobs_waiting", 'printer="labels"', stays(4)),
    ("printfabric_printer_verdict", 'printer="labels", verdict="stalled", says="It waits"', stays(1)),
]
OF_THE_HOST = [
    ("printfabric_port_state", f'{PORT}, state="failed"', stays(1)),
    ("printfabric_port_state", f'{PORT}, state="open"', stays(0)),
    ("printfabric_port_busy_seconds_total", PORT, grows(30)),
    ("printfabric_port_stall_seconds_total", f'{PORT}, cause="xoff"', grows(15)),
    ("printfabric_port_stall_seconds_total", f'{PORT}, cause="upstream"', grows(45)),
    ("printfabric_port_written_bytes_total", PORT, grows(6000)),
    ("printfabric_port_hold_changes_total", PORT, grows(1)),
    ("printfabric_port_journal_used_ratio", PORT, stays(0.5)),
]
AT_PORT = '{host="n1", port="COM1:"}'
OWN = 'namespace="print", job="print/spooler", pod="spooler-0", printer="labels"'
ANSWERS = {
    "Jobs that wait for a person": {"{}": 2.0},
    "Oldest job": {"{}": 120.0},
    "Ports that have failed": {"{}": 1.0},
    "Jobs printed a minute": {"{}": 60.0},
    "Which ports are saturated": {f"{{{HOST}, {PORT}}}": 0.5},
    "What is stuck, and why": {'{host="n1", port="COM1:", cause="xoff"}': 0.25},
    "Jobs waiting, by printer": {f"printfabric_jobs_waiting{{{OWN}}}": 4.0},
    "Age of the oldest job": {f"printfabric_oldest_job_age_seconds{{{OWN}}}": 120.0},
    "How jobs end": {'{outcome="accepted"}': 1.0, '{outcome="printed"}': 1.0},
    "99 of 100 submissions": {"{}": 0.00099},
    "Bytes to devices": {AT_PORT: 100.0},
    "Calls that fail": {'{job="print/spooler", reason="HOST_UNREACHABLE"}': 2.0},
    "Units nobody is sure of": {"{}": 7.0},
    "Hosts that do not answer": {"{}": 1.0},
    "Room in the spool": {"{}": 3.0},
    "Days until a certificate ends": {"{}": 1.0},
    "Attempts for each job": {"{}": 2.0},
    "Which ports change hands": {AT_PORT: 10.0},
    "How full journals are": {f"printfabric_port_journal_used_ratio{{{HOST}, {PORT}}}": 0.5},
    "Printers that do not print": {'{printer="labels", verdict="stalled", says="It waits"}': 1.0},
}


def series() -> list[dict[str, str]]:
    told = [(where, one) for where in SPOOLERS for one in OF_EACH_SPOOLER]
    told += [(SPOOLERS[0], one) for one in OF_ONE_SPOOLER] + [(HOST, one) for one in OF_THE_HOST]
    return [
        {"series": f"{name}{{{', '.join(filter(None, (where, labels)))}}}", "values": values}
        for where, (name, labels, values) in told
    ]


def panel_of(title: str) -> dict[str, Any]:
    (panel,) = [one for one in PANELS if one["title"].startswith(title)]
    return dict(panel)


def test_there_is_an_answer_to_each_question_of_the_dashboard():
    asked = [one["title"] for one in PANELS if one.get("targets")]
    assert sorted(panel_of(title)["title"] for title in ANSWERS) == sorted(asked)


def test_the_series_have_the_labels_that_the_code_sets():
    """Those of docs/metrics.md, which `tests/house` compares with what the services show."""
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(printfabric_\w+)` \| \w+ \| ([^|]*)\|", page, re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    for name, labels, _ in (*OF_EACH_SPOOLER, *OF_ONE_SPOOLER, *OF_THE_HOST):
        family = name.removesuffix("_bucket")
        assert set(re.findall(r"(\w+)=", labels)) - {"le"} == documented[family], name


@pytest.mark.parametrize("title", ANSWERS)
def test_what_is_named_in_a_legend_is_in_the_answer(title: str):
    for target in panel_of(title)["targets"]:
        named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat") or ""))
        for answer in ANSWERS[title]:
            assert named <= set(re.findall(r"(\w+)=", answer))


def test_each_question_is_answered_once_whatever_the_number_of_spoolers(tmp_path: Path):
    cases = [
        {
            "expr": target["expr"],
            "eval_time": f"{HOUR}m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in ANSWERS[title].items()],
        }
        for title in ANSWERS
        for target in panel_of(title)["targets"]
    ]
    test = {"interval": "1m", "input_series": series(), "promql_expr_test": cases}
    (tmp_path / "dashboard.test.yaml").write_text(yaml.safe_dump({"tests": [test]}), "utf-8")
    done = subprocess.run(
        [require_tool("promtool"), "test", "rules", "dashboard.test.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
