"""A job's page shows what came out of it, where a simulated printer drew it: its own paper, and not the next job's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portui.model import Job, JobState, Outcome, PortState, Proof
from portui.model_answers import Attempt
from portui.simulated import Simulators
from portui.web.pages_paper import of_attempt
from portui.web.rendering import Console
from tests.unit.portui.job_desk import Desk, Jobs
from tests.unit.portui.page_rig import Answers, console_over
from tests.unit.portui.test_console_words import live, port

BEGAN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ATTEMPT = Attempt(
    1, 1, "edge/COM1:", BEGAN, BEGAN + timedelta(seconds=10), Outcome.PRINTED, Proof(accepted=9, acked=9)
)
JOB = Job(7, "labels", "Pallet tags", "me", 9, JobState.COMPLETED, Outcome.PRINTED, port="edge/COM1:")


class Drawn(Simulators):
    """Simulators whose control says that one hangs at a device, and what it drew how many seconds after `BEGAN`."""

    def __init__(self, device: str, seconds: list[float]) -> None:
        super().__init__("http://127.0.0.1:1")
        self._device, self._seconds = device, seconds

    async def _asked(self, method: str, path: str, body: bytes | None = None) -> bytes:
        if path == "/printers":
            row = {"name": "zebra", "address": {"pty": self._device}, "printed": len(self._seconds)}
            return json.dumps({"printers": [row]}).encode()
        units = [
            {"unit": number, "kind": "label", "outcome": "printed", "time": BEGAN.timestamp() + after}
            for number, after in enumerate(self._seconds, 1)
        ]
        return json.dumps({"units": units}).encode()


DRAWN = Drawn("10.0.0.7:9100", [4])


def console(*seconds: float, next_began: float | None = None) -> Console:
    found = live(replace(port("COM1:", PortState.READY), device="10.0.0.7:9100"))
    if next_began is not None:
        started = BEGAN + timedelta(seconds=next_began)
        found.fleet.jobs[8] = replace(JOB, number=8, started=started)
    made = console_over(found, Answers())
    made.simulators = Drawn("10.0.0.7:9100", list(seconds))
    return made


@pytest.mark.parametrize(("next_began", "numbers"), [(None, [3, 2]), (11.0, [2]), (90.0, [3, 2])])
async def test_what_came_out_between_a_job_s_begin_and_the_next_one_s_is_its_own(
    next_began: float | None, numbers: list[int]
):
    seen = await of_attempt(console(-5, 4, 12, 60, next_began=next_began), ATTEMPT)
    assert [one.number for one in seen.paper] == numbers


async def test_an_attempt_that_goes_on_shows_all_since_it_began():
    seen = await of_attempt(console(-5, 4, 60), replace(ATTEMPT, ended=None))
    assert [one.number for one in seen.paper] == [3, 2]


async def test_a_job_that_was_never_sent_or_whose_port_is_gone_or_real_has_no_picture():
    made = console(4)
    for attempt in (None, replace(ATTEMPT, started=None), replace(ATTEMPT, port="edge/GONE")):
        assert (await of_attempt(made, attempt)).simulator is None
    made.simulators = Drawn("10.0.0.8:9100", [4])
    assert (await of_attempt(made, ATTEMPT)).simulator is None


async def test_the_page_of_a_job_holds_its_pictures():
    class Sent(Jobs):
        async def attempts(self, number: int) -> list[Attempt]:
            return [ATTEMPT]

    desk = Desk(Sent(JOB))
    desk.app.state.console = replace(desk.app.state.console, live=console().live, simulators=DRAWN)
    page = (await desk.get("/jobs/7")).text
    assert "What came out" in page
    assert 'src="/paper/zebra/1"' in page
