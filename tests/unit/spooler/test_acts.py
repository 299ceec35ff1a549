"""What a line of history says of a change."""

from __future__ import annotations

from spooler.acts import shown


def test_what_has_an_order_is_shown_in_it_and_what_has_none_in_that_of_its_names():
    assert shown(("edge-7/COM2:", "edge-7/COM1:")) == "edge-7/COM2: edge-7/COM1:"
    assert shown(frozenset({"edge-7/COM2:", "edge-7/COM1:"})) == "edge-7/COM1: edge-7/COM2:"
    assert shown(()) == shown(frozenset()) == shown(None) == "none"
