"""Whose a printer shall be."""

from __future__ import annotations

from collections import Counter

from spooler.printer import PortName, Printer
from spooler.replicas.spread import groups_of, owner_of


def printer(name: str, *ports: str) -> Printer:
    return Printer(name, tuple(PortName("edge", port) for port in ports))


def test_printers_that_share_a_port_belong_together_over_any_number_of_steps():
    printers = [
        printer("a", "COM1:"),
        printer("b", "LPT1:"),
        printer("c", "LPT1:", "LPT2:"),
        printer("d", "COM3:"),
        printer("e", "com1:", "LPT2:"),
        printer("f"),
    ]
    assert groups_of(printers) == [("a", "b", "c", "e"), ("d",), ("f",)]


def test_everybody_knows_the_same_owner():
    groups = [(f"printer-{number}",) for number in range(50)]
    for group in groups:
        assert owner_of(group, ["s1", "s2", "s3"]) == owner_of(group, ["s3", "s1", "s2"])


def test_who_comes_or_goes_changes_the_owner_of_its_own_share_only():
    groups = [(f"printer-{number}",) for number in range(300)]
    before = {group: owner_of(group, ["s1", "s2"]) for group in groups}
    after = {group: owner_of(group, ["s1", "s2", "s3"]) for group in groups}
    assert {after[group] for group in groups if after[group] != before[group]} == {"s3"}
    shares = Counter(after.values())
    assert min(shares.values()) > 50, shares


def test_a_group_without_members_is_nobodys():
    assert owner_of(("labels",), []) == ""
