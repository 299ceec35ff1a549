"""Words of the field: what our own services call something is not what people read."""

from __future__ import annotations

import json

import pytest

from portui.port_config import Described
from portui.web import monitor_form, words
from tests.unit.portui.test_console_forms import SERIAL


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            "/dev/lp1 is not there: unplugged, switched off, or never plugged in",
            "Device is gone: unplugged, switched off, or never plugged in (/dev/lp1)",
        ),
        ("/a path/dev/lp1 is not there", "Device is gone (/a path/dev/lp1)"),
        ("/dev/lp1 is not there now", "Device is gone (/dev/lp1)"),
        ("Out of paper", "Out of paper"),
        ("", ""),
    ],
)
def test_a_device_that_is_gone_is_told_before_its_path(reason: str, shown: str):
    assert words.gone_first(reason) == shown


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("tapped", "documents in the clear", "the documents could be read"),
        ("tapped", "masked", "the documents were masked"),
        ("paused", "masked", "masked"),
        ("broke-off", "HOST_RESTARTED: the port monitor ended", "the port monitor ended"),
        ("broke-off", "It broke off (byte 7, HOST_RESTARTED: it ended)", "It broke off (byte 7: it ended)"),
        ("broke-off", "It broke off (byte 7, HOST_RESTARTED)", "It broke off (byte 7)"),
        ("config", "LPT1: is in USE, LPT2: not", "LPT1: is in USE, LPT2: not"),
    ],
)
def test_what_happened_is_told_without_our_own_codes(kind: str, text: str, shown: str):
    assert words.happened(kind, text) == shown


def test_a_line_that_begins_with_a_port_does_not_name_it_again():
    sentence = "The device of edge/LPT2: is not there: /dev/lp1. Nothing is lost."
    assert (
        words.once(sentence, "hosts/edge/ports/LPT2:")
        == "The device is not there: /dev/lp1. Nothing is lost."
    )
    assert words.once(sentence, "hosts/edge/ports/LPT1:") == sentence
    assert words.once(sentence, "printers/labels") == sentence


def test_a_change_names_its_fields_as_the_form_does():
    described = Described("serial", json.dumps(SERIAL).encode())
    titles = monitor_form.titles_of(described)
    assert (
        monitor_form.diff({"baud": 9600}, {"baud": 19200}, titles) == "1 change: Bits per second 9600 → 19200"
    )
