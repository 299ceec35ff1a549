"""`printfabric print` as a script sees it: lines, JSON, exit codes."""

import json
import re
from typing import Any

import grpc
import pytest

from printfabric.types.v1 import job_pb2, ledger_pb2
from printfabric_client.connection import Connection
from tests.unit.client.fake_spooler import FakeSpooler


def test_printing_says_one_line(run, file, spooler):
    result = run("print", "-P", "labels", file)
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "job 4711 on labels: accepted (box.zpl, 6 B)\n",
        "",
    )
    assert spooler.documents[4711] == b"^XA^XZ"


def test_a_print_makes_one_connection(run, file, monkeypatch):
    made: list[str] = []
    make = grpc.aio.insecure_channel

    def making(target: str, **how: Any) -> grpc.aio.Channel:
        made.append(target)
        return make(target, **how)

    monkeypatch.setattr(grpc.aio, "insecure_channel", making)
    assert run("print", "-P", "labels", file).exit_code == 0
    assert len(made) == 1


def test_a_print_waits_longer_for_its_answer_than_for_its_printer(run, file, monkeypatch):
    seen: list[tuple[str, float]] = []
    call = Connection.call

    async def noting(connection, method, request, **how):
        seen.append((type(request).__name__, connection.retry.total_s))
        return await call(connection, method, request, **how)

    monkeypatch.setattr(Connection, "call", noting)
    assert run("print", "-P", "labels", file).exit_code == 0
    assert seen == [("GetPrinterRequest", 2.0), ("SubmitJobRequest", 60.0)]


def test_printing_like_lp(run, file, spooler):
    result = run("print", "-d", "labels", "-n", 3, "-t", "Box 17", file)
    assert result.exit_code == 0
    assert (spooler.jobs[4711].copies, spooler.jobs[4711].document_name) == (3, "Box 17")
    assert "3 copies" in result.stdout


@pytest.mark.parametrize("args", [[], ["-"]])
def test_standard_input_is_printed(run, spooler, args):
    result = run("print", "-q", "-P", "labels", *args, stdin=b"^XA\x00\xff^XZ")
    assert (result.exit_code, result.stdout) == (0, "4711\n")
    assert spooler.documents[4711] == b"^XA\x00\xff^XZ"


def test_several_files_are_several_jobs(run, file, spooler, tmp_path):
    second = tmp_path / "pallet.zpl"
    second.write_bytes(b"^XApallet^XZ")
    result = run("print", "-P", "labels", "--json", file, second)
    jobs = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(job["number"], job["document_name"]) for job in jobs] == [
        (4711, "box.zpl"),
        (4712, "pallet.zpl"),
    ]


def test_everything_that_can_be_said_about_a_job_arrives(run, file, spooler):
    result = run(
        *("print", "-P", "labels", "--hold", "--priority", 70, "--user", "anna", "--attribute", "order=812"),
        *("--expire", "5min", "--not-before", "2h", "--format", "text/plain", "--request-id", "r1", file),
    )
    assert result.exit_code == 0, result.stderr
    job = spooler.jobs[4711]
    assert (job.priority, job.user, dict(job.attributes), job.format) == (
        70,
        "anna",
        {"order": "812"},
        "text/plain",
    )
    assert job.request_id == "r1"
    assert result.stdout == "job 4711 on labels: accepted (box.zpl, 6 B, held)\n"


def test_the_only_printer_needs_no_name(run, file, spooler):
    del spooler.printers["receipts"]
    assert run("print", file).stdout.startswith("job 4711 on labels")


def test_of_several_printers_one_must_be_named(run, file, monkeypatch):
    result = run("print", file)
    assert result.exit_code == 2
    assert "which printer? Name one with -P or PRINTFABRIC_PRINTER: labels, receipts" in result.stderr
    monkeypatch.setenv("PRINTFABRIC_PRINTER", "receipts")
    assert run("print", file).stdout.startswith("job 4711 on receipts")


def test_without_any_printer_it_says_how_to_add_one(run, file, spooler):
    spooler.printers.clear()
    assert "printers add" in run("print", file).stderr


def test_the_same_request_id_prints_once(run, file, spooler):
    assert run("print", "-q", "-P", "labels", "--request-id", "r1", file).stdout == "4711\n"
    assert run("print", "-q", "-P", "labels", "--request-id", "r1", file).stdout == "4711\n"
    file.write_bytes(b"other")
    assert run("print", "-P", "labels", "--request-id", "r1", file).exit_code == 4
    assert len(spooler.jobs) == 1


def finish_soon(
    spooler: FakeSpooler, outcome: ledger_pb2.Outcome.ValueType, state=job_pb2.JOB_STATE_COMPLETED
):
    """Let every job end as soon as it is accepted."""
    keep = spooler.accept

    def accept(*args):
        job, duplicate = keep(*args)
        ended = job_pb2.Job()
        ended.CopyFrom(job)
        ended.state, ended.outcome = state, outcome
        ended.ledger.level = ledger_pb2.EVIDENCE_LEVEL_ACKED
        ended.ledger.evidence.add(
            source=ledger_pb2.EVIDENCE_SOURCE_TCP_ACK, level=ledger_pb2.EVIDENCE_LEVEL_ACKED
        )
        ended.ledger.uncertain.start, ended.ledger.uncertain.end = 2, 6
        spooler.put(ended)
        return job, duplicate

    spooler.accept = accept  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("outcome", "state", "code", "words"),
    [
        (
            ledger_pb2.OUTCOME_PRINTED,
            job_pb2.JOB_STATE_COMPLETED,
            0,
            "completed; handed over, acknowledged by the printer's connection, the printer did not say",
        ),
        (
            ledger_pb2.OUTCOME_NOT_PRINTED,
            job_pb2.JOB_STATE_ABORTED,
            7,
            "aborted; not printed, nothing came out",
        ),
        (
            ledger_pb2.OUTCOME_PARTIAL,
            job_pb2.JOB_STATE_CANCELED,
            7,
            "canceled; printed up to byte 0, not from there on",
        ),
        (
            ledger_pb2.OUTCOME_UNKNOWN,
            job_pb2.JOB_STATE_PENDING_HELD,
            8,
            "pending-held; unknown for bytes 2 to 6",
        ),
    ],
)
def test_waiting_ends_with_what_is_on_paper(run, file, spooler, outcome, state, code, words):
    finish_soon(spooler, outcome, state)
    result = run("print", "-P", "labels", "--wait", file)
    assert result.exit_code == code
    assert result.stdout.splitlines()[-1] == f"job 4711 on labels: {words}"


def test_waiting_with_json_is_one_object_a_job(run, file, spooler):
    finish_soon(spooler, ledger_pb2.OUTCOME_PRINTED)
    result = run("print", "-P", "labels", "--wait", "--json", file)
    assert [json.loads(line)["outcome"] for line in result.stdout.splitlines()] == ["printed"]


def test_waiting_has_an_end(run, file):
    result = run("print", "-P", "labels", "--wait", "--timeout", 0.2, file)
    assert result.exit_code == 6
    assert "not on paper after 0.2 s; the job goes on" in result.stderr


def test_what_declares_a_printer_is_shown(run, spooler):
    assert "declared by" not in run("printers", "show", "labels").stdout
    spooler.printers["labels"].managed_by = "kubernetes:print/till-3"
    shown = run("printers", "show", "labels").stdout
    assert re.search(r"^declared by +kubernetes:print/till-3$", shown, re.MULTILINE)


def test_printers_are_added_shown_and_changed(run, spooler):
    made = run(
        "printers",
        "add",
        "bands",
        "-p",
        "edge-7/COM1:",
        "--language-monitor",
        "ZPL",
        "--on-uncertain",
        "skip",
    )
    assert made.stdout == "printer bands: added\n"
    assert spooler.printers["bands"].accepting
    assert run("printers", "add", "bands", "-p", "edge-7/COM1:").exit_code == 4
    assert run("printers", "add", "x").exit_code == 2
    run("printers", "set", "bands", "--max-backlog-age", "2h")
    run("printers", "set", "bands", "--window", "08:00-18:30 Europe/Berlin")
    run("printers", "set", "bands", "--port", "edge-8/COM1:")
    shown = run("printers", "show", "bands").stdout
    assert re.search(r"^max backlog age +2 h$", shown, re.MULTILINE)
    assert re.search(r"^window +08:00-18:30 Europe/Berlin$", shown, re.MULTILINE)
    assert re.search(r"^on uncertain +skip$", shown, re.MULTILINE)
    assert re.search(r"^port +edge-8/COM1:$", shown, re.MULTILINE)
    assert run("printers", "set", "bands").exit_code == 2
    assert run("printers", "pause", "bands", "-r", "lunch").stdout == "printer bands: paused\n"
    assert "paused (lunch)" in run("printers").stdout
    assert run("printers", "resume", "bands").exit_code == 0
    assert run("printers", "purge", "bands").stdout == "3 jobs canceled\n"
    assert run("printers", "delete", "bands").stdout == "printer bands: deleted\n"
    assert run("printers", "show", "bands").exit_code == 3
    assert [json.loads(line)["name"] for line in run("printers", "--json").stdout.splitlines()] == [
        "printers/labels",
        "printers/receipts",
    ]


def test_off_a_terminal_there_are_plain_lines_and_no_escapes(run, file, spooler):
    finish_soon(spooler, ledger_pb2.OUTCOME_PRINTED)
    for args in (("print", "-P", "labels", "--wait", file), ("jobs", "-a"), ("printers",), ("job", "4711")):
        result = run(*args)
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout + result.stderr
        assert "\r" not in result.stdout + result.stderr
