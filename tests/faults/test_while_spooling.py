"""Documents that are printed while they come in: kills, a sender that vanishes, and what is on paper then."""

from __future__ import annotations

import queue
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric_client import job_filter
from printfabric_client.sync import Client
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.documents import noise
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric
from tests.rig.receivers import PtyReceiver, Receiver, TcpReceiver
from tests.rig.wire import channel_to

KILLS = 2  # of each printer
RATE = 4_000_000
PIECE = 100_000


class Sender:
    """An upload whose bytes are sent when the test says so."""

    def __init__(self, stub: Any, printer: str) -> None:
        self._todo: queue.Queue[bytes | None] = queue.Queue()
        self._printer = printer
        self.call = stub.UploadJob.future(self._requests())

    def send(self, data: bytes) -> None:
        """Send the next bytes."""
        for start in range(0, len(data), PIECE):
            self._todo.put(data[start : start + PIECE])

    def finish(self) -> Job:
        """Say that this was all, and return the job."""
        self._todo.put(None)
        job: Job = self.call.result(60).job
        return job

    def vanish(self) -> None:
        """Hang up in the middle."""
        self.call.cancel()
        self._todo.put(None)

    def _requests(self) -> Iterator[pb.UploadJobRequest]:
        begin = pb.UploadBegin(request_id="order-812", spec=pb.JobSpec(printer=self._printer))
        yield pb.UploadJobRequest(begin=begin)
        offset = 0
        while (data := self._todo.get()) is not None:
            yield pb.UploadJobRequest(offset=offset, data=data)
            offset += len(data)
        yield pb.UploadJobRequest(offset=offset, finish=pb.UploadFinish(size_bytes=offset))


def begin_at_once(client: Client, fabric: RealFabric) -> None:
    """Set all printers to print while spooling."""
    for name in fabric.receivers:
        settings = Printer(name=f"printers/{name}", print_while_spooling=True)
        client.printers.update(settings, "print_while_spooling")


def test_the_first_byte_comes_out_before_the_last_one_is_sent(tmp_path: Path):
    document = noise(3_000_000, 812)
    receiver = TcpReceiver("IP_A")
    with (
        real_fabric(tmp_path, [receiver]) as fabric,
        fabric.client() as client,
        channel_to(fabric.spooler.address) as channel,
    ):
        begin_at_once(client, fabric)
        sender = Sender(PrintServiceStub(channel), "ip_a")
        sender.send(document[:1_000_000])
        wait_until(lambda: receiver.count > 500_000)
        assert "comes in" in client.explain(next(iter(client.list(job_filter()))).number).headline
        sender.send(document[1_000_000:])
        job = sender.finish()
        ended = client.wait(job.number, timeout_s=30, or_decision=True)
        assert printed(ended), brief(ended)
        same = receiver.settled() == document
        assert same, f"{receiver.count} of {len(document)} bytes came out"
        assert len(receiver.connections) == 1


@pytest.mark.timeout(120)
def test_a_spooler_killed_while_it_prints_what_comes_in_doubles_and_loses_nothing(
    tmp_path: Path, chance: random.Random
):
    receivers: list[Receiver] = [TcpReceiver("IP_A"), PtyReceiver("COM1:")]
    with real_fabric(tmp_path, receivers) as fabric:
        with fabric.client() as client:
            begin_at_once(client, fabric)
        line = CuttingProxy(fabric.spooler.address, RATE)
        try:
            for name, receiver in fabric.receivers.items():
                document = noise(5_000_000, len(name))
                _kill_while_printing(fabric, line.address, name, document, chance)
                same = receiver.settled() == document
                assert same, f"{receiver.count} of {len(document)} bytes came out on {name}"
        finally:
            line.close()


def _kill_while_printing(
    fabric: RealFabric, address: str, name: str, document: bytes, chance: random.Random
) -> None:
    receiver = fabric.receivers[name]
    file = fabric.folder / f"{name}.bin"
    file.write_bytes(document)
    with Client(address) as client, ThreadPoolExecutor(1) as sender:
        sending = sender.submit(client.submit, file, printer=name)
        for _ in range(KILLS):
            aim = receiver.count + chance.randrange(200_000, 1_200_000)
            wait_until(lambda to=aim: receiver.count >= to)  # type: ignore[misc]
            assert not sending.done(), "it has come whole before the kill"
            fabric.spooler.kill()
            fabric.spooler.start()
        job = sending.result(60)
        ended = client.wait(job.number, timeout_s=60, or_decision=True)
    assert printed(ended), brief(ended)


def test_a_sender_that_vanishes_ends_the_job_with_what_came_out(tmp_path: Path):
    document = noise(1_500_000, 7)
    receiver = TcpReceiver("IP_A")
    with (
        real_fabric(tmp_path, [receiver], dispatch="sender_patience_s = 2") as fabric,
        fabric.client() as client,
        channel_to(fabric.spooler.address) as channel,
    ):
        begin_at_once(client, fabric)
        stub = PrintServiceStub(channel)
        sender = Sender(stub, "ip_a")
        sender.send(document)
        wait_until(lambda: receiver.count > 500_000)
        sender.vanish()
        wait_until(lambda: next(iter(client.list(job_filter()))).HasField("end_time"))
        (job,) = client.list(job_filter())
        assert job.state == JobState.JOB_STATE_ABORTED, brief(job)
        assert list(job.state_reasons) == ["submission-interrupted"]
        got, offsets, span = receiver.settled(), job.ledger.offsets, job.ledger.uncertain
        assert document.startswith(got)
        if job.outcome == Outcome.OUTCOME_PARTIAL:
            assert len(got) == offsets.accepted, brief(job)
        else:
            assert job.outcome == Outcome.OUTCOME_UNKNOWN, brief(job)
            assert span.start <= len(got) <= span.end, brief(job)
        with pytest.raises(grpc.RpcError, match="nothing more of its document came"):
            Sender(stub, "ip_a").finish()
