"""A printer resets its connection in the middle of labels; a person looks at the paper; every label comes out once."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from printfabric.types.v1.job_pb2 import Job
from printfabric.types.v1.ledger_pb2 import UNIT_KIND_LABEL, Outcome
from printfabric_client.command.program import program
from printfabric_client.sync import Client
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, brief, printed, real_fabric
from tests.rig.receivers import TcpReceiver

COUNT = 3000
SETUP = b"~DGR:LOGO.GRF,3,1,FFFFFF\n"
DOCUMENT = SETUP + b"".join(
    b"^XA^PW400^FO30,30^XGR:LOGO.GRF^FS^FDlabel %05d %b^FS^XZ\n" % (number, b"x" * 200)
    for number in range(1, COUNT + 1)
)
_LABEL = re.compile(rb"\^XA(?:(?!\^XA).)*?label (\d{5}) x{200}\^FS\^XZ")


def labels(paper: bytes) -> list[int]:
    """Return the labels that came out whole."""
    return [int(found[1]) for found in _LABEL.finditer(paper)]


def run(fabric: RealFabric, *arguments: object) -> str:
    result = CliRunner().invoke(program, [*map(str, arguments), "--address", fabric.spooler.address])
    assert result.exit_code == 0, result.output
    return result.stdout


def broken(client: Client, receiver: TcpReceiver, at: int) -> Job:
    receiver.breaks_at = at
    job = client.submit(DOCUMENT, printer="ip_a")
    job = client.wait(job.number, timeout_s=30, or_decision=True)
    wait_until(lambda: receiver.ends[-1:] == ["broken here"])
    assert job.outcome == Outcome.OUTCOME_UNKNOWN, brief(job)
    assert (job.ledger.units.kind, job.ledger.units.total) == (UNIT_KIND_LABEL, COUNT)
    return job


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_after_a_reset_a_person_decides_label_by_label_and_each_comes_out_once(
    tmp_path: Path, chance: random.Random
):
    receiver = TcpReceiver("IP_A", rate=3_000_000)
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        for _round in range(3):
            before = len(receiver.paper)
            job = broken(client, receiver, chance.randrange(100_000, 500_000))
            last = labels(bytes(receiver.paper[before:]))[-1]
            unsure = job.ledger.uncertain_units
            # What the job says is true, and as small as bytes allow.
            assert unsure.first - 1 <= last <= unsure.last, f"{last} of {brief(job)}"
            assert job.hold_reason == f"labels {unsure.first} to {unsure.last} of {COUNT} may have printed"
            assert f"labels {unsure.first} to {unsure.last}" in run(fabric, "explain", f"jobs/{job.number}")
            decisions = [f"skip={unsure.first}-{last}"] if last >= unsure.first else []
            decisions += [f"reprint={last + 1}-{unsure.last}"] if last < unsure.last else []
            run(fabric, "resolve", job.number, *decisions, "-r", "I looked")
            client.ports.resume("edge/IP_A")
            job = client.wait(job.number, timeout_s=30, or_decision=True)
            assert printed(job), brief(job)
            paper = receiver.settled()[before:]
            assert labels(paper) == list(range(1, COUNT + 1))
            rest = bytes(receiver.connections[-1])
            assert rest.startswith(b"~JX" + SETUP + b"^XA^PW400^XZ\n"), "the printer was set up again"
            assert rest.endswith(DOCUMENT[-5000:])


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_after_a_reset_it_goes_on_at_the_label_that_is_named(tmp_path: Path):
    receiver = TcpReceiver("IP_A", rate=3_000_000)
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        job = broken(client, receiver, 300_000)
        last = labels(bytes(receiver.paper))[-1]
        assert f"at label {last + 1}" not in run(fabric, "job", job.number)
        run(fabric, "resume", job.number, "--at", last + 1)
        client.ports.resume("edge/IP_A")
        assert printed(client.wait(job.number, timeout_s=30, or_decision=True))
        assert labels(receiver.settled()) == list(range(1, COUNT + 1))
        assert f"at label {last + 1}" in run(fabric, "job", job.number)
        again = run(fabric, "reprint", job.number, "7", "2999-3000", "--request-id", "again")
        assert (
            run(fabric, "reprint", job.number, "7", "2999-3000", "--request-id", "again").split()[1]
            == again.split()[1]
        )
        wait_until(lambda: labels(receiver.settled())[COUNT:] == [7, 2999, 3000])
