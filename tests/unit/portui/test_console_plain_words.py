"""Words of the field: what our own services call something is not what people read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from portui.model import JobState, Proof, Units
from portui.port_config import Described
from portui.web import monitor_form, words
from tests.unit.portui.test_console_forms import SERIAL
from tests.unit.portui.test_console_words import job


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


@pytest.mark.parametrize(
    ("name", "title"),
    [("lineSpeed", "Line speed"), ("line_speed", "Line speed"), ("baud", "Baud"), ("__", "__"), ("", "")],
)
def test_a_setting_that_nobody_gave_a_title_is_called_by_its_name_in_plain_words(name: str, title: str):
    assert words.title_of(name) == title


def test_jobs_wait_in_the_spoolers_words():
    assert (words.waits(1), words.waits(31)) == ("1 job waits", "31 jobs wait")


@pytest.mark.parametrize(
    ("acked", "long", "short"),
    [
        (0, "0 % received", "0 %"),
        (590, "59 % received", "59 %"),
        (1000, "waiting for the printer's word", "no word yet"),
    ],
)
def test_a_bar_says_what_it_means_and_a_full_one_what_it_waits_for(acked: int, long: str, short: str):
    going = replace(job(1, JobState.PROCESSING), proof=Proof(acked=acked))
    assert (words.far(going), words.far(going, short=True)) == (long, short)


def test_a_job_that_has_ended_says_what_is_proven_of_it():
    ended = replace(job(1, JobState.COMPLETED), proof=Proof(level="acked"))
    assert words.far(ended) == "acknowledged"
    counted = replace(ended, proof=Proof(level="acked", units=Units("label", 1200, 1200, 1180)))
    assert words.far(counted) == "1,180 of 1,200 labels"


def test_in_a_conflict_a_setting_without_a_title_is_no_name_of_a_program():
    document = {"schema": {"properties": {"lineSpeed": {"type": "integer"}}}}
    titles = monitor_form.titles_of(Described("acme", json.dumps(document).encode()))
    assert titles == {"lineSpeed": "Line speed"}
    assert monitor_form.diff({"lineSpeed": 1}, {"lineSpeed": 2}, titles) == "1 change: Line speed 1 → 2"
