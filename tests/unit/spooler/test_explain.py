import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click
import pytest

from printfabric_client.command.program import program
from spooler.daily_window import Window
from spooler.delivery import OUTCOME_UNKNOWN, PARTIALLY_PRINTED
from spooler.evidence import NO_END_HEARD
from spooler.explain.facts import Failure, Holder, JobFacts, Lies, PortFacts, Report, Source, Verdict
from spooler.explain.jobs import explain_job, explain_printer
from spooler.explain.ports import explain_port, trouble_of
from spooler.job import Document, Job, JobError, Sender
from spooler.job_state import JobState
from spooler.ledger import (
    Evidence,
    EvidenceLevel,
    EvidenceSource,
    Ledger,
    Offsets,
    Outcome,
    UnitKind,
    Units,
)
from spooler.printer import Paused, PortName, Printer

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
PORT = PortName("edge-7", "COM1:")
JOB = Job(
    4711,
    bytes(16),
    Document("doc", size_bytes=100),
    Sender("ann"),
    NOW - timedelta(minutes=2),
    printer="labels",
)
PRINTER = Printer("labels", (PORT,), revision=1)


def port(**what):
    what.setdefault("device", "/dev/serial/by-id/usb-1")
    return PortFacts(PORT, **what)


def failed(reason, win32=0, message="it failed", lane="waiting", **what):
    return port(
        lane=lane, error=Failure(reason, win32, message, NOW), retry_at=NOW + timedelta(seconds=12), **what
    )


def facts(*ports, job=JOB, printer=PRINTER, ahead=0):
    return JobFacts(NOW, job, printer, ports or (port(),), ahead)


# Each row is one of the answers: the verdict, what the headline must say, and the facts.
ROWS = [
    (Verdict.HELD, "Held by ann", facts(job=replace(JOB, state=JobState.PENDING_HELD, hold_reason="held by ann"))),
    (Verdict.HELD, "Prints later, as its sender asked: at 2026-11-21T18:00:00Z", facts(job=replace(JOB, not_before=NOW + timedelta(hours=8)))),
    (Verdict.PRINTER_PAUSED, "Printer labels is paused by ben", facts(printer=replace(PRINTER, paused=Paused("ben", NOW)))),
    (Verdict.NO_PORT, "has no port", facts(printer=replace(PRINTER, ports=()))),
    (Verdict.NO_PORT, "is gone", facts(printer=None)),
    (Verdict.NO_PORT, "has no port COM1:", facts(port(known=False))),
    (Verdict.NO_PORT, "paused by ben", facts(port(paused=Paused("ben", NOW)))),
    (Verdict.JOBS_AHEAD, "Others are ahead of it: it is fourth in line, behind 3 jobs", facts(ahead=3)),
    (Verdict.HOST_SILENT, "Host edge-7 does not answer since 5 min", facts(port(host_state="silent", host_seen=NOW - timedelta(minutes=5)))),
    (Verdict.HOST_SILENT, "has not answered yet", facts(port(host_state="connecting", known=False))),
    (Verdict.NO_PORT, "is not configured and has not dialled in", facts(port(host_state="", known=False))),
    (Verdict.PORT_HELD, "in use by fabric f2", facts(port(holder=Holder(False, "fabric f2", "x")))),
    (Verdict.PORT_HELD, "in use", facts(failed("PORT_BUSY", 170))),
    (Verdict.DEVICE_MISSING, "is not there", facts(failed("DEVICE_NOT_CONNECTED", 1167))),
    (Verdict.DEVICE_REFUSED, "/dev/serial/by-id/usb-1 refuses: it is in use by lpd (pid 812).", facts(failed("ACCESS_DENIED", 5, "port COM1: /dev/serial/by-id/usb-1 is in use by lpd (pid 812)"))),
    (Verdict.DEVICE_REFUSED, "/dev/serial/by-id/usb-1 refuses: it is in use by minicom (pid 7).", facts(failed("PORT_BUSY", 32, "port COM1: /dev/serial/by-id/usb-1 is in use by minicom (pid 7)"))),
    (Verdict.DEVICE_REFUSED, "refuses", facts(failed("ACCESS_DENIED", 5))),
    (Verdict.NO_CONNECTION, "The printer on edge-7/COM1: does not answer (10.0.0.7:9100).", facts(failed("CONNECTION_REFUSED", 1225, device="10.0.0.7:9100"))),
    (Verdict.NO_CONNECTION, "does not answer", facts(failed("DEVICE_OFFLINE", 21, device="10.0.0.7:9100"))),
    (Verdict.NO_CONNECTION, "does not answer", facts(failed("DEVICE_NOT_CONNECTED", 1167, device="10.0.0.7:9100"))),
    (Verdict.DEVICE_MISSING, "is not there", facts(failed("DEVICE_OFFLINE", 21))),
    (Verdict.PRINTER_SAYS, "Out of paper", facts(port(reports=(Report(3, 1, "", Source.PRINTER, NOW),)))),
    (Verdict.PRINTER_SAYS, "Ribbon empty", facts(port(reports=(Report(8, 1, "Ribbon empty", Source.PRINTER, NOW),)))),
    (Verdict.STALLED, "takes nothing", facts(failed("WRITE_TIMEOUT", 1460))),
    (Verdict.RETRY, "tried again in 12 s", facts(failed("DEVICE_FAULT", 29))),
    (Verdict.AWAITING_PROOF, "proof is awaited", facts(job=replace(JOB, state=JobState.PROCESSING, port=PORT, ledger=Ledger(Offsets(100, 100, 0, 0))))),
    (Verdict.UNKNOWN, "decide", facts(job=replace(JOB, state=JobState.PENDING_HELD, reasons=(OUTCOME_UNKNOWN,), outcome=Outcome.UNKNOWN))),
    (Verdict.HELD, "stopped in its middle, after byte 40", facts(job=replace(JOB, state=JobState.PENDING_HELD, reasons=(PARTIALLY_PRINTED,), outcome=Outcome.PARTIAL, ledger=Ledger(Offsets(100, 40, 40, 0))))),
    (Verdict.FINE, "is next", facts()),
    (Verdict.FINE, "printing on edge-7/COM1:, 40 of 100", facts(job=replace(JOB, state=JobState.PROCESSING, port=PORT, ledger=Ledger(Offsets(100, 40, 0, 0))))),
    (Verdict.FINE, "The device took all of it", facts(job=replace(JOB, state=JobState.COMPLETED, outcome=Outcome.PRINTED, ended_at=NOW))),
    (Verdict.ENDED, "Cancelled", facts(job=replace(JOB, state=JobState.CANCELED, ended_at=NOW))),
    (Verdict.ENDED, "its time had passed", facts(job=replace(JOB, state=JobState.ABORTED, ended_at=NOW, reasons=("job-expired",)))),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "words", "known"), ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_every_answer_has_a_sentence_a_loss_and_facts(verdict, words, known):
    answer = explain_job(known)
    assert answer.verdict is verdict
    assert words in str(answer.headline)
    assert str(answer.headline).endswith(".")
    assert str(answer.headline)[0].isupper() or str(answer.headline).startswith(("edge-7", "/dev", "3 "))
    assert answer.loss.endswith(".")
    assert answer.facts
    assert all(fact.at <= NOW for fact in answer.facts)


def test_a_printers_hours_are_told_by_its_own_clock_and_when_a_job_prints_by_its_readers():
    window = Window(18 * 60, 6 * 60, "Europe/Berlin")
    known = replace(facts(printer=replace(PRINTER, window=window)), opens=NOW + timedelta(hours=7))
    words = "Printer labels begins jobs from 18:00 to 06:00 Europe/Berlin: prints at 2026-11-21T17:00:00Z."
    assert str(explain_job(known).headline) == words


def test_trouble_at_the_port_is_the_answer_while_a_job_prints():
    job = replace(JOB, state=JobState.PROCESSING, port=PORT)
    answer = explain_job(facts(failed("WRITE_TIMEOUT", 1460), job=job))
    assert answer.verdict is Verdict.STALLED


def test_one_port_of_a_pool_that_works_is_enough():
    other = PortFacts(PortName("edge-8", "COM1:"))
    answer = explain_job(facts(failed("DEVICE_NOT_CONNECTED", 1167), other, ahead=1))
    assert answer.verdict is Verdict.JOBS_AHEAD
    assert any("it failed" in fact.text for fact in answer.facts)


def test_a_pool_without_any_working_port_names_them_all():
    other = PortFacts(PortName("edge-8", "COM1:"), host_state="silent")
    answer = explain_job(facts(failed("DEVICE_NOT_CONNECTED", 1167), other))
    assert answer.verdict is Verdict.NO_PORT
    assert "edge-7/COM1:" in str(answer.headline)
    assert "edge-8/COM1:" in str(answer.headline)


def test_warnings_do_not_stop_a_port():
    assert trouble_of(port(reports=(Report(10, 2, "", Source.PRINTER, NOW),)), NOW) is None
    assert trouble_of(port(holder=Holder(True, "printer labels", "labels")), NOW) is None
    assert trouble_of(failed("DEVICE_FAULT", 29, lane="open"), NOW) is None


def test_the_host_comes_before_what_the_port_said_earlier():
    silent = port(host_state="silent", reports=(Report(3, 1, "", Source.PRINTER, NOW),))
    assert explain_port(silent, NOW).verdict is Verdict.HOST_SILENT


def test_a_decision_offers_what_can_be_decided():
    job = replace(JOB, state=JobState.PENDING_HELD, outcome=Outcome.UNKNOWN)
    commands = [action.command for action in explain_job(facts(job=job)).actions]
    assert commands == [
        "printfabric resolve 4711 skip", "printfabric resolve 4711 reprint", "printfabric cancel 4711",
    ]  # fmt: skip


def test_how_far_a_document_came_is_told_in_labels_where_they_are_counted_and_whether_its_port_works_again():
    broken = replace(
        JOB,
        state=JobState.PENDING_HELD,
        outcome=Outcome.UNKNOWN,
        port=PORT,
        ledger=Ledger(Offsets(100, 100, 60, 0)),
    )
    told = [fact.text for fact in explain_job(facts(job=broken)).facts]
    assert "the printer's side had received 60 of 100 bytes, 100 were sent" in told
    assert "now edge-7/COM1: ready" in told
    counted = replace(broken.ledger, units=Units(UnitKind.LABEL, 12, 12, 7))
    out = port(reports=(Report(3, 1, "", Source.PRINTER, NOW),))
    told = [fact.text for fact in explain_job(facts(out, job=replace(broken, ledger=counted))).facts]
    assert (
        "the printer's side had received 7 of 12 labels, 12 were sent (of 100 bytes 60 received, 100 sent)"
        in told
    )
    assert "now edge-7/COM1: Out of paper" in told


def test_a_last_error_is_among_the_facts_with_its_time():
    error = JobError("DEVICE_FAULT", 29, "the cable broke", at=NOW)
    answer = explain_job(facts(job=replace(JOB, last_error=error)))
    assert answer.verdict is Verdict.RETRY
    assert ("the cable broke", NOW) in [(fact.text, fact.at) for fact in answer.facts]


def test_a_printer_is_explained_by_its_next_job_and_by_decisions_that_wait():
    assert explain_printer(PRINTER, (port(),), 0, [], None, NOW).verdict is Verdict.FINE
    assert explain_printer(PRINTER, (port(),), 2, [JOB, JOB], facts(), NOW).verdict is Verdict.UNKNOWN
    silent = port(host_state="silent")
    assert explain_printer(PRINTER, (silent,), 1, [], facts(silent), NOW).verdict is Verdict.HOST_SILENT
    assert explain_printer(PRINTER, (silent,), 0, [], None, NOW).verdict is Verdict.HOST_SILENT


def test_every_command_that_is_suggested_is_one_that_the_client_knows():
    answers = [explain_job(row[2]) for row in ROWS] + [explain_port(port(paused=Paused("ben", NOW)), NOW)]
    answers.append(explain_printer(PRINTER, (port(),), 2, [JOB, JOB], None, NOW))
    commands = {action.command for answer in answers for action in answer.actions} - {""}  # by hand
    assert len(commands) > 8
    for line in commands:
        name, *words = shlex.split(line)
        assert name == "printfabric"
        group: click.Command = program
        while isinstance(group, click.Group):
            word = words.pop(0)
            found = group.get_command(click.Context(group), word)
            assert found is not None, line
            group = found
        options = {option for parameter in group.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_a_document_that_lies_on_its_host_goes_on_without_us_and_one_on_its_way_there_says_so():
    job = replace(JOB, state=JobState.PROCESSING, port=PORT)
    away = facts(port(host_state="silent", host_seen=NOW - timedelta(minutes=5)), job=job)
    there = explain_job(replace(away, lies=Lies.THERE))
    assert there.verdict is Verdict.HOST_SILENT
    assert str(there.headline) == (
        "The document lies on host edge-7: printing goes on, although the host cannot be reached since 2026-11-21T09:55:00Z."
    )
    assert "does not answer" in str(explain_job(away).headline)
    moving = explain_job(replace(facts(port(lane="open"), job=job), lies=Lies.MOVING))
    assert moving.verdict is Verdict.FINE
    assert str(moving.headline).startswith("It is being brought to host edge-7")


def test_a_host_without_room_for_a_document_says_that_it_is_asked_again():
    found = explain_job(facts(failed("SPOOL_FULL", message="the host keeps at most 5 bytes")))
    assert found.verdict is Verdict.RETRY
    assert str(found.headline) == (
        "Host edge-7 has no room for the document, which has to lie there whole; it is asked again in 12 s."
    )
    assert any("5 bytes" in fact.text for fact in found.facts)


def test_an_end_by_a_time_out_is_told_as_one_and_every_proof_is_named_with_its_time():
    proofs = (
        Evidence(EvidenceLevel.ACCEPTED, EvidenceSource.JOURNAL, 100, NOW - timedelta(seconds=12)),
        Evidence(EvidenceLevel.ACKED, EvidenceSource.TCP_ACK, 100, NOW - timedelta(seconds=11)),
        Evidence(EvidenceLevel.ACKED, EvidenceSource.TIMEOUT, 100, NOW, NO_END_HEARD),
    )
    ledger = Ledger(Offsets(100, 100, 100, 0), evidence=proofs)
    ended = replace(JOB, state=JobState.COMPLETED, outcome=Outcome.PRINTED, ended_at=NOW, ledger=ledger)
    answer = explain_job(facts(job=ended))
    assert str(answer.headline) == (
        "The printer's side has all of it (the printer did not answer in time: its end was concluded by a time-out)"
        " at 2026-11-21T10:00:00Z."
    )
    told = {(fact.text, fact.source, fact.at) for fact in answer.facts}
    assert (
        "accepted by the host's journal: 100 of 100 bytes",
        Source.HOST,
        proofs[0].at,
    ) in told
    assert (
        "acknowledged by the far end of the connection: 100 of 100 bytes",
        Source.TRANSPORT,
        proofs[1].at,
    ) in told
    assert (NO_END_HEARD, Source.HOST, NOW) in told


@pytest.mark.parametrize(
    ("level", "by"), [(EvidenceLevel.ACKED, Source.TRANSPORT), (EvidenceLevel.CONFIRMED, Source.PRINTER)]
)
def test_who_proves_the_end_of_a_job_is_named_for_it(level: EvidenceLevel, by: Source):
    evidence = Evidence(level, EvidenceSource.TCP_ACK, 100, NOW)
    confirmed = 100 if level is EvidenceLevel.CONFIRMED else 0
    ledger = Ledger(Offsets(100, 100, 100, confirmed), evidence=(evidence,))
    ended = replace(JOB, state=JobState.COMPLETED, outcome=Outcome.PRINTED, ended_at=NOW, ledger=ledger)
    assert {fact.source for fact in explain_job(facts(job=ended)).facts if "proven by" in fact.text} == {by}


def test_what_a_report_says_is_not_said_twice():
    text = "out of paper; its display says: MEDIA OUT"
    answer = explain_job(facts(port(reports=(Report(3, 1, text, Source.PRINTER, NOW),))))
    assert str(answer.headline) == "Out of paper; its display says: MEDIA OUT."


def test_a_printer_that_stops_taking_is_told_at_its_port_and_at_its_job_though_its_host_has_all_of_it():
    job = replace(JOB, state=JobState.PROCESSING, port=PORT, ledger=Ledger(Offsets(100, 100, 30, 0)))
    patient, stands = (
        replace(port(), lane="open", moved=NOW - timedelta(seconds=still_s), flights=(job,))
        for still_s in (4, 6)
    )
    assert explain_port(patient, NOW).verdict is Verdict.FINE
    answer = explain_port(stands, NOW)
    assert answer.verdict is Verdict.STALLED
    assert str(answer.headline).startswith(
        "The printer on edge-7/COM1: takes nothing more and does not say why"
    )
    assert str(explain_job(facts(stands, job=job)).headline) == str(answer.headline)
