from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidArgument, PortBusy, Verdict
from printfabric.spooler.v1 import (
    port_service_pb2,
    print_service_pb2,
    printer_service_pb2,
    watch_service_pb2,
)
from printfabric.types.v1 import error_pb2, job_pb2, ledger_pb2, port_pb2
from spooler.api import convert, convert_port, convert_printer, watch_servicer
from spooler.api.convert_job import job_to_pb
from spooler.api.win32_status import job_bits, printer_bits
from spooler.job import Document, Job, JobError, Sender
from spooler.job_state import IPP_NUMBER, JobState
from spooler.ledger import Evidence, EvidenceLevel, EvidenceSource, Ledger, Offsets, Outcome, Span
from spooler.printer import PortName, Printer

NOW = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)
JOB = Job(
    4711,
    bytes(range(16)),
    Document("doc", "text/plain", 100, bytes(32)),
    Sender("ann"),
    NOW,
    printer="labels",
)


@pytest.mark.parametrize(
    ("table", "wire"),
    [
        (convert.LEVELS, ledger_pb2.EvidenceLevel),
        (convert.SOURCES, ledger_pb2.EvidenceSource),
        (convert.OUTCOMES, ledger_pb2.Outcome),
        (convert.UNIT_KINDS, ledger_pb2.UnitKind),
        (convert.VERDICTS, error_pb2.Verdict),
        (IPP_NUMBER, job_pb2.JobState),
        (convert_printer.POOL_ORDERS, printer_service_pb2.PoolOrder),
        (watch_servicer.VERDICTS, watch_service_pb2.ExplainVerdict),
        (convert_port.STATUS_SOURCES, port_pb2.StatusSource),
        (convert_port.HOST_STATES, port_service_pb2.HostState),
    ],
    ids=lambda value: getattr(getattr(value, "DESCRIPTOR", None), "name", None),
)
def test_every_word_has_its_number_and_every_number_its_word(table, wire):
    assert sorted(table.values()) == sorted(number for _, number in wire.items() if number)


def test_what_a_printer_does_about_uncertainty_is_among_the_decisions():
    known = {number for _, number in print_service_pb2.UncertainDecision.items()}
    assert set(convert_printer.ON_UNCERTAIN.values()) < known


def test_a_moment_goes_there_and_back_to_the_microsecond():
    message = Timestamp()
    convert.put_time(message, NOW)
    assert convert.time_from_pb(message, "field") == NOW
    convert.put_time(message, datetime(1969, 12, 31, 23, 59, 59, 5, tzinfo=UTC))
    assert (message.seconds, message.nanos) == (-1, 5000)


@pytest.mark.parametrize("seconds", [10**15, -(10**15)])
def test_a_moment_of_no_calendar_is_refused_by_name(seconds):
    with pytest.raises(InvalidArgument) as caught:
        convert.time_from_pb(Timestamp(seconds=seconds), "spec.expire_time")
    assert caught.value.fields[0].field == "spec.expire_time"


@pytest.mark.parametrize("seconds", [0, -1, 10**10, 10**18])
def test_a_duration_is_positive_and_bounded(seconds):
    with pytest.raises(InvalidArgument):
        convert.duration_from_pb(Duration(seconds=seconds), "ttl")
    assert convert.duration_from_pb(Duration(seconds=5), "ttl") == timedelta(seconds=5)


def test_every_field_of_a_job_is_on_the_wire():
    job = replace(
        JOB,
        sender=Sender("ann", "ben", "ipv4:10.0.0.1", "r1"),
        attributes={"a": "b"}, state=JobState.PENDING_HELD, reasons=("why",), hold_reason="held", not_before=NOW,
        expires_at=NOW, retain=True, port=PortName("edge-7", "COM1:"), attempts=2, started_at=NOW, ended_at=NOW,
        ledger=Ledger(
            Offsets(100, 60, 40, 0), uncertain=Span(40, 60),
            evidence=(Evidence(EvidenceLevel.ACKED, EvidenceSource.TCP_ACK, 40, NOW, "ok"),),
        ),
        outcome=Outcome.UNKNOWN,
        last_error=JobError("DEVICE_FAULT", 29, "broke", "retry", NOW),
    )  # fmt: skip
    message = job_to_pb(job, jobs_ahead=3)
    missing = [field.name for field, _ in job_pb2.Job().ListFields()]
    assert missing == []
    unset = {field.name for field in job_pb2.Job.DESCRIPTOR.fields} - {
        field.name for field, _ in message.ListFields()
    }
    assert unset == set()
    assert (message.ledger.uncertain.start, message.ledger.uncertain.end) == (40, 60)
    assert message.ledger.level == ledger_pb2.EVIDENCE_LEVEL_SPOOLED
    assert message.last_error.verdict == error_pb2.VERDICT_RETRY


def test_an_uncertain_span_from_the_first_byte_is_seen_as_set():
    message = job_to_pb(replace(JOB, ledger=Ledger(Offsets(100, 5, 0, 0), uncertain=Span(0, 5))))
    assert message.ledger.HasField("uncertain")


def test_a_waiting_job_is_in_the_spool_at_least():
    ledger = job_to_pb(JOB).ledger
    assert (ledger.offsets.spooled, ledger.level) == (100, ledger_pb2.EVIDENCE_LEVEL_SPOOLED)


def test_an_error_of_one_item_says_all_that_a_status_would():
    message = error_pb2.ErrorStatus()
    convert.put_error(message, PortBusy("port COM1: is held", port="COM1:"))
    assert (message.reason, message.win32, message.message) == ("PORT_BUSY", 170, "port COM1: is held")
    assert message.verdict == convert.VERDICTS[Verdict.REROUTE]
    assert dict(message.metadata) == {"port": "COM1:"}


@pytest.mark.parametrize(
    ("bits", "changes"),
    [
        (0x0, {}),
        (0x1, {"state": JobState.PENDING_HELD}),
        (0x401, {"state": JobState.PENDING_HELD, "ledger": Ledger(uncertain=Span(0, 1))}),
        (0x10, {"state": JobState.PROCESSING}),
        (0x12, {"state": JobState.PROCESSING_STOPPED}),
        (0x32, {"state": JobState.PROCESSING_STOPPED, "last_error": JobError("DEVICE_OFFLINE", 21)}),
        (0x442, {"last_error": JobError("OUT_OF_PAPER", 28)}),
        (0x2, {"last_error": JobError("DEVICE_FAULT", 29)}),
        (0x100, {"state": JobState.CANCELED}),
        (0x102, {"state": JobState.ABORTED}),
        (0x80, {"state": JobState.COMPLETED, "ledger": Ledger(Offsets(100, 100, 100, 0))}),
        (0x2080, {"state": JobState.COMPLETED, "ledger": Ledger(Offsets(100, 100, 100, 0)), "retain": True}),
        (0x1000, {"state": JobState.COMPLETED, "ledger": Ledger(Offsets(100, 60, 0, 0))}),
    ],
)
def test_a_jobs_bits_are_windows(bits, changes):
    assert job_bits(replace(JOB, **changes)) == bits


def test_a_printers_bits_are_the_union_of_its_ports_and_error_only_if_all_fail():
    calm = {"paused": False, "going": False, "printing": False, "server_offline": False}
    assert printer_bits(**calm, ports=[]) == 0
    assert printer_bits(**calm, ports=[(True, [3]), (False, [10])]) == 0x10 | 0x20000
    assert printer_bits(**calm, ports=[(True, [3]), (True, [1])]) == 0x10 | 0x80 | 0x2
    everything = dict.fromkeys(calm, True)
    assert printer_bits(**everything, ports=[]) == 0x1 | 0x4 | 0x400 | 0x2000000


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "\x1b[31m"], ids=ascii)
@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"description": "{}"}, "printer.description"),
        ({"location": "{}"}, "printer.location"),
        ({"default_format": "{}"}, "printer.default_format"),
        ({"language_monitor": "{}"}, "printer.language_monitor"),
        ({"labels": {"site": "{}"}}, "printer.labels[site]"),
        ({"labels": {"{}": "x"}}, "printer.labels[{}]"),
        ({"window": {"until_minute": 5, "time_zone": "{}"}}, "printer.window.time_zone"),
        ({"ports": [{"port": {"host": "{}", "port": "COM1:"}}]}, "printer.ports[0].port"),
        ({"ports": [{"port": {"host": "edge-7", "port": "{}"}}]}, "printer.ports[0].port"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_text_of_a_printer_that_cannot_be_shown_is_refused_by_its_field(field, named, text):
    message = json_format.ParseDict(_with(field, text), printer_service_pb2.Printer())
    with pytest.raises(InvalidArgument) as caught:
        convert_printer.settings_from_pb(message, Printer("labels"))
    assert [one.field for one in caught.value.fields] == [named.replace("{}", text)]


def _with(value, text):
    if isinstance(value, dict):
        return {key.replace("{}", text): _with(below, text) for key, below in value.items()}
    if isinstance(value, list):
        return [_with(below, text) for below in value]
    return text if value == "{}" else value
