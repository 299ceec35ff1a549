"""What a port monitor tells of a document that is part of a trace, through either way that leads to a port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.tracing import TRACEPARENT, position_of
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1.ledger_pb2 import DocumentKey
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import Host, served_host, whole
from tests.fakes.trace_exporter import TraceExporter, telling

ATTEMPT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def told() -> Iterator[TraceExporter]:
    with telling() as exporter:
        yield exporter


async def by_function(host: Host, how: pb.Disposition.ValueType) -> None:
    handle = (await host.open()).handle
    uid, attempt = new_key()
    key = DocumentKey(job_uid=uid, attempt=attempt)
    start = pb.StartDocPortRequest(handle=handle, document=key)
    await host.monitor.StartDocPort(start, metadata=((TRACEPARENT, ATTEMPT),))
    write = pb.WritePortRequest(handle=handle, document=key, data=b"^XA^FDsecret^XZ")
    assert [one async for one in host.monitor.WritePort(iter([write]))]
    await host.monitor.EndDocPort(pb.EndDocPortRequest(handle=handle, document=key, disposition=how))


async def by_stream(host: Host, traceparent: str) -> None:
    piece = whole(b"^XA^FDsecret^XZ")
    piece.start.traceparent = traceparent
    stream = host.monitor.StreamDocuments()
    await stream.write(pb.StreamDocumentsRequest(handle=(await host.open()).handle, slices=[piece]))
    await stream.done_writing()
    answers = [answer async for answer in stream]
    assert answers[-1].progress[0].phase == pb.DOCUMENT_PHASE_ENDED


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_document_is_a_span_below_its_attempt_with_its_phases_below_it(
    tmp_path: Path, told: TraceExporter, streamed: bool
):
    async with served_host(tmp_path) as host:
        await (by_stream(host, ATTEMPT) if streamed else by_function(host, pb.DISPOSITION_COMPLETE))
    *phases, document = told.spans
    attempt = position_of(ATTEMPT)
    assert attempt is not None
    assert [one.name for one in told.spans] == ["open", "write", "wait", "document IP_1"]
    assert {one.position.trace_id for one in told.spans} == {attempt.trace_id}
    assert document.parent == attempt.span_id
    assert {one.parent for one in phases} == {document.position.span_id}
    assert (
        document.start_ns <= phases[0].end_ns == phases[1].start_ns <= phases[2].start_ns <= document.end_ns
    )
    assert document.values["printfabric.offset.acked"] == len(b"^XA^FDsecret^XZ")
    assert document.values["printfabric.evidence.source"] == "tcp_close"
    assert document.error == ""
    assert "secret" not in repr(told.spans)


async def test_a_document_that_was_taken_back_says_so_and_waited_for_no_end(
    tmp_path: Path, told: TraceExporter
):
    async with served_host(tmp_path) as host:
        await by_function(host, pb.DISPOSITION_ABORT)
    assert [one.name for one in told.spans] == ["open", "write", "document IP_1"]
    assert told.spans[-1].error == "ABORTED"


@pytest.mark.parametrize("traceparent", ["", "nonsense", "x" * 100_000, ATTEMPT[:-1] + "0"])
async def test_a_document_in_no_trace_prints_and_tells_nothing(
    tmp_path: Path, told: TraceExporter, traceparent: str
):
    async with served_host(tmp_path) as host:
        await by_stream(host, traceparent)
    assert told.spans == []
