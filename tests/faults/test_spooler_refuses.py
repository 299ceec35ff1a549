"""What a spooler refuses, with a typed error, and that nothing accepted suffers."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric_client import job_filter
from printfabric_client.errors import DigestMismatch, PrinterNotFound, SpoolFull
from tests.rig.documents import noise
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric, spooler_settings
from tests.rig.receivers import FifoReceiver, TcpReceiver
from tests.rig.wire import channel_to, refusal
from tests.surroundings import missing


@pytest.fixture
def receiver() -> TcpReceiver:
    return TcpReceiver("IP_A")


@pytest.fixture
def fabric(tmp_path: Path, receiver: TcpReceiver) -> Iterator[RealFabric]:
    with real_fabric(tmp_path, [receiver]) as fabric:
        yield fabric


@pytest.fixture
def stub(fabric: RealFabric) -> Iterator[PrintServiceStub]:
    with channel_to(fabric.spooler.address) as channel:
        yield PrintServiceStub(channel)


def test_an_unknown_printer_a_wrong_digest_and_a_document_too_large_for_one_call_leave_no_job(
    fabric: RealFabric, receiver: TcpReceiver, stub: PrintServiceStub
):
    with fabric.client() as client:
        with pytest.raises(PrinterNotFound, match="pallets"):
            client.submit(b"^XA^XZ", printer="pallets")
        wrong = hashlib.sha256(b"another").digest()
        with pytest.raises(DigestMismatch):
            client.submit(b"^XA^XZ", printer="ip_a", digest=wrong)
        spec = pb.JobSpec(printer="ip_a")
        upload = pb.UploadJobRequest(data=noise(100_000, 1))
        upload.begin.CopyFrom(pb.UploadBegin(request_id="up-0", spec=spec))
        upload.finish.CopyFrom(pb.UploadFinish(size_bytes=100_000, digest=wrong))
        damaged = refusal(lambda: stub.UploadJob(iter([upload])))
        assert (damaged.reason, damaged.code) == ("DIGEST_MISMATCH", "DATA_LOSS")
        large = refusal(lambda: stub.SubmitJob(pb.SubmitJobRequest(spec=spec, document=bytes((1 << 20) + 1))))
        assert large.reason == "TOO_LARGE"
        huge = refusal(lambda: stub.SubmitJob(pb.SubmitJobRequest(spec=spec, document=bytes(5 << 20))))
        assert (huge.reason, huge.code) == ("OVERLOADED", "RESOURCE_EXHAUSTED")
        assert list(client.list(job_filter())) == []
        job = client.submit(b"still there", printer="ip_a")
        assert printed(client.wait(job.number, timeout_s=20, or_decision=True))
    assert receiver.settled() == b"still there"


def test_a_gap_in_an_upload_is_refused_and_an_overlap_is_dropped(
    fabric: RealFabric, receiver: TcpReceiver, stub: PrintServiceStub
):
    begin = pb.UploadBegin(request_id="up-1", spec=pb.JobSpec(printer="ip_a"))

    def upload(*pieces: tuple[int, bytes], size: int | None = None) -> pb.UploadJobResponse:
        requests = [pb.UploadJobRequest(offset=offset, data=data) for offset, data in pieces]
        requests[0].begin.CopyFrom(begin)
        if size is not None:
            requests[-1].finish.size_bytes = size
        return stub.UploadJob(iter(requests))

    assert upload((0, b"0123456789")).persisted_bytes == 10
    gap = refusal(lambda: upload((12, b"cd")))
    assert (gap.reason, gap.code, gap.metadata["expected"]) == ("WRONG_OFFSET", "OUT_OF_RANGE", "10")
    assert stub.GetUpload(pb.GetUploadRequest(request_id="up-1")).persisted_bytes == 10
    short = refusal(lambda: upload((10, b"ab"), size=13))
    assert short.reason == "WRONG_OFFSET", short
    done = upload((4, b"456789ab"), (8, b"89abcdef"), size=16)
    assert done.job.size_bytes == 16
    with fabric.client() as client:
        assert printed(client.wait(done.job.number, timeout_s=20, or_decision=True))
    assert receiver.settled() == b"0123456789abcdef"


def test_a_port_that_another_fabric_holds_makes_jobs_wait_until_it_is_free(
    fabric: RealFabric, receiver: TcpReceiver, tmp_path: Path
):
    with fabric.client() as client:
        job = client.submit(b"ours ", printer="ip_a")
        client.wait(job.number, timeout_s=20, or_decision=True)
    folder = tmp_path / "other"
    folder.mkdir()
    settings = spooler_settings(folder / "sp", fabric.portmon.address, {"theirs": ["IP_A"]})
    other = Program("spooler", folder, settings)
    try:
        other.start()
        with fabric.client() as ours, type(ours)(other.address) as theirs:
            waits = theirs.submit(b"theirs ", printer="theirs")
            wait_until(lambda: "in use by fabric" in theirs.explain(waits.number).headline, why="unexplained")
            wait_until(lambda: theirs.get(waits.number).last_error.reason == "PORT_BUSY")
            assert theirs.get(waits.number).ledger.offsets.accepted == 0
            more = ours.submit(b"ours again ", printer="ip_a")
            assert printed(ours.wait(more.number, timeout_s=20, or_decision=True))
            fabric.spooler.stop()
            done = theirs.wait(waits.number, timeout_s=40, or_decision=True)
            assert printed(done), brief(done)
    finally:
        other.stop()
    assert receiver.settled() == b"ours ours again theirs "


@pytest.mark.timeout(90)
def test_a_full_volume_refuses_before_ok_and_what_was_accepted_prints_whole(tmp_path: Path):
    volume = _small_volume(tmp_path / "sp", 96)
    receiver = FifoReceiver("LPT1:", tmp_path / "fifo", rate=1)
    accepted: dict[int, bytes] = {}
    try:
        with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
            for number in range(40):
                document = noise(4_000_000, number)
                try:
                    accepted[client.submit(document, printer="lpt1").number] = document
                except SpoolFull:
                    break
            print(f"accepted {len(accepted)} documents of 4 MB on 96 MiB")
            assert 5 < len(accepted) < 24
            with pytest.raises(SpoolFull):  # what cannot fit is refused before it is sent
                client.submit(noise(200_000_000, 0), printer="lpt1")
            fabric.spooler.kill()
            fabric.spooler.start()
            receiver.rate = 0
            for number in accepted:
                job = client.wait(number, timeout_s=60, or_decision=True)
                assert printed(job), brief(job)
        same = receiver.settled() == b"".join(accepted.values())
        assert same, f"{receiver.count} bytes of {sum(map(len, accepted.values()))} came out"
    finally:
        subprocess.run(["umount", "-l", volume], check=True)


def _small_volume(folder: Path, mebibytes: int) -> Path:
    """Mount a volume of its own; needs root."""
    if os.geteuid() != 0:
        missing("a full volume needs root, to mount one")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        missing("a small volume cannot be mounted here")
    return folder


def test_a_call_nobody_knows_is_refused(fabric: RealFabric):
    with channel_to(fabric.spooler.address) as channel:
        call: Any = channel.unary_unary("/printfabric.spooler.v1.PrintService/Burn")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"")
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        stub = PrintServiceStub(channel)
        broken: Any = channel.unary_unary("/printfabric.spooler.v1.PrintService/SubmitJob")
        assert refusal(lambda: broken(b"\xff\xff\xff garbage")).reason == "INVALID_ARGUMENT"
        streams: Any = channel.stream_unary("/printfabric.spooler.v1.PrintService/UploadJob")
        assert refusal(lambda: streams(iter([b"\xff\xff\xff garbage"]))).reason == "INVALID_ARGUMENT"
        assert refusal(lambda: stub.GetJob(pb.GetJobRequest(name="jobs/4711"))).reason == "JOB_NOT_FOUND"
