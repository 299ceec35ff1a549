"""`python -m spooler` as a process: it starts, keeps what it accepted, drains, and says what is wrong."""

import asyncio
import json
import os
import signal
import sys
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from tests.fabric.spooler_rig import eventually

SERVICES = Path(__file__).parents[2] / "services"
CONFIG = """
state_dir = "{folder}/state"
[server]
listen = ["127.0.0.1:0"]
metrics_listen = "127.0.0.1:0"
ready_file = "{folder}/ready.json"
[[hosts]]
name = "edge-7"
address = "unix:{folder}/nobody.sock"
[[printers]]
name = "labels"
ports = ["edge-7/COM1:"]
"""


BROKEN = """
from spooler.sql.writer import Writer
from spooler.__main__ import main

commit = Writer.commit

def dies_of_a_document(self, batch):
    if self.accepting.last_number:
        raise SystemExit("no handler expects this")
    commit(self, batch)

Writer.commit = dies_of_a_document
main()
"""


async def start(folder, program=("-m", "spooler"), **pipes):
    (folder / "spooler.toml").write_text(CONFIG.format(folder=folder))
    (folder / "ready.json").unlink(missing_ok=True)
    return await asyncio.create_subprocess_exec(
        sys.executable, *program, "--config", str(folder / "spooler.toml"), cwd=SERVICES, **pipes
    )


@asynccontextmanager
async def running(folder, **more):
    process = await start(folder, stderr=asyncio.subprocess.DEVNULL, **more)
    try:

        async def ready():
            assert process.returncode is None, "it ended"
            path = folder / "ready.json"
            return json.loads(path.read_text()) if path.exists() else None

        found = await eventually(ready, bool, within_s=30)
        async with grpc.aio.insecure_channel(found["addresses"][0]) as channel:
            yield process, PrintServiceStub(channel), found
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def submit(stub, **more):
    return await stub.SubmitJob(pb.SubmitJobRequest(spec=pb.JobSpec(printer="labels"), document=b"x", **more))


async def test_what_was_accepted_survives_a_kill_and_a_drain_ends_well(tmp_path):
    async with running(tmp_path) as (process, stub, _found):
        job = (await submit(stub, request_id="r1")).job
        assert (tmp_path / "state").stat().st_mode & 0o077 == 0  # documents are nobody else's business
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    async with running(tmp_path) as (process, stub, found):
        assert (await stub.GetJob(pb.GetJobRequest(name=job.name))).job.digest == job.digest
        assert (await submit(stub, request_id="r1")).duplicate
        page = await asyncio.to_thread(
            lambda: urllib.request.urlopen(f"http://{found['metrics']}/metrics").read().decode()
        )
        assert 'printfabric_jobs_waiting{printer="labels"} 1.0' in page
        watching = asyncio.ensure_future(stub.SubmitJobs().read())
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        with pytest.raises(grpc.aio.AioRpcError):
            await watching


async def test_a_second_spooler_on_the_same_store_is_refused(tmp_path):
    async with running(tmp_path):
        second = await start(tmp_path, stderr=asyncio.subprocess.PIPE)
        _, said = await asyncio.wait_for(second.communicate(), 30)
    assert second.returncode == 69
    assert b"spooler.db" in said or b"state" in said


async def test_a_spooler_whose_store_can_write_no_more_ends_so_that_a_supervisor_starts_it_again(tmp_path):
    async with running(tmp_path, program=("-c", BROKEN)) as (process, stub, _found):
        kept = (await submit(stub, request_id="r1")).job
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await submit(stub, request_id="r2")
        # The answer may be overtaken by the end of the process: the one or the other, the SDK asks again after both.
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        async with asyncio.timeout(30):
            assert await process.wait() == 69
        assert not (tmp_path / "ready.json").exists()
    async with running(tmp_path) as (_process, stub, _found):
        assert (await stub.GetJob(pb.GetJobRequest(name=kept.name))).job.digest == kept.digest
