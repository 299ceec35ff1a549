"""The systemd units: they start the programs there are, with settings there are, and systemd understands them."""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.chart.rendering import ROOT
from tests.surroundings import require_tool

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
SLEEP = ROOT / "deploy" / "systemd" / "fabric-sleep.service"
SERVICES = [unit for unit in UNITS if unit != SLEEP]


def _read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    return parser


def test_there_is_a_unit_for_each_service():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    services = {name for name, program in scripts.items() if program.endswith(".__main__:main")}
    assert {unit.stem for unit in SERVICES} == services


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_drains_before_it_kills_and_runs_without_rights(unit: Path):
    service = _read(unit)["Service"]
    assert service["ExecStart"].split()[0].endswith(f"/{unit.stem}")
    assert int(service["TimeoutStopSec"]) >= 30
    assert service["RestartPreventExitStatus"] == "78"
    assert service["User"] == "print-fabric"
    assert service["RuntimeDirectory"] == "print-fabric"
    assert service["RuntimeDirectoryPreserve"] == "yes"
    assert _read(unit)["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["CapabilityBoundingSet"] == ""


def test_the_machine_waits_for_the_sleep_of_its_ports_and_sleeps_all_the_same_when_there_is_none():
    unit = _read(SLEEP)
    assert unit["Unit"]["Before"] == unit["Install"]["WantedBy"] == "sleep.target"
    assert unit["Unit"]["StopWhenUnneeded"] == unit["Service"]["RemainAfterExit"] == "yes"
    before, after = (unit["Service"][name].split() for name in ("ExecStart", "ExecStop"))
    assert before[:2] == ["-/opt/print-fabric/bin/fabric-power", "suspend"]
    assert after == ["/opt/print-fabric/bin/fabric-power", "resume"]
    grace_s = float(before[before.index("--grace") + 1])
    assert int(unit["Service"]["TimeoutStartSec"]) > grace_s + 2 * 15


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_a_unit(unit: Path, tmp_path: Path):
    """The program itself is not installed here: /bin/true stands in its place."""
    tool = require_tool("systemd-analyze")
    program = re.sub("/opt/print-fabric/bin/[a-z-]+", "/bin/true", unit.read_text("utf-8"))
    copy = tmp_path / unit.name
    copy.write_text(program, "utf-8")
    done = subprocess.run([tool, "verify", copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr, done.stderr
