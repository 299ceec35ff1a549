"""What programs see of a port: three documents, without secrets, each of them even when another cannot be had; its bytes by minute."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

from chassis.client import Channels
from chassis.errors import HostUnreachable
from portui import fabric_raw
from portui.fabric import Spooler
from portui.fabric_watch import Change
from portui.model import Job, JobState, PortState, Proof
from portui.pulse import Pulse
from tests.fakes.port_service import FakePortService
from tests.unit.portui.conftest import served
from tests.unit.portui.page_rig import Answers, console_over, page_of
from tests.unit.portui.test_console_words import live, port


async def raw_page(fake: FakePortService) -> str:
    found = live(port("COM1:", host="edge-7"))
    found.connected = True
    console = console_over(found, Answers())
    async with served(fake) as address, Channels() as channels:
        console.spooler = Spooler(channels, address)
        return unescape(await page_of(console, "/hosts/edge-7/raw/COM1:"))


async def test_it_has_the_spoolers_message_the_settings_and_the_form_and_no_secret(spooler: FakePortService):
    page = await raw_page(spooler)
    assert '"name": "hosts/edge-7/ports/COM1:"' in page
    assert '"baud": 9600' in page
    assert '"writeOnly": true' in page
    assert "1234" not in page


async def test_a_monitor_that_does_not_answer_is_said_to_and_the_rest_is_there(spooler: FakePortService):
    spooler.raises["XcvOpen"] = HostUnreachable("edge-7 does not answer")
    page = await raw_page(spooler)
    assert '"name": "hosts/edge-7/ports/COM1:"' in page
    assert page.count("Edge-7 does not answer.") == 2


def test_what_is_no_json_is_shown_as_it_came():
    assert fabric_raw.indented(b"{\xff") == "{\ufffd"


def test_bytes_are_counted_by_minute_and_a_port_at_rest_keeps_none():
    pulse, job = Pulse(), Job(1, "labels", "tags", "me", 1000, JobState.PROCESSING)
    for second, acked in ((59, 100), (61, 300), (62, 600)):
        before, job = job, replace(job, proof=Proof(acked=acked))
        pulse.hear(before, job)
        pulse.tick(second, 1.0)
    pulse.tick(3661, 1.0)
    assert len(pulse.minutes) == 2
    assert pulse.last_hour(62)[-2:] == [100, 500]
    assert sum(pulse.last_hour(62 + 3540)) == 500
    assert sum(pulse.last_hour(62 + 3600)) == 0


async def test_a_ports_page_says_its_throughput():
    found = live(port("COM1:", PortState.READY))
    found.connected = True
    going = Job(1, "labels", "tags", "me", 90_000, JobState.PROCESSING, port="edge/COM1:", attempts=1)
    found.apply(Change(jobs=(going,)))
    found.apply(Change(jobs=(replace(going, proof=Proof(acked=48_200)),)))
    found.tick()
    page = await page_of(console_over(found, Answers()), "/hosts/edge/ports/COM1:")
    part = page.partition('id="throughput-title"')[2].partition("</section>")[0]
    assert "<b>48.2 kB</b>" in part
    assert "at most 48.2 kB in a minute, 803 B/s" in part
