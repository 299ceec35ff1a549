"""The rules of alerts: every problem is one by a rule that is shown, and the page counts them."""

from __future__ import annotations

from collections import Counter

import pytest

from portui.model import FAULTS, Host, JobState, Outcome, PortState
from portui.web.problems import Kind, problems
from portui.web.rules import RULES, counted
from tests.unit.portui.test_console_words import job, live, port


def test_each_kind_of_problem_has_one_rule_with_its_words_its_source_and_a_page():
    assert Counter(rule.kind for rule in RULES) == Counter(Kind)
    assert all(rule.words.endswith(".") and "Until" in rule.words for rule in RULES)
    assert all(rule.source and rule.path.startswith("/") for rule in RULES)


@pytest.mark.parametrize("state", FAULTS)
def test_a_port_in_trouble_counts_for_the_rule_of_its_state(state: PortState):
    found = {rule.kind: count for rule, count in counted(problems(live(port("COM1:", state))))}
    assert found == dict.fromkeys(Kind, 0) | {Kind(state): 1}


def test_a_silent_host_and_jobs_to_decide_about_count_for_theirs():
    jobs = (job(1, JobState.HELD, Outcome.UNKNOWN), job(2, JobState.HELD, Outcome.UNKNOWN))
    now = live(port("COM1:", PortState.OFFLINE), hosts=(Host("edge", "silent"),), jobs=jobs)
    found = {rule.kind: count for rule, count in counted(problems(now)) if count}
    assert found == {Kind.SILENT: 1, Kind.DECIDE: 1}
