"""One trace of a job, from its sender to the printer's word, through real processes and their deaths; none unless asked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric_client.sync import Client
from tests.rig.black_hole import BlackHole
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, printed, real_fabric
from tests.rig.trace_collector import Collector, Received, collector
from tests.rig.troubled_printers import SimulatedLabelPrinter

LABEL = b"^XA^FDone label^FS^XZ"
SENDER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PATIENCE_S = 40.0

pytestmark = pytest.mark.timeout(150)


@contextmanager
def traced_fabric(folder: Path, *endpoints: str) -> Iterator[tuple[RealFabric, Client, Any]]:
    """Run a fabric with a simulated label printer that is asked for its word.

    The spooler's spans go to the first of `endpoints`, the host's to the last.
    """
    receiver = SimulatedLabelPrinter("LABELS")
    spooler, portmon = (f'tracing = {{ endpoint = "{one}" }}' for one in (endpoints[0], endpoints[-1]))
    with (
        real_fabric(folder, [receiver], spooler=spooler, portmon=portmon) as fabric,
        fabric.client() as client,
    ):
        settings = Printer(name="printers/labels", language_monitor="ZPL")
        client.printers.update(settings, "language_monitor", allow_unknown_ports=True)
        yield fabric, client, receiver.printer


def tree_of(collected: Collector, number: int) -> dict[str, Received]:
    """Return a job's spans by name, once the last of them has come; the host's are those of the document."""

    def trace() -> list[Received]:
        job = [one for one in collected.spans("job ") if one.values["printfabric.job.number"] == number]
        return [one for one in collected.spans() if job and one.trace == job[0].trace]

    wanted = {"job labels", "submit labels", "attempt labels", "document LABELS", "open", "write", "wait"}
    wait_until(lambda: wanted <= {one.name for one in trace()}, PATIENCE_S, "the trace never came")
    return {one.name: one for one in trace()}


def assert_leads_from_submit_to_confirmed(spans: dict[str, Received], above: str = "") -> None:
    """Fail unless every span is below the job's, which is below `above`, and the proofs are told."""
    job, attempt, document = spans["job labels"], spans["attempt labels"], spans["document LABELS"]
    assert job.parent == above
    assert {spans["submit labels"].parent, attempt.parent} == {job.id}
    assert document.parent == attempt.id
    assert {spans[name].parent for name in ("open", "write", "wait")} == {document.id}
    assert (job.service, document.service) == ("fabric-spooler", "fabric-portmon")
    assert "durable" in spans["submit labels"].events
    assert {"accepted", "acked", "confirmed"} <= set(attempt.events)
    assert (
        attempt.values["printfabric.evidence.level"]
        == job.values["printfabric.evidence.level"]
        == "confirmed"
    )
    assert attempt.values["printfabric.port"] == "LABELS"
    assert document.values["printfabric.evidence.source"].startswith("zpl")
    assert job.start_ns <= spans["submit labels"].start_ns <= attempt.start_ns <= attempt.end_ns
    assert not any(one.failed for one in spans.values())


def test_a_label_makes_one_trace_from_submit_to_confirmed_below_its_senders_span(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with collector() as collected, traced_fabric(tmp_path, collected.endpoint) as (_fabric, client, _printer):
        job = client.wait(client.submit(LABEL, printer="labels"), timeout_s=PATIENCE_S)
        assert_leads_from_submit_to_confirmed(tree_of(collected, job.number))
        monkeypatch.setenv("TRACEPARENT", SENDER)
        below = client.wait(client.submit(LABEL, printer="labels", request_id="again"), timeout_s=PATIENCE_S)
        monkeypatch.setenv("TRACEPARENT", SENDER.replace("00f067aa", "10f067aa"))
        assert client.submit(LABEL, printer="labels", request_id="again").number == below.number
        spans = tree_of(collected, below.number)
        assert_leads_from_submit_to_confirmed(spans, above=SENDER.split("-")[2])
        assert {one.trace for one in spans.values()} == {SENDER.split("-")[1]}
        said = " ".join(f"{one.name} {one.values}" for one in collected.spans())
        assert "one label" not in said
        assert "^XA" not in said


def test_a_trace_goes_on_through_the_death_of_the_spooler(tmp_path: Path):
    with collector() as collected, traced_fabric(tmp_path, collected.endpoint) as (fabric, client, printer):
        printer.fault("media-out")
        job = client.submit(LABEL, printer="labels")
        wait_until(lambda: collected.spans("submit"), PATIENCE_S, "the submission was never told")
        wait_until(lambda: client.get(job).ledger.offsets.accepted, PATIENCE_S, "it was never sent")
        fabric.spooler.kill()
        fabric.spooler.start()
        printer.clear()
        assert printed(client.wait(job, timeout_s=PATIENCE_S))
        assert_leads_from_submit_to_confirmed(tree_of(collected, job.number))
        assert len(collected.spans("attempt")) == len(collected.spans("document")) == 1


def test_collectors_that_cannot_be_reached_cost_no_job_and_keep_no_service_from_ending(tmp_path: Path):
    with socket.socket() as silent, socket.socket() as refusing:
        silent.bind(("127.0.0.1", 0))
        refusing.bind(("127.0.0.1", 0))  # and does not listen
        hole = BlackHole(silent)
        endpoints = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (silent, refusing)]
        with traced_fabric(tmp_path, *endpoints) as (fabric, client, _printer):
            jobs = [client.submit(LABEL, printer="labels") for _ in range(3)]
            assert all(printed(client.wait(job, timeout_s=PATIENCE_S)) for job in jobs)
            for program in (fabric.spooler, fabric.portmon):
                assert program._process is not None
                program._process.terminate()
                assert program._process.wait(PATIENCE_S) == 0, program.last_words()
        hole.end()


_ASK = """
import sys
from chassis.program import main
from {service}.settings import {settings}
import {service}.__main__, printfabric_client.aio
async def run(settings):
    print(sorted(name for name in sys.modules if name.partition(".")[0] == "opentelemetry")[:1])
{more}
main({settings}, run, [])
"""
_SERVICES = [("spooler", "SpoolerSettings"), ("portmon", "PortmonSettings"), ("portui", "PortuiSettings")]


def ask(service: str, settings: str, more: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", _ASK.format(service=service, settings=settings, more=more)],
        env={**clean, "PRINTFABRIC_PORTUI_SPOOLER": "127.0.0.1:1", **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("service", "settings"), _SERVICES)
def test_no_service_imports_opentelemetry_unless_a_collector_is_named(service: str, settings: str):
    unasked = ask(service, settings)
    assert (unasked.returncode, unasked.stdout) == (0, "[]\n"), unasked.stderr


def test_the_standard_variables_name_a_collector_and_disable_the_naming():
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    asked = ask(*_SERVICES[0], **named)
    assert (asked.returncode, asked.stdout) == (0, "['opentelemetry']\n"), asked.stderr
    assert ask(*_SERVICES[0], OTEL_SDK_DISABLED="true", **named).stdout == "[]\n"


def test_a_collector_without_the_extra_is_refused_at_the_start():
    refused = ask(
        *_SERVICES[0],
        more='sys.modules["opentelemetry"] = None',
        PRINTFABRIC_SPOOLER_TRACING__ENDPOINT="http://x:1",
    )
    assert refused.returncode == 78
    assert "print-fabric[tracing]" in refused.stderr
