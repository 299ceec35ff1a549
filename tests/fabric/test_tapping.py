"""A port is tapped: spooler, port monitor and command as programs; who looked is on record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.errors import AccessDenied
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from tests.fabric.spooler_rig import access_of_people, spooler_running
from tests.rig.real_fabric import printed, real_fabric
from tests.rig.receivers import TcpReceiver


def run(spooler: str, *args: str) -> str:
    """Run the command against a spooler and return what it says."""
    command = [sys.executable, "-m", "printfabric_client.command", "--address", spooler, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wire_is_shown_and_the_look_is_written_down(tmp_path: Path) -> None:
    with real_fabric(tmp_path, [TcpReceiver("IP_1")]) as fabric, fabric.client() as client:
        number = client.submit(b"^XA^FDMiss Secret^FS^XZ", printer="ip_1").number
        job = client.wait(number, timeout_s=20)
        assert printed(job)
        clear = run(fabric.spooler.address, "--json", "ports", "tap", "edge/IP_1", "--recorded", "-c", "4")
        moments = [json.loads(line) for line in clear.splitlines()]
        assert bytes.fromhex("".join(one["data"] for one in moments)) == b"^XA^FDMiss Secret^FS^XZ"
        words = [word for one in moments for word in one["annotations"]]
        assert words == ["OpenPort", "StartDocPort", "^XA", "^XZ label 1", "EndDocPort"]
        assert bytes.fromhex(moments[2]["jobUid"]) == job.uid
        text = run(fabric.spooler.address, "ports", "tap", "edge/IP_1", "--recorded", "--mask", "-c", "4")
        assert "^XZ label 1" in text
        assert "Secret" not in text
        history = run(fabric.spooler.address, "ports", "show", "edge/IP_1")
        assert history
        log = fabric.spooler.log.read_text()
        assert log.count("port tapped") == 2
        assert "documents in the clear" in log
        assert "port tapped" in fabric.portmon.log.read_text()


async def test_a_tap_is_in_the_ports_history_before_anything_is_shown(tmp_path: Path) -> None:
    async with spooler_running(tmp_path) as rig:
        request = pb.TapPortRequest(name="edge/P1:", mask=True)
        shown = [message.moment async for message in rig.ports.TapPort(request)]
        assert [list(one.annotations) for one in shown] == [["^XA", "^XZ label 1"]]
        entries = (await rig.watch.ListHistory(watch_pb.ListHistoryRequest(parent="edge/P1:"))).entries
        assert [(one.kind, "masked" in one.text) for one in entries] == [("tapped", True)]
        assert rig.link.commands == [f"tap P1: for {entries[0].actor}, masked"]


@pytest.mark.parametrize("person", ["ann", "olga"])
async def test_only_administrators_tap(tmp_path: Path, person: str) -> None:
    async with spooler_running(tmp_path, access=access_of_people(tmp_path)) as rig:
        async with rig.as_caller(person, tmp_path) as caller:
            with pytest.raises(AccessDenied):
                [one async for one in caller.ports.TapPort(pb.TapPortRequest(name="edge/P1:"))]
        assert rig.link.commands == []
