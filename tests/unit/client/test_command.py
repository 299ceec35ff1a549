"""The command as a script sees it: lines, JSON, exit codes, no traceback."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import chassis.errors
from printfabric.spooler.v1 import port_service_pb2 as portpb
from printfabric.spooler.v1 import watch_service_pb2 as wpb
from printfabric.types.v1 import job_pb2, ledger_pb2, port_pb2
from printfabric_client.command.program import _COMMANDS, program
from tests.unit.client.fake_spooler import FakeSpooler


@pytest.fixture
def run(spooler, monkeypatch):
    monkeypatch.setenv("PRINTFABRIC_ADDRESS", spooler.address)

    def run(*args: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(program, [str(arg) for arg in args], input=stdin)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "box.zpl"
    path.write_bytes(b"^XA^XZ")
    return path


def attempt_of(spooler: FakeSpooler, number: int) -> None:
    attempt = job_pb2.Attempt(name=f"jobs/{number}/attempts/1", number=1, outcome=ledger_pb2.OUTCOME_UNKNOWN)
    attempt.port.host, attempt.port.port = "edge-7", "COM1:"
    attempt.start_time.seconds, attempt.end_time.seconds = 1_800_000_000, 1_800_000_002
    attempt.ledger.offsets.accepted = 900
    attempt.ledger.units.kind, attempt.ledger.units.total = ledger_pb2.UNIT_KIND_LABEL, 20
    attempt.ledger.units.acked = 8
    attempt.ledger.uncertain_units.first, attempt.ledger.uncertain_units.last = 9, 10
    attempt.error.message = "the line broke"
    spooler.attempts[number] = [attempt]


def test_printing_says_one_line(run, file, spooler):
    result = run("print", "-P", "labels", file)
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "job 4711 on labels: accepted (box.zpl, 6 B)\n",
        "",
    )
    assert spooler.documents[4711] == b"^XA^XZ"


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

    spooler.accept = accept


@pytest.mark.parametrize(
    ("outcome", "state", "code", "words"),
    [
        (
            ledger_pb2.OUTCOME_PRINTED,
            job_pb2.JOB_STATE_COMPLETED,
            0,
            "completed; printed, acknowledged by the printer's connection",
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


def test_off_a_terminal_there_are_plain_lines_and_no_escapes(run, file, spooler):
    finish_soon(spooler, ledger_pb2.OUTCOME_PRINTED)
    for args in (("print", "-P", "labels", "--wait", file), ("jobs", "-a"), ("printers",), ("job", "4711")):
        result = run(*args)
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout + result.stderr
        assert "\r" not in result.stdout + result.stderr


def test_jobs_are_listed_newest_first(run, file, spooler):
    run("print", "-P", "labels", file)
    run("print", "-P", "receipts", file)
    lines = run("jobs").stdout.splitlines()
    assert lines[0].split()[:3] == ["JOB", "PRINTER", "STATE"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["4712", "receipts", "pending"],
        ["4711", "labels", "pending"],
    ]
    assert len(run("jobs", "-P", "labels").stdout.splitlines()) == 2
    assert [json.loads(line)["number"] for line in run("jobs", "--json").stdout.splitlines()] == [4712, 4711]
    assert run("--json", "jobs").stdout == run("jobs", "--json").stdout
    run("cancel", "4711")
    assert len(run("jobs").stdout.splitlines()) == 2
    assert len(run("jobs", "-a").stdout.splitlines()) == 3


def test_no_jobs_is_a_note_and_no_output(run):
    result = run("jobs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no jobs are waiting" in result.stderr


def test_a_name_from_a_stranger_cannot_steer_the_terminal(run, tmp_path, spooler):
    evil = "a\x1b[2Jb\x07\u202ec\nd"
    run("print", "-P", "labels", "-t", evil, stdin=b"x")
    for args in (("jobs",), ("job", "4711")):
        out = run(*args).stdout
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "a[2Jbc d" in out


def test_one_job_is_shown_with_its_attempts_and_its_history(run, file, spooler):
    run("print", "-P", "labels", file)
    attempt_of(spooler, 4711)
    out = run("job", 4711).stdout
    assert re.search(r"^state +pending$", out, re.MULTILINE)
    assert "edge-7/COM1:" in out
    assert "unknown for labels 9 to 10; the line broke" in out
    assert "900 B taken, labels 8 of 20" in out
    assert "accepted" in out
    shown = json.loads(run("job", 4711, "--json").stdout)
    assert shown["attempt_list"][0]["ledger"]["uncertain_units"] == {"first": 9, "last": 10}
    assert shown["events"][0]["kind"] == "accepted"


def test_jobs_are_steered(run, file, spooler):
    run("print", "-P", "labels", file)
    assert run("hold", 4711, "-r", "wrong roll").stdout == "job 4711 on labels: pending-held (wrong roll)\n"
    assert run("release", 4711).exit_code == 0
    assert run("move", 4711, "receipts").stdout.startswith("job 4711 on receipts: pending")
    assert run("restart", 4711, "--mark").exit_code == 0
    assert run("resume", 4711, "--at", 9).exit_code == 0
    assert run("resolve", 4711, "skip", "--units", "7-9").exit_code == 0
    assert (spooler.decisions[0].units.first, spooler.decisions[0].units.last) == (7, 9)
    assert json.loads(run("cancel", 4711, "--json").stdout)["state"] == "canceled"


def test_a_refusal_among_many_does_not_stop_the_others(run, file, spooler):
    run("print", "-P", "labels", file)
    result = run("cancel", 99, 4711)
    assert result.exit_code == 3
    assert result.stderr == "printfabric: there is no job 99\n"
    assert spooler.jobs[4711].state == job_pb2.JOB_STATE_CANCELED


def test_explaining_is_one_sentence_first(run, spooler):
    spooler.explanation.headline = "The printer is out of paper."
    spooler.explanation.loss = "Nothing is lost."
    spooler.explanation.actions.add(title="Load paper", command="printfabric release 4711")
    spooler.explanation.facts.add(text="paper out")
    assert run("explain", "4711").stdout.splitlines() == [
        "The printer is out of paper.",
        "Nothing is lost.",
        "",
        "What to do:",
        "  Load paper: printfabric release 4711",
        "",
        "Known:",
        "  paper out",
    ]
    assert spooler.explained == "jobs/4711"
    run("explain", "edge-7/COM1:")
    assert spooler.explained == "hosts/edge-7/ports/COM1:"
    assert json.loads(run("explain", "labels", "--json").stdout)["headline"] == "The printer is out of paper."
    assert run("explain", "-q", "labels").stdout == "The printer is out of paper.\nNothing is lost.\n"


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
    run("printers", "set", "bands", "--port", "edge-8/COM1:")
    shown = run("printers", "show", "bands").stdout
    assert re.search(r"^max backlog age +2 h$", shown, re.MULTILINE)
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


def test_ports_are_added_shown_and_configured(run, spooler, tmp_path):
    added = run("ports", "add", "edge-7/COM1:", "-m", "Local Port", "baud_rate=9600", "flow=none")
    assert added.stdout == "port edge-7/COM1:: added\n"
    assert run("ports", "add", "edge-7/com1:", "-m", "Local Port").exit_code == 4
    assert "edge-7/COM1:  ready" in run("ports").stdout
    settings = tmp_path / "settings.json"
    settings.write_text('{"baud_rate": 19200}')
    assert run("ports", "configure", "edge-7/COM1:", "--settings", settings).stdout.endswith("changed\n")
    assert run("ports", "configure", "edge-7/COM1:", "--settings", settings).stdout.endswith(
        "was so already\n"
    )
    wrong = run("ports", "configure", "edge-7/COM1:", "baud=nonsense")
    assert wrong.exit_code == 2
    assert "  /baud: is no number" in wrong.stderr
    spooler.ports["hosts/edge-7/ports/com1:"].status.add(condition=port_pb2.PORT_CONDITION_PAPER_OUT)
    assert re.search(r"^why +paper out$", run("ports", "show", "edge-7/COM1:").stdout, re.MULTILINE)
    assert run("ports", "delete", "edge-7/COM1:").exit_code == 0
    assert run("ports", "show", "COM1:").exit_code == 2


def test_hosts_are_listed(run, spooler):
    spooler.hosts.append(portpb.Host(name="hosts/edge-7", state=portpb.HOST_STATE_SILENT, error="no answer"))
    assert "edge-7  silent (no answer)" in run("hosts").stdout
    assert json.loads(run("hosts", "--json").stdout)["state"] == "silent"


def test_watching_jobs_ends_with_them(run, file, spooler):
    run("print", "-P", "labels", file)
    spooler.finish(4711)
    result = run("watch", 4711)
    assert (result.exit_code, result.stdout) == (
        0,
        "job 4711 on labels: completed; printed, acknowledged by the printer's connection\n",
    )
    assert run("watch", 99).exit_code == 3


def test_what_happens_is_told_in_lines():
    from printfabric_client.command.watch import lines_of

    change = wpb.WatchResponse(gap=True, deleted=["jobs/3"])
    change.ports.add(name="hosts/e/ports/COM1:", state=port_pb2.PORT_STATE_ERROR).status.add(text="no paper")
    change.hosts.add(name="hosts/e", state=portpb.HOST_STATE_ONLINE)
    change.printers.add(name="printers/labels", paused=True, pause_reason="lunch")
    change.jobs.add(name="jobs/1", number=1, printer="printers/labels", state=job_pb2.JOB_STATE_PROCESSING)
    assert list(lines_of(change)) == [
        "some changes were missed; what follows is how things are now",
        "job 1 on labels: processing",
        "printer labels: paused (lunch)",
        "port e/COM1:: error (no paper)",
        "host e: online",
        "jobs/3 was deleted",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (chassis.errors.AccessDenied("only administrators may do this"), 5),
        (chassis.errors.Unauthenticated("who are you"), 5),
        (chassis.errors.SpoolFull("the spool is full"), 9),
        (chassis.errors.WrongState("job 1 is printing"), 4),
        (chassis.errors.EtagMismatch("changed"), 4),
        (chassis.errors.DeviceOffline("off"), 6),
        (chassis.errors.InvalidArgument("wrong", fields=[("spec.copies", "too many")]), 2),
        (chassis.errors.NotBuiltYet("GetJob"), 1),
        (chassis.errors.Internal("a bug"), 1),
        (chassis.errors.DigestMismatch("other bytes"), 1),
    ],
    ids=lambda v: getattr(v, "reason", v),
)
def test_every_error_is_one_line_and_its_exit_code(run, spooler, error, code):
    spooler.faults.refuse = error
    result = run("cancel", "1")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith(f"printfabric: {error.message}")
    assert "Traceback" not in result.stderr
    told = json.loads(run("cancel", "1", "--json").stderr)["error"]
    assert (told["reason"], told["exit_code"], told["win32"]) == (error.reason, code, error.win32)


def test_a_traceback_is_shown_only_on_request(run, spooler):
    spooler.faults.refuse = chassis.errors.Internal("a bug")
    assert "Traceback" in run("--debug", "cancel", "1").stderr


def test_nobody_there_is_said_in_words(monkeypatch):
    monkeypatch.setenv("PRINTFABRIC_ADDRESS", "127.0.0.1:1")
    result = CliRunner().invoke(program, ["jobs"])
    assert result.exit_code == 6
    assert result.stderr.startswith(
        "printfabric: no spooler answers at 127.0.0.1:1; start one with `printfabric up`"
    )


def test_a_missing_file_is_said_in_words(run):
    result = run("print", "-P", "labels", "/nowhere/box.zpl")
    assert (result.exit_code, result.stderr) == (
        1,
        "printfabric: /nowhere/box.zpl: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["jobs", "--state", "nonsense"], "'nonsense' is not one of"),
        (["prnt"], "there is no command 'prnt'. Did you mean print?"),
        (["print", "--expire", "soon", "-"], "'soon' is no time; write 5min"),
        (["print", "-n", "0", "-"], "0 is not in the range"),
        (["print", "--attribute", "x", "-"], "'x' is not NAME=VALUE"),
        (["print", "--request-id", "a", "1", "2"], "--request-id names one print"),
        (["resume", "1"], "say where: --at 9"),
        (["resolve", "1", "skip", "--units", "9-7"], "is no range"),
        (["--address", "http://x", "jobs"], "http:// is not spoken here"),
        (["ports", "add", "e/COM1:", "-m", "Local Port", "baud"], "'baud' is not NAME=VALUE"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(run, args, words):
    result = run(*args)
    assert result.exit_code == 2
    assert words in result.stderr


def commands() -> list[list[str]]:
    found = [[]]
    for name in _COMMANDS:
        found.append([name])
        command = program.get_command(None, name)
        found += [[name, sub] for sub in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("args", commands(), ids=" ".join)
def test_every_command_explains_itself(args):
    result = CliRunner().invoke(program, [*args, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.stdout
    assert len(result.stdout.splitlines()) > 4
    assert CliRunner().invoke(program, [*args, "-h"]).stdout == result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed_for_any_shell(shell):
    result = CliRunner().invoke(program, ["completion", shell])
    assert result.exit_code == 0
    assert f"_PRINTFABRIC_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("printfabric ca", {"cancel"}),
        ("printfabric print -P ", {"labels", "receipts"}),
        ("printfabric printers show la", {"labels"}),
        ("printfabric cancel ", {"4711"}),
    ],
)
def test_a_shell_completes_commands_printers_and_jobs(run, file, words, expected):
    run("print", "-P", "labels", file)
    env = {
        "_PRINTFABRIC_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    result = CliRunner(env=env).invoke(
        program, [], prog_name="printfabric", complete_var="_PRINTFABRIC_COMPLETE"
    )
    assert {line.partition(",")[2] for line in result.stdout.splitlines()} >= expected


def test_completion_without_a_fabric_is_quiet_and_quick(monkeypatch):
    monkeypatch.setenv("PRINTFABRIC_ADDRESS", "127.0.0.1:1")
    env = {"_PRINTFABRIC_COMPLETE": "bash_complete", "COMP_WORDS": "printfabric print -P ", "COMP_CWORD": "3"}
    result = CliRunner(env=env).invoke(
        program, [], prog_name="printfabric", complete_var="_PRINTFABRIC_COMPLETE"
    )
    assert (result.stdout, result.stderr) == ("", "")


def test_the_version_is_told(run):
    assert run("version").stdout.startswith("print-fabric ")
    assert set(json.loads(run("version", "--json").stdout)) == {"print_fabric", "grpcio", "python"}
