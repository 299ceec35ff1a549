"""Who says what an explanation rests on: what only the spooler knows, no host has said; and what a printer needs soon."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from spooler.explain.facts import Explanation, Report, Source, UploadFacts, Verdict
from spooler.explain.jobs import explain_job, explain_printer, explain_upload
from spooler.explain.ports import explain_port
from spooler.job_state import JobState
from spooler.ledger import Outcome
from tests.unit.spooler.test_explain import JOB, NOW, PORT, PRINTER, facts, failed, port

LOW = Report(10, 2, "Ribbon is low: 8 % left", Source.PRINTER, NOW - timedelta(minutes=4))


def sources(answer: Explanation) -> dict[str, Source]:
    return {fact.text: fact.source for fact in answer.facts}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (explain_job(facts()), "job 4711 is safe on the spooler's disk"),
        (explain_job(facts(printer=None)), "there is no printer labels here"),
        (explain_job(facts(printer=replace(PRINTER, ports=()))), "labels has no port"),
        (explain_port(port(host_state="silent"), NOW), "host edge-7 is silent"),
        (explain_port(port(host_state=""), NOW), "no host edge-7 is known here"),
        (explain_port(failed("DEVICE_FAULT", 29), NOW), "it is tried again in 12 s"),
        (explain_upload(UploadFacts("order-8", 9, NOW, NOW)), "9 bytes of upload order-8 are here"),
    ],
)
def test_what_only_the_spooler_knows_is_the_spoolers_word(answer: Explanation, text: str):
    assert sources(answer)[text] is Source.SPOOLER


def test_that_nothing_left_the_spool_is_the_spoolers_word_too():
    ended = replace(JOB, state=JobState.COMPLETED, outcome=Outcome.PRINTED, ended_at=NOW)
    assert sources(explain_job(facts(job=ended)))["nothing left the spool"] is Source.SPOOLER


def test_a_port_whose_printer_runs_low_prints_and_says_so_with_since_when():
    answer = explain_port(port(reports=(LOW,)), NOW)
    assert answer.verdict is Verdict.FINE
    assert str(answer.headline) == "edge-7/COM1: prints, and will need somebody soon."
    (first, *_) = answer.facts
    assert first == (f"{PORT.before} Ribbon is low: 8 % left", Source.PRINTER, LOW.at)


def test_a_printer_at_rest_tells_what_its_ports_will_need():
    answer = explain_printer(PRINTER, (port(reports=(LOW,)),), 0, (), None, NOW)
    assert sources(answer) == {f"{PORT.before} Ribbon is low: 8 % left": Source.PRINTER}


@pytest.mark.parametrize("change", [{"condition": 11}, {"severity": 3}, {"source": Source.OPERATOR}])
def test_what_passes_by_itself_a_remark_and_a_persons_word_are_not_what_it_needs(change: dict[str, Any]):
    answer = explain_port(port(reports=(LOW._replace(**change),)), NOW)
    assert str(answer.headline) == "Nothing is wrong: edge-7/COM1: is ready."
