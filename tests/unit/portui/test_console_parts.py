"""The parts of a page that are drawn anew while it is open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files

import jinja2
import pytest
from jinja2 import nodes

from portui.model import Job, JobState, Outcome
from tests.unit.portui.job_desk import Desk, Jobs

_TEMPLATES = files("portui.web") / "templates"
_NAMES = sorted(one.name for one in _TEMPLATES.iterdir() if one.name.endswith(".html"))


def parts(found: Iterable[nodes.Node]) -> set[str]:
    """Return the parts that stand in pieces of a template."""
    text = "".join(data.data for one in found for data in one.find_all(nodes.TemplateData))
    return set(re.findall(r'data-part="([\w-]+)"', text))


@pytest.mark.parametrize("name", _NAMES)
def test_a_part_has_its_place_on_the_page_also_while_there_is_nothing_in_it(name: str):
    for one in jinja2.Environment().parse((_TEMPLATES / name).read_text("utf-8")).find_all(nodes.If):
        ways = [one.body, *(other.body for other in one.elif_), one.else_]
        assert all(parts(way) == parts(ways[0]) for way in ways), f"line {one.lineno}: it could never appear"


async def test_a_job_that_prints_has_the_empty_place_of_its_decision():
    printing = Job(7, "labels", "Pallet tags", "me", 2000, JobState.PROCESSING, Outcome.PENDING, attempts=1)
    answer = await Desk(Jobs(printing)).get("/jobs/7")
    assert '<div data-part="decide"></div>' in answer.text
