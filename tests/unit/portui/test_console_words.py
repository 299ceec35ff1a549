"""Words, rows, problems, ladders and decisions: what the console says, without a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portui.fabric_watch import Change
from portui.live import Live
from portui.model import Host, Job, JobState, Outcome, Port, PortState, Printer, Proof, Report, Source, Units
from portui.model_answers import Explanation, Moment, Suggestion
from portui.web import actions, coming_out, pages_wire, problems, samples, security, shown, story, words
from portui.web.rendering import back

NOW = datetime(2026, 11, 21, 10, 42, tzinfo=UTC)


class Nothing:
    async def changes(self) -> AsyncIterator[Change]:
        nothing: tuple[Change, ...] = ()
        for change in nothing:
            yield change


def port(name: str, state: PortState = PortState.READY, host: str = "edge", text: str = "") -> Port:
    reports = (Report(text, "error", "printer", NOW),) if text else ()
    return Port(host, name, "Local Port", "Serial port", state, reports=reports)


def job(number: int = 1, state: JobState = JobState.PENDING, outcome: Outcome = Outcome.PENDING) -> Job:
    return Job(number, "labels", "Pallet tags", "me", 1000, state, outcome, created=NOW)


def live(*ports: Port, hosts: tuple[Host, ...] = (), queued: int = 0, jobs: tuple[Job, ...] = ()) -> Live:
    found = Live(Nothing())
    keys = tuple(one.key for one in ports)
    hosts = hosts or (Host("edge", "online"),)
    found.apply(
        Change(
            begins=True,
            ports=ports,
            printers=(Printer("labels", keys, queued=queued),),
            hosts=hosts,
            jobs=jobs,
        )
    )
    return found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.84, "0.8 s"),
        (59, "59 s"),
        (252, "4 min 12 s"),
        (1860, "31 min"),
        (11100, "3 h 5 min"),
        (90000, "1 d"),
    ],
)
def test_a_time_span_is_said_by_its_largest_parts(seconds: float, text: str):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (48_211, "48.2 kB"), (172_500, "172 kB"), (3e6, "3.0 MB")]
)
def test_bytes_are_said_with_three_digits(count: float, text: str):
    assert words.size(count) == text


def test_faults_come_first_and_filters_find_by_any_word():
    found = live(
        port("COM1:"), port("COM2:", PortState.ERROR, text="Head open"), port("LPT1:", PortState.PAUSED)
    )

    assert [row.port.port for row in shown.port_rows(found, found.fleet.ports.values())] == [
        "COM2:",
        "LPT1:",
        "COM1:",
    ]
    assert [one.port for one in shown.matching(found.fleet.ports.values(), "", "head EDGE")] == ["COM2:"]
    assert [one.port for one in shown.matching(found.fleet.ports.values(), "faults", "")] == ["COM2:"]


def test_a_silent_host_is_one_problem_and_not_one_for_each_port():
    ports = [port(f"COM{number}:", PortState.OFFLINE) for number in range(1, 10)]
    found = problems.problems(live(*ports, hosts=(Host("edge", "silent", last_seen=NOW),), queued=31))

    assert [(one.subject, one.jobs) for one in found] == [("edge", 31)]
    assert "9 ports" in found[0].sentence


def test_jobs_that_wait_for_a_decision_are_a_problem_of_their_printer():
    jobs = (job(1, JobState.HELD, Outcome.UNKNOWN), job(2, JobState.HELD, Outcome.UNKNOWN))
    (found,) = problems.problems(live(port("COM1:"), jobs=jobs))

    assert (found.subject, found.path) == ("2 jobs on labels", "/jobs?show=decide&printer=labels")


def test_a_spark_line_has_a_point_for_each_second_within_its_frame():
    points = [tuple(map(float, pair.split(","))) for pair in shown.spark([0, 50, 100]).split()]

    assert [x for x, _y in points] == [0, 60, 120]
    assert all(0 <= y <= 24 for _x, y in points)


def test_the_ladder_says_where_it_stops():
    stuck = port("COM3:", PortState.ERROR, text="Out of labels")
    rungs = {rung.title: rung for rung in story.ladder(stuck, Host("edge", "online"), job(), NOW)}

    assert rungs["Host edge"].tone == "ready"
    assert (rungs["Printer ready"].tone, rungs["Printer ready"].fact) == ("error", "Out of labels")
    assert rungs["Printed"].tone == "off"


@pytest.mark.parametrize(
    ("said_after_s", "state", "text"), [(-60, "Unknown", "before that: ready, calm"), (60, "Ready", "calm")]
)
def test_what_a_printer_said_before_its_line_died_is_not_shown_as_live(
    said_after_s: int, state: str, text: str
):
    line = Source("transport", PortState.OFFLINE, "does not answer", NOW)
    printer = Source("printer", PortState.READY, "calm", NOW + timedelta(seconds=said_after_s))
    shown_ = shown.sources(replace(port("IP_7", PortState.OFFLINE), sources=(line, printer)))
    assert [(who, word.word, words_) for who, word, words_, _time in shown_] == [
        ("Connection", "Offline", "does not answer"),
        ("Printer", state, text),
    ]


def test_a_connection_with_a_document_on_it_is_connected_and_only_the_printer_says_that_it_prints():
    both = tuple(Source(who, PortState.PRINTING, "", NOW) for who in ("transport", "printer"))
    shown_ = shown.sources(replace(port("IP_7", PortState.PRINTING), sources=both))
    assert [word.word for _who, word, _words, _time in shown_] == ["Connected", "Printing"]


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (Units("label", 12, 12, 7), "7 of 12 labels received by the printer's side, 12 sent"),
        (Units("label", 12, 12, 9, 7), "9 of 12 labels received by the printer's side, 12 sent, 7 confirmed by the printer"),
        (Units("document", 1), "600 of 1,000 bytes received by the printer's side, 1,000 sent"),
        (Units(), "600 of 1,000 bytes received by the printer's side, 1,000 sent"),
    ],
)  # fmt: skip
def test_how_far_a_document_is_stands_in_one_line_in_units_where_they_are_counted(units: Units, text: str):
    half = replace(job(state=JobState.PROCESSING), proof=Proof(accepted=1000, acked=600, units=units))
    assert words.progress(half) == text


def test_why_a_job_waits_for_a_decision_is_said_without_naming_its_port_again():
    broken = replace(job(state=JobState.HELD), port="edge/COM1:", error="port COM1: connection broke")
    undecided = replace(broken, outcome=Outcome.UNKNOWN)
    assert story.cause(undecided) == "connection broke"
    assert story.cause(broken) == ""


def test_what_is_uncertain_is_said_in_units_where_they_are_counted():
    proof = Proof(units=Units("label", 20), uncertain=(100, 200), uncertain_units=(5, 20))
    undecided = replace(job(1, JobState.HELD, Outcome.UNKNOWN), proof=proof)

    assert story.uncertain(undecided) == "labels 5 to 20"
    assert (
        story.uncertain(replace(undecided, proof=replace(proof, uncertain_units=None))) == "bytes 100 to 199"
    )
    assert coming_out.uncertain_units(undecided) == list(range(5, 21))


def test_a_decision_covers_each_uncertain_unit_once_in_runs():
    found = coming_out.runs({5: "skip", 6: "reprint", 7: "reprint", 8: "skip", 9: "skip"})

    assert found == [(5, 5, "skip"), (6, 7, "reprint"), (8, 9, "skip")]


def test_a_job_behind_others_is_put_first_with_one_button():
    ahead = Explanation(
        "jobs-ahead",
        "Third in line.",
        "Nothing is lost.",
        (Suggestion("Move up", "PrintService/UpdateJob", ""),),
    )
    (button,) = actions.buttons_of_job(ahead, job(7))
    assert (button.path, dict(button.fields)) == ("/printers/labels/order", {"do": "first", "job": "7"})


def test_jobs_that_wait_for_a_decision_are_one_click_away_the_oldest_first_and_not_all():
    def held(number: int, title: str = "") -> Job:
        return replace(job(number, JobState.HELD, Outcome.UNKNOWN), title=title)

    found = actions.decisions([held(9), held(7), job(1), held(5), held(3), held(2, "strip.zpl")])
    assert [(one.title, one.path) for one in found] == [
        ("Decide about strip.zpl", "/jobs/2"),
        ("Decide about job 3", "/jobs/3"),
        ("Decide about job 5", "/jobs/5"),
    ]
    assert not any(one.fields for one in found), "a page to go to, and nothing done"


@pytest.mark.parametrize(
    ("level", "word"),
    [("confirmed", "Printed"), ("acked", "Handed over"), ("accepted", "Handed over"), ("", "Ended")],
)
def test_printed_is_said_only_of_what_the_printer_confirmed(level: str, word: str):
    one = replace(job(7, JobState.COMPLETED, Outcome.PRINTED), proof=Proof(level=level))
    assert words.job_state(one).word == word
    assert story.timeline(one, ())[-1].title == word.lower()


def test_what_somebody_decided_to_have_come_out_is_not_said_to_be_proven():
    assert words.proven(Proof(level="none"), printed=True) == "decided so: nothing proved it"
    assert words.proven(Proof(level="none")) == "nothing yet"
    assert words.proven(Proof(level="confirmed"), printed=True) == "confirmed by the printer"
    answered = "its end answered by the printer, whose restart before that could not be seen"
    assert words.proven(Proof(level="acked", answered=True), printed=True) == answered


def test_a_moment_on_a_serial_line_lights_its_lamps_and_one_that_tells_none_leaves_them():
    opened = Moment(NOW, "event", b"", ("OpenPort",), ("RTS", "DTR", "CTS"))
    assert pages_wire.lamps(opened) == {
        "RTS": "on",
        "CTS": "on",
        "DTR": "on",
        "DSR": "off",
        "DCD": "off",
        "RI": "off",
    }
    assert pages_wire.lamps(Moment(NOW, "event", b"", ("OpenPort",))) == {}
    assert pages_wire.lamps(Moment(NOW, "in", b"\x11")).keys() == {"RX"}


def test_the_wire_shows_sixteen_bytes_a_line_with_the_meaning_at_the_last():
    found = list(pages_wire.lines(Moment(NOW, "out", b"^XA^FO40,30^A0N,40", ("label 17",))))

    assert [kind for kind, _line, _note in found] == ["out", "out"]
    assert found[0][1].endswith("^XA^FO40,30^A0N,")
    assert [note for _kind, _line, note in found] == ["", "label 17"]


@pytest.mark.parametrize(
    ("format_", "kind", "end"),
    [
        ("application/vnd.zebra-zpl", "label", b"^XZ\n"),
        ("application/vnd.escpos", "receipt", b"\x1dVA\x03"),
        ("", "page", b"\f"),
    ],
)
def test_a_test_page_is_in_the_printers_language(format_: str, kind: str, end: bytes):
    content, found = samples.document(format_, "lab^XZels\n", NOW)

    assert found == kind
    assert content.endswith(end)
    assert content.count(b"^XZ") <= 1


@pytest.mark.parametrize("host", ["127.0.0.1:26154", "localhost", "[::1]:80"])
def test_this_machine_has_three_names(host: str):
    assert security.names_loopback(host)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "10.0.0.7"])
def test_no_other_name_is_this_machines(host: str):
    assert not security.names_loopback(host)


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil", "javascript:1", "/a\nb", ""]
)
def test_nobody_is_led_away_from_the_console(target: str):
    assert back(target) == "/"
