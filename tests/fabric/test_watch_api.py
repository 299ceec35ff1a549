"""WatchService over a real channel: snapshot, changes, coming back, and why something does not print."""

import asyncio

import pytest

from chassis.errors import CallCanceled, InvalidArgument, JobNotFound, NotBuiltYet, PortNotFound
from printfabric.spooler.v1 import port_service_pb2
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import watch_service_pb2 as pb
from printfabric.types.v1 import job_pb2, port_pb2
from printfabric.types.v1.ledger_pb2 import EVIDENCE_LEVEL_SPOOLED, EVIDENCE_SOURCE_SPOOL
from spooler.printer import PortName
from tests.fabric.spooler_rig import eventually, spooler_running


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer()
        yield rig


async def first(call, good=lambda _message: True):
    """Return the first message that is good, and all before it."""
    seen = []
    async with asyncio.timeout(30):
        async for message in call:
            seen.append(message)
            if good(message):
                return message, seen
    raise AssertionError(f"the watch ended after {seen}")


async def test_a_watch_begins_with_all_there_is_and_goes_on_with_what_changes(rig):
    await rig.submit(hold=True)
    call = rig.watch.Watch(pb.WatchRequest())
    snapshot, _ = await first(call, lambda message: message.snapshot_complete)
    assert snapshot.snapshot
    assert snapshot.position
    assert [job.name for job in snapshot.jobs] == ["jobs/1"]
    assert [printer.name for printer in snapshot.printers] == ["printers/labels"]
    assert {port.name for port in snapshot.ports} == {f"hosts/edge/ports/P{n}:" for n in (1, 2, 3)}
    assert [host.name for host in snapshot.hosts] == ["hosts/edge"]
    await rig.submit(hold=True)
    delta, seen = await first(call, lambda message: message.jobs)
    assert [job.name for job in delta.jobs] == ["jobs/2"]
    assert not delta.snapshot
    assert [message.sequence for message in seen][-1] > snapshot.sequence
    call.cancel()


async def test_a_watch_ends_when_its_job_has_ended(rig):
    job = (await rig.submit(request_id="r1")).job
    request = pb.WatchRequest(
        jobs=print_pb.JobFilter(request_id="r1"), until_ended=True, topics=[pb.WATCH_TOPIC_JOBS]
    )
    async with asyncio.timeout(30):
        states = [seen.state async for message in rig.watch.Watch(request) for seen in message.jobs]
    assert states[-1] == job_pb2.JOB_STATE_COMPLETED
    # Again, now that it has ended: the snapshot has it.
    async with asyncio.timeout(30):
        messages = [message async for message in rig.watch.Watch(request)]
    assert [seen.name for message in messages for seen in message.jobs] == [job.name]
    assert messages[-1].snapshot_complete


async def test_a_watcher_comes_back_and_hears_what_it_missed_without_a_snapshot(rig):
    call = rig.watch.Watch(pb.WatchRequest(topics=[pb.WATCH_TOPIC_JOBS]))
    snapshot, _ = await first(call)
    call.cancel()
    await rig.submit(hold=True)
    call = rig.watch.Watch(pb.WatchRequest(topics=[pb.WATCH_TOPIC_JOBS], since=snapshot.position))
    delta, seen = await first(call, lambda message: message.jobs)
    assert [job.name for job in delta.jobs] == ["jobs/1"]
    assert not any(message.snapshot or message.gap for message in seen)
    call.cancel()


async def test_a_position_that_is_gone_is_a_gap_and_a_new_snapshot(rig):
    await rig.submit(hold=True)
    call = rig.watch.Watch(pb.WatchRequest(topics=[pb.WATCH_TOPIC_JOBS], since="999:1"))
    _, seen = await first(call, lambda message: message.snapshot_complete)
    assert seen[0].gap
    assert [job.name for job in seen[-1].jobs] == ["jobs/1"]
    call.cancel()


async def test_a_job_that_leaves_the_filter_is_told_of_once_more(rig):
    job = (await rig.submit(hold=True)).job
    request = pb.WatchRequest(topics=[pb.WATCH_TOPIC_JOBS], jobs=print_pb.JobFilter(active_only=True))
    call = rig.watch.Watch(request)
    await first(call)
    await rig.print.CancelJob(print_pb.CancelJobRequest(name=job.name))
    delta, _ = await first(call, lambda message: message.jobs)
    assert delta.jobs[0].state == job_pb2.JOB_STATE_CANCELED
    call.cancel()


async def test_what_is_deleted_is_named(rig):
    call = rig.watch.Watch(pb.WatchRequest(skip_snapshot=True))
    await first(call)
    await rig.printers.DeletePrinter(printer_pb.DeletePrinterRequest(name="labels"))
    rig.hosts.untell(PortName("edge", "P3:"))
    gone: set[str] = set()
    while gone != {"printers/labels", "hosts/edge/ports/P3:"}:
        message, _ = await first(call, lambda message: message.deleted)
        gone |= set(message.deleted)
    call.cancel()


async def test_only_wanted_ports_are_watched(rig):
    wanted = port_pb2.PortName(host="EDGE", port="p2:")
    call = rig.watch.Watch(pb.WatchRequest(topics=[pb.WATCH_TOPIC_PORTS], ports=[wanted]))
    snapshot, _ = await first(call)
    assert [port.name for port in snapshot.ports] == ["hosts/edge/ports/P2:"]
    rig.hosts.tell(PortName("edge", "P1:"))
    rig.hosts.tell(PortName("edge", "P2:"))
    delta, _ = await first(call, lambda message: message.ports)
    assert [port.name for port in delta.ports] == ["hosts/edge/ports/P2:"]
    call.cancel()


async def test_a_silent_host_takes_its_ports_along(rig):
    call = rig.watch.Watch(pb.WatchRequest(topics=[pb.WATCH_TOPIC_PORTS, pb.WATCH_TOPIC_HOSTS]))
    await first(call)
    rig.hosts.set_state("edge", "silent", "connection refused")
    delta, _ = await first(call, lambda message: message.hosts)
    assert {port.state for port in delta.ports} == {port_pb2.PORT_STATE_OFFLINE}
    assert len(delta.ports) == 3
    call.cancel()


async def test_a_paused_port_is_told_of(rig):
    call = rig.watch.Watch(pb.WatchRequest(topics=[pb.WATCH_TOPIC_PORTS]))
    await first(call)
    await rig.ports.PausePort(port_service_pb2.PausePortRequest(name="edge/P1:"))
    delta, _ = await first(call, lambda message: message.ports)
    assert [port.state for port in delta.ports] == [port_pb2.PORT_STATE_PAUSED]
    call.cancel()


async def test_a_watch_ends_when_the_spooler_stops_and_says_so(rig):
    call = rig.watch.Watch(pb.WatchRequest())
    await first(call)
    await rig.services.end_streams()
    with pytest.raises(CallCanceled):
        await first(call, lambda _message: False)


async def test_figures_are_not_built_yet(rig):
    with pytest.raises(NotBuiltYet):
        await first(rig.watch.Watch(pb.WatchRequest(topics=[pb.WATCH_TOPIC_PORT_STATS])))


# --- explain


async def explain(rig, name):
    return await rig.watch.Explain(pb.ExplainRequest(name=name))


async def test_a_held_job_is_explained_with_the_command_that_releases_it(rig):
    job = (await rig.submit(hold=True)).job
    answer = await explain(rig, job.name)
    assert answer.verdict == pb.EXPLAIN_VERDICT_HELD
    assert answer.loss == "Nothing is lost."
    assert answer.actions[0].command == f"printfabric release {job.number}"
    assert answer.ledger.offsets.spooled == job.size_bytes
    (proof,) = answer.ledger.evidence
    assert (proof.level, proof.source) == (EVIDENCE_LEVEL_SPOOLED, EVIDENCE_SOURCE_SPOOL)
    assert (proof.offset, proof.time) == (job.size_bytes, job.create_time)
    assert all(fact.text and fact.source for fact in answer.facts)


async def test_a_paused_printer_is_the_answer_for_its_jobs_and_itself(rig):
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels", reason="cleaning"))
    job = (await rig.submit()).job
    for name in (job.name, "printers/labels"):
        answer = await explain(rig, name)
        assert answer.verdict == pb.EXPLAIN_VERDICT_PRINTER_PAUSED
        assert "cleaning" in answer.headline


async def test_a_port_held_elsewhere_is_the_answer(rig):
    rig.host.ports["P1:"].busy = True
    job = (await rig.submit()).job
    answer = await eventually(
        lambda: explain(rig, job.name), lambda answer: answer.verdict == pb.EXPLAIN_VERDICT_PORT_HELD
    )
    assert any("held by another" in fact.text for fact in answer.facts)


async def test_a_silent_host_is_the_answer_for_job_printer_and_port(rig):
    rig.host.down = True
    rig.hosts.set_state("edge", "silent", "connection refused")
    job = (await rig.submit()).job
    await asyncio.sleep(0.05)
    for name in (job.name, "printers/labels", "hosts/edge/ports/P1:", "edge/P1:"):
        answer = await explain(rig, name)
        assert answer.verdict == pb.EXPLAIN_VERDICT_HOST_SILENT, name
        assert "edge" in answer.headline


async def test_what_the_printer_says_is_the_answer(rig):
    report = port_pb2.PortStatus(
        condition=port_pb2.PORT_CONDITION_PAPER_OUT,
        severity=port_pb2.SEVERITY_ERROR,
        source=port_pb2.STATUS_SOURCE_PRINTER,
    )
    rig.hosts.tell(PortName("edge", "P1:"), report)
    answer = await explain(rig, "edge/P1:")
    assert answer.verdict == pb.EXPLAIN_VERDICT_PRINTER_SAYS
    assert answer.headline == "Out of paper."
    printer = (await rig.printers.GetPrinter(printer_pb.GetPrinterRequest(name="labels"))).printer
    assert printer.win32_status == 0x10 | 0x2
    assert list(printer.state_reasons) == ["media-empty"]


async def test_an_unknown_outcome_asks_for_a_decision(rig):
    rig.host.ports["P1:"].break_at, rig.host.ports["P1:"].break_uncertain = 4, 2
    job = (await rig.submit(b"12345678")).job
    answer = await eventually(
        lambda: explain(rig, job.name), lambda answer: answer.verdict == pb.EXPLAIN_VERDICT_UNKNOWN
    )
    assert answer.loss == "Bytes 2 to 4 of 8 may or may not have come out."
    assert answer.actions[0].command == f"printfabric resolve {job.number} skip"
    assert (await explain(rig, "printers/labels")).verdict == pb.EXPLAIN_VERDICT_UNKNOWN
    at_port = await explain(rig, "hosts/edge/ports/P1:")
    assert at_port.loss == "Some of it may be missing, or come twice: look at the paper."


async def test_a_job_that_has_printed_is_fine(rig):
    job = (await rig.submit(request_id="r")).job
    request = pb.WatchRequest(jobs=print_pb.JobFilter(request_id="r"), until_ended=True)
    async for _ in rig.watch.Watch(request):
        pass
    answer = await explain(rig, job.name)
    assert answer.verdict == pb.EXPLAIN_VERDICT_FINE
    assert "all of it" in answer.headline


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("jobs/99", JobNotFound),
        ("edge/NONE:", PortNotFound),
        ("", InvalidArgument),
        ("nonsense", InvalidArgument),
    ],
)
async def test_what_is_not_there_is_not_explained(rig, name, error):
    with pytest.raises(error):
        await explain(rig, name)


async def test_a_printer_has_a_history(rig):
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels"))
    await rig.store.flush()
    answer = await rig.watch.ListHistory(pb.ListHistoryRequest(parent="printers/labels"))
    assert [entry.kind for entry in answer.entries] == ["paused", "printer-added"]
    assert answer.entries[0].actor == "loopback"
