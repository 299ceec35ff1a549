"""Settings: one row for each monitor and one line for each value of a rule, however many hosts and printers there are."""

from __future__ import annotations

from typing import Self

from chassis.errors import HostUnreachable
from portui.model import Printer
from portui.model_answers import Monitor
from portui.web import monitor_rows
from tests.unit.portui.page_rig import Answers, console_over, page_of
from tests.unit.portui.test_console_words import live

FOUND = [
    Monitor("dock", "Serial Port", ("OPEN_PORT", "XCV"), "1.1"),
    Monitor("bar", "Serial Port", ("OPEN_PORT",), "1.0"),
    Monitor("bar", "Acme", (), "7"),
]


def test_a_monitor_is_one_row_with_its_versions_its_form_and_who_lacks_it():
    forms = {("Serial Port", "1.1"): "4"}
    acme, serial = monitor_rows.rows(FOUND, ["dock", "bar"], forms)
    assert (acme.name, acme.hosts, acme.lacking) == ("Acme", 1, ("dock",))
    assert serial.versions == (("1.0", ("bar",), ""), ("1.1", ("dock",), "4"))
    assert (serial.lacking, serial.functions) == ((), ("open port", "xcv"))


def test_each_version_of_a_monitor_is_asked_for_once():
    again = Monitor("till", "Serial Port", (), "1.1")
    assert monitor_rows.to_ask([*FOUND, again]) == {
        ("Serial Port", "1.1"): "dock",
        ("Serial Port", "1.0"): "bar",
        ("Acme", "7"): "bar",
    }


def test_a_rule_is_told_by_what_it_decides_and_what_most_printers_have_comes_first():
    some = [
        Printer("labels", (), on_uncertain="skip"),
        Printer("lists", (), on_uncertain="hold"),
        Printer("notes", (), on_uncertain="hold"),
    ]
    uncertain = monitor_rows.policies(some)[0]
    assert uncertain[0] == "When nobody knows what came out"
    assert uncertain[1] == [("a person decides", ["lists", "notes"]), ("it counts as printed", ["labels"])]


async def test_the_page_has_a_row_for_a_monitor_and_not_one_for_each_host():
    class Knows(Answers):
        async def monitors(self, _host: str = "-") -> list[Monitor]:
            return [Monitor(f"edge-{number}", "Serial Port", ("XCV",), "1.0") for number in range(9)]

    made = console_over(live(), Knows())
    made.spooler = Away()  # type: ignore[assignment]
    page = await page_of(made, "/settings")
    assert page.count(">Serial Port<") == 1
    assert "edge-5 and 3 more" in page


class Away:
    """A spooler whose hosts cannot be asked for their forms."""

    def on_behalf_of(self) -> Away:
        return self

    def session(self, **_where: str) -> Away:
        return self

    async def __aenter__(self) -> Self:
        raise HostUnreachable("gone")

    async def __aexit__(self, *_why: object) -> None:
        """End nothing."""
