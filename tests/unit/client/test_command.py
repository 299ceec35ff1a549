"""Looking and steering as a script sees it: lines, JSON, exit codes."""

import json
import re

import pytest

from printfabric.spooler.v1 import port_service_pb2 as portpb
from printfabric.spooler.v1 import watch_service_pb2 as wpb
from printfabric.types.v1 import job_pb2, ledger_pb2, port_pb2
from printfabric_client.command import words
from printfabric_client.command.ports import settings_rows
from printfabric_client.command.watch import lines_of
from tests.unit.client.fake_spooler import FakeSpooler


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


def test_examples_in_a_commands_help_keep_their_lines(run):
    text = run("print", "--help").stdout
    assert "\\b" not in text
    assert "\n  printfabric print -P labels box.zpl\n" in text


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
    assert "900 B taken, 8 of 20 labels acknowledged" in out
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
    assert run("resolve", 4711, "skip=7", "reprint=8-9").exit_code == 0
    assert [(one.decision, one.units.first, one.units.last) for one in spooler.decisions] == [
        (1, 7, 7),
        (2, 8, 9),
    ]
    assert json.loads(run("cancel", 4711, "--json").stdout)["state"] == "canceled"


@pytest.mark.parametrize(
    "words",
    [
        ("jump",),
        ("skip=0",),
        ("skip=9-7",),
        ("skip=",),
        (),
        ("skip=7", "--units", "8"),
        ("skip", "reprint", "--units", "8"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_with_its_form(run, words):
    assert run("resolve", 4711, *words).exit_code == 2


def test_units_are_printed_again_under_an_id(run, file, spooler):
    run("print", "-P", "labels", file)
    assert run("reprint", 4711, "3-4", "20", "--request-id", "again-1").exit_code == 0
    request = spooler.reprints[0]
    assert [(one.first, one.last) for one in request.units] == [(3, 4), (20, 20)]
    assert request.request_id == "again-1"


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


def test_ports_are_added_shown_and_configured(run, spooler, tmp_path):
    added = run("ports", "add", "edge-7/COM1:", "-m", "Local Port", "baud=9600", "flow=none")
    assert added.stdout == "port edge-7/COM1: added\n"
    assert run("ports", "add", "edge-7/com1:", "-m", "Local Port").exit_code == 4
    assert "edge-7/COM1:  ready" in run("ports").stdout
    settings = tmp_path / "settings.json"
    settings.write_text('{"baud": 19200}')
    assert run("ports", "configure", "edge-7/COM1:", "--settings", settings).stdout.endswith("changed\n")
    assert run("ports", "configure", "edge-7/COM1:", "--settings", settings).stdout.endswith(
        "was so already\n"
    )
    wrong = run("ports", "configure", "edge-7/COM1:", "baud=nonsense")
    assert wrong.exit_code == 2
    assert "  /baud: is no number" in wrong.stderr
    spooler.ports["hosts/edge-7/ports/com1:"].status.add(condition=port_pb2.PORT_CONDITION_PAPER_OUT)
    assert re.search(r"^why +paper out$", run("ports", "show", "edge-7/COM1:").stdout, re.MULTILINE)
    spooler.ports["hosts/edge-7/ports/com1:"].managed_by = "kubernetes:print/com-1"
    shown = run("ports", "show", "edge-7/COM1:").stdout
    assert re.search(r"^declared by +kubernetes:print/com-1$", shown, re.MULTILINE)
    assert run("ports", "delete", "edge-7/COM1:").exit_code == 0
    assert run("ports", "show", "COM1:").exit_code == 2


def test_a_check_fails_with_a_sentence_when_hosts_are_silent_or_too_few(run, spooler):
    none = run("check")
    assert (none.exit_code, none.stderr) == (6, "printfabric: 0 hosts answer, 1 are expected\n")
    assert run("check", "--hosts", "0").exit_code == 0
    spooler.hosts.append(portpb.Host(name="hosts/edge-7", state=portpb.HOST_STATE_ONLINE))
    spooler.ports["hosts/edge-7/ports/com1:"] = port_pb2.Port(name="hosts/edge-7/ports/COM1:")
    well = run("check")
    assert well.exit_code == 0
    assert "edge-7  online  COM1:" in well.stdout
    assert json.loads(run("check", "--json").stdout)["port_names"] == ["COM1:"]
    assert run("check", "--hosts", "2").exit_code == 6
    spooler.hosts.append(portpb.Host(name="hosts/edge-8", state=portpb.HOST_STATE_SILENT, error="no answer"))
    silent = run("check", "--hosts", "0")
    assert silent.exit_code == 6
    assert "1 of 2 hosts do not answer: edge-8 (no answer)" in silent.stderr
    assert "edge-8  silent  -" in silent.stdout


def test_a_check_waits_for_hosts_as_long_as_it_is_told(run, spooler):
    spooler.hosts.append(portpb.Host(name="hosts/edge-7", state=portpb.HOST_STATE_ONLINE))
    spooler.mute_hosts = 1
    assert run("check").exit_code == 6
    spooler.mute_hosts = 1
    assert run("check", "--within", "60").exit_code == 0


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
        "job 4711 on labels: completed; handed over, acknowledged by the printer's connection, the printer did not say\n",
    )
    assert run("watch", 99).exit_code == 3


def test_what_happens_is_told_in_lines():
    change = wpb.WatchResponse(gap=True, deleted=["jobs/3"])
    change.ports.add(name="hosts/e/ports/COM1:", state=port_pb2.PORT_STATE_ERROR).status.add(text="no paper")
    change.hosts.add(name="hosts/e", state=portpb.HOST_STATE_ONLINE)
    change.printers.add(name="printers/labels", paused=True, pause_reason="lunch")
    change.jobs.add(name="jobs/1", number=1, printer="printers/labels", state=job_pb2.JOB_STATE_PROCESSING)
    assert list(lines_of(change)) == [
        "some changes were missed; what follows is how things are now",
        "job 1 on labels: processing",
        "printer labels: paused (lunch)",
        "port e/COM1: error (no paper)",
        "host e: online",
        "jobs/3 was deleted",
    ]


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        (b'{"settings": {"baud": 9600, "flow": "none"}, "revision": "a1"}', [("baud", "9600"), ("flow", "none"), ("revision", "a1")]),
        (b'{"settings": {"x": "\\u001b[31m"}, "revision": "a1"}', [("x", "[31m"), ("revision", "a1")]),
        (b"not json", [("settings", "")]),
        (b'{"settings": 7, "revision": 1}', [("settings", "")]),
        (b"", [("settings", "")]),
    ],
)  # fmt: skip
def test_a_ports_settings_are_shown_one_a_line_and_hostile_ones_without_harm(document, rows):
    assert settings_rows(document) == rows


def test_a_name_that_ends_with_a_colon_brings_its_own():
    assert words.before("edge-7/COM1:") == "edge-7/COM1:"
    assert words.before("edge-7/IP_1") == "edge-7/IP_1:"
