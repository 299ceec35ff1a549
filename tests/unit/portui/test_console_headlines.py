"""What lists say of a problem is the spooler's own sentence, asked for once while nothing changes."""

from __future__ import annotations

from typing import cast

from chassis.errors import HostUnreachable
from portui.fabric_print import Printing
from portui.fabric_watch import Change
from portui.model import Host, Port, PortState, Report
from portui.model_answers import Explanation
from portui.web.headlines import Headlines
from portui.web.problems import problems
from tests.unit.portui.test_console_words import live

BROKEN = Port(
    "edge",
    "COM1:",
    "Local Port",
    "Serial port",
    PortState.ERROR,
    reports=(Report("paper out", "error", "printer"),),
)


class Spooler:
    """Answers as the spooler does, and counts the questions."""

    def __init__(self, answer: Explanation | None) -> None:
        self.answer, self.asked = answer, 0

    async def explain(self, name: str) -> Explanation:
        self.asked += 1
        assert name == "hosts/edge/ports/COM1:"
        if self.answer is None:
            raise HostUnreachable("gone")
        return self.answer


async def test_a_list_says_what_explain_says_and_asks_again_only_when_something_changed():
    now = live(BROKEN)
    spooler = Spooler(Explanation("printer-says", "Out of labels.", "Nothing is lost."))
    headlines = Headlines(now, cast("Printing", spooler))
    for _ in range(3):
        (found,) = await headlines.told(problems(now))
        assert found.sentence == "Out of labels. Nothing is lost."
    assert spooler.asked == 1
    now.apply(Change(hosts=(Host("other", "online"),)))
    await headlines.told(problems(now))
    assert spooler.asked == 2


async def test_without_the_spooler_and_where_it_sees_nothing_wrong_the_ports_own_words_stay():
    now = live(BROKEN)
    for answer in (
        None,
        Explanation("fine", "Nothing is wrong: a document is on the way.", "Nothing is lost."),
    ):
        (found,) = await Headlines(now, cast("Printing", Spooler(answer))).told(problems(now))
        assert found.sentence == "paper out."
