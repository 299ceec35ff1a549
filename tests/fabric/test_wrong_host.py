"""Real programs: another port monitor answers where a host was, and prints nothing of what is that host's."""

from __future__ import annotations

from pathlib import Path

from printfabric.spooler.v1.port_service_pb2 import HostState
from printfabric.types.v1.job_pb2 import JobState
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, portmon_settings, real_fabric
from tests.rig.receivers import TcpReceiver

_SAYS = f"host edge-8 answers where host {HOST} is dialled"


def test_a_document_waits_for_its_host_while_another_one_answers_at_its_address(tmp_path: Path) -> None:
    mine, others = TcpReceiver("IP_A"), TcpReceiver("IP_A")
    with real_fabric(tmp_path, [mine]) as fabric, fabric.client() as client:
        others.begin()
        try:
            client.wait(client.submit(b"first", printer="ip_a").number, timeout_s=30)
            assert bytes(mine.paper) == b"first"
            fabric.portmon.end()
            settings = tmp_path / "portmon.toml"
            right = settings.read_text()
            settings.write_text(portmon_settings(tmp_path / "pm-8", [others], host="edge-8"))
            fabric.portmon.start()
            job = client.submit(b"second", printer="ip_a")
            wait_until(lambda: any(_SAYS in host.error for host in client.hosts.list()))
            [host] = client.hosts.list()
            assert host.state == HostState.HOST_STATE_SILENT
            wait_until(lambda: any(_SAYS in fact.text for fact in client.explain(f"{HOST}/IP_A").facts))
            assert client.get(job.number).state != JobState.JOB_STATE_COMPLETED
            fabric.portmon.end()
            assert bytes(others.paper) == b"", "it came out at another host"
            settings.write_text(right)
            fabric.portmon.start()
            client.wait(job.number, timeout_s=30)
            assert bytes(mine.paper) == b"firstsecond"
        finally:
            others.end()
