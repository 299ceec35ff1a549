"""Printers and their rules, from the wire and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portui.fabric_printers import printer, printer_message
from portui.model import Printer
from portui.printer_rules import RULES, Rule
from printfabric.spooler.v1 import printer_service_pb2 as pb

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
