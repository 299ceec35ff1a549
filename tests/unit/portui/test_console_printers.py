"""Printers and their rules, from the wire and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portui.fabric_printers import printer, printer_message
from portui.model import Fleet, PortState, Printer
from portui.printer_rules import RULES, Rule
from portui.web.pages_printers import shown_state
from printfabric.spooler.v1 import printer_service_pb2 as pb
from tests.unit.portui.test_console_words import port

LABELS = Printer(
    "labels", ("edge-7/COM1:", "edge-8/COM1:"), frozenset({"edge-8/COM1:"}), "Dock labels", "Dock 2"
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_choice_of_a_rule_is_the_contracts_and_comes_back_as_it_was(rule: Rule):
    for value, _label in rule.choices:
        changed = replace(LABELS, **{rule.name: value})  # type: ignore[arg-type]
        message = printer_message(changed)
        assert getattr(message, rule.name) != 0
        assert replace(printer(message), state=changed.state) == changed


def test_rules_that_nobody_set_are_shown_as_what_counts_then():
    found = printer(pb.Printer(name="printers/labels", state=pb.PRINTER_STATE_IDLE))
    assert found == Printer("labels", ())


def test_a_rule_of_a_newer_spooler_can_be_kept_and_is_not_sent_as_something_else():
    rule = RULES[0]
    assert rule.offered("ask the moon") == (*rule.choices, ("ask the moon", "ask the moon"))
    message = printer_message(replace(LABELS, on_uncertain="ask the moon"))
    assert message.on_uncertain == 0


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        (PortState.ERROR, PortState.OFFLINE, "Error"),
        (PortState.ERROR, PortState.READY, "Printing"),
        (PortState.PRINTING, PortState.READY, "Printing"),
    ],
)
def test_a_printer_none_of_whose_ports_can_print_does_not_print(
    first: PortState, second: PortState, word: str
):
    ports = (port("COM1:", first, "edge-7"), port("COM1:", second, "edge-8"))
    fleet = Fleet(ports={one.key: one for one in ports})
    assert shown_state(replace(LABELS, state="processing"), fleet).word == word
