"""Printers' rules on real processes: connections break, ports are away, and the paper agrees with the promise.

The truth is what the receivers have read. No label is missing, and none comes twice without its mark.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from printfabric.spooler.v1.print_service_pb2 import UncertainDecision
from printfabric.spooler.v1.printer_service_pb2 import Printer, RedirectPolicy
from printfabric_client.sync import Client
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import TcpReceiver

COUNT = 400
DOCUMENT = b"".join(
    b"^XA^PW400^FO30,60^FDlabel %05d %b^FS^XZ\n" % (number, b"x" * 4000) for number in range(1, COUNT + 1)
)
_LABEL = re.compile(rb"\^XA((?:(?!\^XA).)*?)\^PW400\^FO30,60\^FDlabel (\d{5}) x{4000}\^FS\^XZ")
SIZE = len(DOCUMENT) // COUNT


def labels(paper: bytes) -> dict[int, list[bool]]:
    """Return for each label that came out whole, whether each of its copies bears a mark."""
    found: dict[int, list[bool]] = {}
    for before, number in _LABEL.findall(paper):
        found.setdefault(int(number), []).append(b"*** DUPLICATE? ***" in before)
    return found


def with_rules(client: Client, name: str, ports: list[str], **rules: object) -> None:
    settings = Printer(**rules)  # type: ignore[arg-type]
    settings.accepting = True
    client.printers.create(name, ports, settings=settings, allow_unknown_ports=True)


@pytest.mark.timeout(60)
def test_with_reprint_marked_no_label_is_missing_and_none_comes_twice_without_its_mark(
    tmp_path: Path, chance: random.Random
) -> None:
    receiver = TcpReceiver("IP_A", rate=20_000_000)
    rule = UncertainDecision.UNCERTAIN_DECISION_REPRINT_MARKED
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        with_rules(client, "labels", ["edge/IP_A"], on_uncertain=rule)
        receiver.breaks_at = chance.randrange(20 * SIZE, 300 * SIZE)
        job = client.submit(DOCUMENT, printer="labels")
        job = client.wait(job.number, timeout_s=40, or_decision=True)
        assert printed(job), brief(job)
        found = labels(receiver.settled())
        assert sorted(found) == list(range(1, COUNT + 1))
        for number, marks in found.items():
            assert marks.count(False) <= 1, f"label {number} came twice without a mark"
        decided = [event for event in client.events(job) if event.kind == "decided"]
        assert [event.actor for event in decided] == ["spooler"]


@pytest.mark.timeout(60)
def test_what_is_proven_unprinted_moves_to_the_standby_port_and_nothing_else_does(
    tmp_path: Path, chance: random.Random
) -> None:
    first, second = TcpReceiver("IP_A", rate=20_000_000), TcpReceiver("IP_B", rate=20_000_000)
    with real_fabric(tmp_path, [first, second]) as fabric, fabric.client() as client:
        with_rules(
            client,
            "labels",
            ["edge/IP_A", "edge/IP_B"],
            on_uncertain=UncertainDecision.UNCERTAIN_DECISION_SKIP,
            redirect=RedirectPolicy.REDIRECT_POLICY_REDIRECT_NOW,
            mark_redirected=True,
        )
        first.breaks_at = chance.randrange(20 * SIZE, 300 * SIZE)
        job = client.submit(DOCUMENT, printer="labels")
        job = client.wait(job.number, timeout_s=40, or_decision=True)
        assert job.attempts == 2, brief(job)
        here, there = labels(first.settled()), labels(second.settled())
        [broken, _] = list(client.attempts(job))
        unsure = broken.ledger.uncertain_units
        assert not set(here) & set(there), "a label came out of both"
        missing = set(range(1, COUNT + 1)) - set(here) - set(there)
        assert missing <= set(range(unsure.first, unsure.last + 1)), "only what was uncertain may be missing"
        assert min(there) == unsure.last + 1
        assert b"*** BACKUP FROM edge/IP_A ***" in second.settled()[: SIZE + 200]


@pytest.mark.timeout(60)
def test_a_printer_that_is_away_costs_a_job_nothing_but_its_port(tmp_path: Path) -> None:
    first, second = TcpReceiver("IP_A"), TcpReceiver("IP_B")
    with real_fabric(tmp_path, [first, second]) as fabric, fabric.client() as client:
        with_rules(client, "labels", ["edge/IP_A", "edge/IP_B"])
        first.end()  # nobody listens there any more
        jobs = [client.submit(DOCUMENT[: 3 * SIZE], printer="labels") for _ in range(5)]
        for job in jobs:
            done = client.wait(job.number, timeout_s=20, or_decision=True)
            assert printed(done), brief(done)
            assert (done.port.port, done.priority) == ("IP_B", job.priority)
        assert labels(second.settled()) == {1: [False] * 5, 2: [False] * 5, 3: [False] * 5}
