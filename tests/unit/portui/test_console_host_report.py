"""A host's page: what happened at its ports, the latest first, and a report that can be copied into a ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

from chassis.errors import HostUnreachable
from portui.model import Host, PortState, Report
from portui.model_answers import Event
from portui.web import happenings, host_report
from tests.unit.portui.page_rig import Answers, console_over, page_of
from tests.unit.portui.test_console_words import live, port

NOW = datetime.now(UTC)
HOST = Host("edge", "silent", "10.0.0.7:26150", "1.4.2", NOW, error="no route")
OUT = replace(port("COM2:", PortState.ERROR), reports=(Report("Out of labels", "error", "printer", NOW),))


class Ports(Answers):
    """Two ports that have a past, and one that cannot be asked."""

    async def history(self, name: str, _size: int = 0) -> list[Event]:
        if name.endswith("GONE"):
            raise HostUnreachable("gone")
        ago = timedelta(minutes=1 if name.endswith("COM2:") else 2)
        return [Event(NOW - ago, "paused", "ann", f"paper at {name[-5:]}")]


async def test_what_happened_at_all_ports_is_one_list_with_the_latest_first():
    ports = [port("COM1:", PortState.READY), port("GONE", PortState.OFFLINE), OUT]
    found = happenings.rows([], await host_report.recent(Ports(), ports))  # type: ignore[arg-type]
    assert [(one.name, one.path, one.text) for one in found] == [
        ("edge/COM2:", "/hosts/edge/ports/COM2:", "paper at COM2:"),
        ("edge/COM1:", "/hosts/edge/ports/COM1:", "paper at COM1:"),
    ]


async def test_the_page_has_the_list_and_a_report_with_every_port_the_worst_first():
    page = unescape(
        await page_of(
            console_over(live(port("COM1:", PortState.READY), OUT, hosts=(HOST,)), Ports()), "/hosts/edge"
        )
    )
    report = page.partition('<pre id="report" hidden>')[2].partition("</pre>")[0]
    assert "**Host edge**: Silent: no route" in report
    assert "port monitor 1.4.2, 10.0.0.7:26150" in report
    assert report.index("edge/COM2:: Error, Out of labels") < report.index("edge/COM1:: Ready")
    lately = page.partition('data-part="lately"')[2]
    assert lately.index("paper at COM2:") < lately.index("paper at COM1:")
