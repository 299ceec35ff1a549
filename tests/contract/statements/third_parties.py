"""Monitors of third parties in a fabric of their own: a host on which they are installed, a spooler, and what it calls."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.statements.call_log import CallLog
from tests.rig.programs import Program
from tests.rig.real_fabric import HOST, spooler_settings, toml
from tests.surroundings import free_port

_NOTING = Path(__file__).parent / "noting" / "noting_monitor.py"
_ENTRY_POINTS = """
[portmon.monitors]
noting = noting_monitor:NotingMonitor
mute = noting_monitor:MuteMonitor
[portmon.languages]
noting = noting_monitor:NotingLanguage
"""


def install_noting(folder: Path) -> None:
    """Install the monitors that note their calls, as pip would leave them in a folder."""
    described = folder / "noting_monitor-1.0.dist-info"
    described.mkdir(parents=True)
    shutil.copy(_NOTING, folder)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: noting-monitor\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(_ENTRY_POINTS)


class NotingFabric:
    """A host with ports of the noting monitors, and a spooler whose calls are noted, too."""

    def __init__(self, folder: Path, ports: Mapping[str, tuple[str, Mapping[str, str]]]) -> None:
        self._notes, installed = folder / "notes", folder / "installed"
        install_noting(installed)
        settings = f'host_name = "{HOST}"\nstate_dir = "{folder / "pm"}"\n'
        for port, (monitor, given) in ports.items():
            settings += f'[[ports]]\nname = "{port}"\nmonitor = "{monitor}"\nsettings = {toml(dict(given))}\n'
        self.portmon = Program("portmon", folder, settings)
        self.log = CallLog(self.portmon.address, between := f"127.0.0.1:{free_port()}")
        self.spooler = Program("spooler", folder, spooler_settings(folder / "sp", between, {}))
        self._environment = {"PYTHONPATH": str(installed), "NOTES": str(self._notes)}

    def start(self) -> None:
        """Start both programs."""
        with pytest.MonkeyPatch.context() as patched:
            for name, value in self._environment.items():
                patched.setenv(name, value)
            self.portmon.start()
        self.spooler.start()

    def stop(self) -> None:
        """End them."""
        self.spooler.stop()
        self.portmon.stop()
        self.log.stop()

    def notes(self, port: str = "") -> list[dict[str, Any]]:
        """Return the calls that the monitors got, of one port or of all and the language's own."""
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        found = [json.loads(line) for line in lines]
        return [one for one in found if not port or one.get("port") == port]

    def calls(self, port: str) -> Sequence[str]:
        """Return the names of a port's calls, in order."""
        return [one["call"] for one in self.notes(port)]
