"""A host whose list of ports the spooler keeps: real programs, and a machine that is replaced."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from printfabric_client.sync import Client
from tests.rig.programs import Program
from tests.rig.real_fabric import HOST, portmon_settings, spooler_settings


def test_a_host_that_lost_its_disk_has_its_ports_again(tmp_path: Path) -> None:
    portmon = Program("portmon", tmp_path, "")
    spooler = Program("spooler", tmp_path, spooler_settings(tmp_path / "sp", portmon.address, {}))
    registry = f'registry = "{spooler.address}"'
    (tmp_path / "portmon.toml").write_text(portmon_settings(tmp_path / "pm", [], registry))
    spooler.start()
    portmon.start()
    try:
        with Client(spooler.address) as fabric:
            until(lambda: [host.ports for host in fabric.hosts.list()] == [0])
            fabric.ports.add(f"{HOST}/out.prn", "Local Port", {})
            fabric.ports.add(f"{HOST}/COM1:", "Local Port", {"baud": 19200})
            portmon.kill()
            shutil.rmtree(tmp_path / "pm")
            portmon.start()
            names = [f"hosts/{HOST}/ports/COM1:", f"hosts/{HOST}/ports/out.prn"]
            until(lambda: sorted(port.name for port in fabric.ports.list()) == names)
            spooler.kill()
            portmon.kill()
            portmon.start()  # nobody to ask: the copy serves
            spooler.start()
            until(lambda: sorted(port.name for port in fabric.ports.list()) == names)
            with fabric.ports.xcv(f"{HOST}/COM1:") as xcv:
                assert b'"baud":19200' in xcv.data("GetConfigInfo", {}).output_data
    finally:
        portmon.stop()
        spooler.stop()


def until(so) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
