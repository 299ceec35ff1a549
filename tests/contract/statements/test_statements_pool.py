"""S10 to S13, S45 and S46: several ports for one printer, and where a job goes when one of them does not take it."""

from __future__ import annotations

import re
import time

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.spooler.v1.print_service_pb2 import UNCERTAIN_DECISION_REPRINT_MARKED
from printfabric.types.v1 import port_pb2
from printfabric.types.v1.job_pb2 import JobState
from tests.contract.statements.stage import Stage
from tests.rig.programs import wait_until
from tests.rig.real_fabric import printed

LONG = 40_000  # bytes: 13 s at the rate below, however long the rest takes


def grown(stage: Stage, before: list[int]) -> list[int]:
    return [len(one.paper) - was for one, was in zip(stage.tcp, before, strict=True)]


def lengths(stage: Stage) -> list[int]:
    return [len(one.paper) for one in stage.tcp]


def ports_of(stage: Stage, number: int) -> list[str]:
    return [one.port.port for one in stage.client.attempts(number)]


def test_s10_each_job_goes_to_the_first_available_port(stage: Stage) -> None:
    first, second = stage.tcp[0], stage.tcp[1]
    with stage.printer("IP_1", "IP_2", "IP_3") as printer:
        before = lengths(stage)
        first.rate = 3_000
        try:
            one = stage.submit(printer, b"1" * LONG)
            wait_until(lambda: len(first.paper) > before[0])
            two = stage.submit(printer, b"two")
            wait_until(lambda: len(second.paper) == before[1] + 3)
            assert len(first.paper) - before[0] < LONG, "the second job did not wait for the first"
        finally:
            first.rate = 0
        assert printed(stage.client.wait(one, timeout_s=60))
        assert printed(stage.client.wait(two, timeout_s=60))
        stage.print(printer, b"three")
        assert grown(stage, before) == [LONG + 5, 3, 0]


def test_s11_a_busy_port_sends_the_job_to_another(stage: Stage) -> None:
    handle = stage.holder.open("IP_1", stage.fence())  # another fabric holds it: 170
    try:
        with stage.printer("IP_1", "IP_2") as printer:
            before, asked = lengths(stage), len(stage.log.calls)
            number = stage.submit(printer, b"elsewhere")
            uid = stage.client.get(number).uid
            job = stage.client.wait(number, timeout_s=60)
            assert printed(job)
            assert grown(stage, before) == [0, 9, 0]
            assert (job.number, job.uid) == (number, uid), "it is the same job"
            refused = [one.ok for one in stage.log.calls[asked:] if one.port == "IP_1"]
            assert False in refused, "it was tried at the first port, which was busy"
            assert ports_of(stage, number) == ["IP_2"]
    finally:
        stage.holder.close(handle)


def _is_marked(found: port_pb2.Port) -> bool:
    """Tell whether a port says that something is wrong, and what: in one look, for it is tried again meanwhile."""
    wrong = found.state in (port_pb2.PORT_STATE_ATTENTION, port_pb2.PORT_STATE_OFFLINE)
    return wrong and any(report.severity <= port_pb2.SEVERITY_WARNING for report in found.status)


@pytest.mark.parametrize(
    ("kind", "reason", "other"),
    [("raw", "CONNECTION_REFUSED", "IP_2"), ("serial", "DEVICE_NOT_CONNECTED", "COM2:")],
    ids=["1225", "1167"],
)
def test_s12_a_port_with_an_error_sends_the_job_to_another_and_is_marked(
    stage: Stage, kind: str, reason: str, other: str
) -> None:
    receiver = next(one for one in stage.receivers if one.port == other)
    with stage.dead_port(kind) as dead, stage.printer(dead, other) as printer:
        before, data = len(receiver.paper), bytes(range(256)) * 8
        number = stage.submit(printer, data)
        uid = stage.client.get(number).uid
        job = stage.client.wait(number, timeout_s=60)
        assert printed(job), job
        wait_until(lambda: len(receiver.paper) >= before + len(data))
        assert bytes(receiver.paper[before:]) == data, "complete, and once"
        assert (job.uid, ports_of(stage, number)[-1]) == (uid, other)
        wait_until(lambda: _is_marked(port(stage, dead)), why="the port is not marked")
        queue = stage.printers.GetPrinter(printers_pb.GetPrinterRequest(name=printer)).printer
        assert "offline-report" in queue.state_reasons
        assert queue.win32_status & 0x80, "PRINTER_STATUS_OFFLINE of one of its ports"
        assert not queue.win32_status & 0x2, "and no PRINTER_STATUS_ERROR while another one works"
        [requeued] = [one for one in stage.client.events(number) if one.kind == "requeued"]
        assert (requeued.port.port, reason in requeued.text) == (dead, True), "as is the job's history"
        assert not requeued.text.startswith("attempt"), "in plain words first"


def port(stage: Stage, name: str) -> port_pb2.Port:
    return next(one for one in stage.client.ports.list() if one.port.port == name)


def test_s12_a_port_of_which_the_monitor_says_an_error_gets_no_job_until_that_is_over(stage: Stage) -> None:
    """SetPort with the severity ERROR, as a monitor says it."""
    report = pb.SetPortRequest(owner=stage.holder.owner, port="IP_1")
    report.status.severity, report.status.condition = (
        port_pb2.SEVERITY_ERROR,
        port_pb2.PORT_CONDITION_PAPER_OUT,
    )
    with stage.printer("IP_1", "IP_2") as printer:
        before = lengths(stage)
        stage.holder.stub.SetPort(report)
        try:
            wait_until(lambda: port(stage, "IP_1").state == port_pb2.PORT_STATE_ERROR)
            stage.print(printer, b"elsewhere")
            assert grown(stage, before) == [0, 9, 0]
            queue = stage.printers.GetPrinter(printers_pb.GetPrinterRequest(name=printer)).printer
            assert "media-empty" in queue.state_reasons
        finally:
            report.status.severity, report.status.condition = (
                port_pb2.SEVERITY_INFO,
                port_pb2.PORT_CONDITION_CLEAR,
            )
            stage.holder.stub.SetPort(report)
        wait_until(lambda: port(stage, "IP_1").state == port_pb2.PORT_STATE_READY)
        stage.print(printer, b"here")
        assert grown(stage, before) == [4, 9, 0]


def test_s12_a_port_that_fails_in_the_middle_sends_the_rest_to_another(stage: Stage) -> None:
    """29: by the printer's rules, all that is not proven to be out prints there, with a mark where it is doubtful."""
    first, second = stage.tcp[0], stage.tcp[1]
    labels = [
        b"^XA^FO20,20^FDs12 label %02d^FS^FX%s^FS^XZ\n" % (number, b"x" * 20_000) for number in range(60)
    ]
    rules = {
        "redirect": printers_pb.REDIRECT_POLICY_REDIRECT_NOW,
        "on_uncertain": UNCERTAIN_DECISION_REPRINT_MARKED,
    }
    with stage.printer("IP_1", "IP_2", **rules) as printer:
        before = lengths(stage)
        first.breaks_at = 15 * len(labels[0])
        number = stage.submit(printer, b"".join(labels))
        job = stage.client.wait(number, timeout_s=60, or_decision=True)
        assert printed(job), job
        broken, *rest = stage.client.attempts(number)
        assert (broken.port.port, broken.error.win32) == ("IP_1", 29)
        assert {one.port.port for one in rest} == {"IP_2"}
        wait_until(lambda: bytes(second.paper).endswith(labels[-1][-100:]))
        here, there = bytes(first.paper[before[0] :]), bytes(second.paper[before[1] :])
    numbers = [int(one) for one in re.findall(rb"s12 label (\d\d)\^FS\^FXx{20000}\^FS\^XZ", there)]
    assert numbers == list(range(numbers[0], 60)), "complete from there on, and in order"
    assert all(label in here for label in labels[: numbers[0]]), "what is not there came out here"
    doubtful = broken.ledger.uncertain_units
    assert numbers[0] == doubtful.first - 1
    assert there.count(b"DUPLICATE?") == doubtful.last - doubtful.first + 1
    with stage.printer("IP_1") as printer:
        stage.print(printer, b"^XA^XZ")  # behind what closes the half label that lies there


def test_s13_the_other_port_is_one_of_the_printers_and_of_the_same_monitor(stage: Stage) -> None:
    data = b"nowhere but there"
    with stage.dead_port() as dead, stage.printer(dead, "COM2:", "IP_2") as printer:
        before, line = lengths(stage), len(stage.com2.paper)
        job = stage.client.wait(stage.submit(printer, data), timeout_s=60)
        assert printed(job), job
        assert ports_of(stage, job.number) == [dead, "IP_2"], "though COM2: comes before it and is free"
        assert (grown(stage, before), len(stage.com2.paper)) == ([0, len(data), 0], line)


def test_s13_without_such_a_port_it_waits_unless_the_printer_allows_others(stage: Stage) -> None:
    with stage.dead_port() as dead, stage.printer(dead, "COM2:") as printer:
        before, line = lengths(stage), len(stage.com2.paper)
        number = stage.submit(printer, b"waits")
        wait_until(
            lambda: stage.client.get(number).last_error.win32 == 1225, why="it was not tried at the first"
        )
        said = stage.client.explain(number)
        assert any("COM2: is of another port monitor" in fact.text for fact in said.facts), said
        assert any(one.command.endswith(f"{printer} --redirect-across-monitors") for one in said.actions), (
            said
        )
        stage.print(printer, b"new")  # the first available port of a job that no port has failed: S10
        assert bytes(stage.com2.paper[line:]) == b"new"
        assert stage.client.get(number).state == JobState.JOB_STATE_PENDING
        allow = printers_pb.UpdatePrinterRequest(
            printer=printers_pb.Printer(name=f"printers/{printer}", redirect_across_monitors=True)
        )
        allow.update_mask.paths.append("redirect_across_monitors")
        stage.printers.UpdatePrinter(allow)
        assert printed(stage.client.wait(number, timeout_s=60))
        assert (ports_of(stage, number)[-1], bytes(stage.com2.paper[line:])) == ("COM2:", b"newwaits")
        assert grown(stage, before) == [0, 0, 0], "and never at a port of another printer"


def test_s13_a_port_outside_the_printer_never_takes_it(stage: Stage) -> None:
    with stage.dead_port() as dead, stage.printer(dead, redirect_across_monitors=True) as printer:
        before = [len(one.paper) for one in stage.receivers]
        number = stage.submit(printer, b"nowhere else")
        wait_until(lambda: stage.client.get(number).last_error.win32 == 1225)
        with stage.printer("IP_3") as other:
            stage.print(other, b"theirs")
        assert not stage.client.get(number).HasField("end_time")
        after = [len(one.paper) - was for one, was in zip(stage.receivers, before, strict=True)]
        assert sum(after) == 6, "every other port is free, and has had nothing of it"
        stage.client.cancel(number)


def test_s45_a_redirected_job_stays_what_it_was(stage: Stage) -> None:
    handle = stage.holder.open("IP_1", stage.fence())
    try:
        with stage.printer("IP_1", "IP_2") as printer:
            number = stage.submit(printer, b"the same", priority=77)
            before = stage.client.get(number)
            after = stage.client.wait(number, timeout_s=60)
            assert printed(after)
            assert (after.number, after.uid, after.priority) == (before.number, before.uid, 77)
            assert after.owner == before.owner
            assert after.create_time == before.create_time
    finally:
        stage.holder.close(handle)


def test_s46_all_busy_means_waiting(stage: Stage) -> None:
    handles = [stage.holder.open(port, stage.fence()) for port in ("IP_1", "IP_2")]
    with stage.printer("IP_1", "IP_2", "IP_3") as printer:
        before = lengths(stage)
        stage.print(printer, b"the next one")
        assert grown(stage, before) == [0, 0, 12]
    with stage.printer("IP_1", "IP_2") as printer:
        number = stage.submit(printer, b"waits")
        time.sleep(0.5)
        assert stage.client.get(number).state in (JobState.JOB_STATE_PENDING, JobState.JOB_STATE_PROCESSING)
        for handle in handles:
            stage.holder.close(handle)
        assert printed(stage.client.wait(number, timeout_s=60))
