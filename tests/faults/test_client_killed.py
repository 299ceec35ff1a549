"""A client that dies in the middle of an upload goes on where it was when it is started again, and prints once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from printfabric.spooler.v1.print_service_pb2 import GetUploadRequest
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric_client import job_filter
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.documents import noise
from tests.rig.programs import end_process
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import TcpReceiver
from tests.rig.wire import channel_to

POINTS = 20
SIZE = 24_000_000
RATE = 20_000_000


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_client_killed_at_twenty_points_of_an_upload_goes_on_and_prints_once(
    tmp_path: Path, chance: random.Random
):
    document = noise(SIZE, 24)
    file = tmp_path / "large.bin"
    file.write_bytes(document)
    receiver = TcpReceiver("IP_A")
    with real_fabric(tmp_path, [receiver]) as fabric:
        line = CuttingProxy(fabric.spooler.address, RATE)
        try:
            durable = [0]
            for _ in range(POINTS):
                aim = line.forwarded + chance.randrange(1000, SIZE // POINTS)
                process = _print(line.address, file)
                deadline = time.monotonic() + 20
                while line.forwarded < aim:
                    assert process.poll() is None, "it was done before its end"
                    assert time.monotonic() < deadline, "it sends nothing"
                    time.sleep(0.002)
                end_process(process, signal.SIGKILL)
                assert process.stdout is not None
                process.stdout.close()
                durable.append(_persisted(fabric.spooler.address))
            print(f"durable after each kill: {durable}")
            assert durable == sorted(durable), "what was durable is not"
            assert durable[-1] > 0
            line.rate = 0
            first, again = (_finish(_print(line.address, file)) for _ in range(2))
            assert first == again
            assert line.forwarded < SIZE * 2, "it began anew instead of going on"
        finally:
            line.close()
        with fabric.client() as client:
            job = client.wait(first, timeout_s=30, or_decision=True)
            assert printed(job), brief(job)
            assert [one.number for one in client.list(job_filter())] == [job.number]
        same = receiver.settled() == document
        assert same, f"{receiver.count} of {SIZE} bytes came out"
        assert len(receiver.connections) == 1


def _print(address: str, file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "printfabric_client.command", "print", "-P", "ip_a"]
    return subprocess.Popen(
        [*command, "--request-id", "order-812", "--json", str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=os.environ | {"PRINTFABRIC_ADDRESS": address},
    )


def _finish(process: subprocess.Popen[bytes]) -> int:
    """Return the number of the job that was printed."""
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        end_process(process)
    assert process.returncode == 0
    return int(json.loads(out)["number"])


def _persisted(address: str) -> int:
    with channel_to(address) as channel:
        return int(
            PrintServiceStub(channel).GetUpload(GetUploadRequest(request_id="order-812")).persisted_bytes
        )
