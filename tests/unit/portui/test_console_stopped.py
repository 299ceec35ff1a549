"""A printer that has a document and takes nothing more: it needs somebody, and its check is not green."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portui.fabric_watch import Change
from portui.model import Host, JobState, PortState, Proof
from portui.model_answers import Explanation
from portui.web import problems, story
from tests.unit.portui.test_console_words import NOW, job, live, port


@pytest.mark.parametrize(
    ("verdict", "title"),
    [("stalled", "Printer ready"), ("no-connection", "Port openable"), ("host-silent", "Host edge")],
)
def test_the_check_that_the_spooler_says_has_failed_is_not_green(verdict: str, title: str):
    printing, said = port("COM3:", PortState.PRINTING), Explanation(verdict, "It takes nothing more.", "")
    well = {rung.title: rung for rung in story.ladder(printing, Host("edge", "online"), job(), NOW)}
    ill = {rung.title: rung for rung in story.ladder(printing, Host("edge", "online"), job(), NOW, said)}

    assert [name for name in well if well[name] != ill[name]] == [title]
    assert (well[title].tone, ill[title].fact) == ("ready", "It takes nothing more.")
    assert ill[title].tone in ("attention", "error")


@pytest.mark.parametrize(
    ("accepted", "acked", "still_s", "found"),
    [
        (1000, 400, 5, 0),
        (1000, 400, 6, 1),
        (600, 0, 6, 1),
        (1000, 1000, 6, 0),  # all of it is there: the paper takes its time
        (1000, 1000, 61, 1),
    ],
)
def test_a_printer_that_takes_nothing_more_needs_somebody(
    accepted: int, acked: int, still_s: int, found: int
):
    stuck = replace(
        job(1, JobState.PROCESSING), port="edge/COM1:", proof=Proof(accepted=accepted, acked=acked)
    )
    now = live(port("COM1:"), jobs=(stuck,))
    for _second in range(still_s + 1):  # in the first it was heard of
        now.pulses["edge/COM1:"].tick(0.0, 1.0)

    seen = problems.problems(now)
    assert len(seen) == found
    assert all(one.state.tone == "attention" and one.name == "hosts/edge/ports/COM1:" for one in seen)


def test_a_printer_of_which_something_is_heard_has_not_stopped():
    going = replace(job(1, JobState.PROCESSING), port="edge/COM1:", proof=Proof(accepted=100))
    now = live(port("COM1:"), jobs=(going,))
    for second in range(20):
        now.apply(Change(jobs=(replace(going, proof=Proof(accepted=100 + second)),)))
        now.pulses["edge/COM1:"].tick(0.0, 1.0)

    assert problems.problems(now) == []
