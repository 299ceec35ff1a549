"""A job that may not use all ports of its printer: which, why, and what lets it."""

from __future__ import annotations

from datetime import UTC, datetime

from spooler.explain.facts import Failure, JobFacts, PortFacts, Sentence, Verdict
from spooler.explain.jobs import explain_job
from spooler.job import Document, Job, Sender
from spooler.printer import PortName, Printer

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
FAILED, OTHER = PortName("edge-7", "IP_1"), PortName("edge-7", "COM1:")
REFUSED = Failure("CONNECTION_REFUSED", 1225, "nobody listens", NOW)


def facts(**what: object) -> JobFacts:
    job = Job(4711, bytes(16), Document("doc", size_bytes=100), Sender("ann"), NOW, printer="labels")
    ports = (
        PortFacts(FAILED, device="10.0.0.9:9100", lane="waiting", error=REFUSED, retry_at=NOW),
        PortFacts(OTHER),
    )
    return JobFacts(NOW, job, Printer("labels", (FAILED, OTHER), revision=1), ports, **what)  # type: ignore[arg-type]


def test_the_port_that_failed_is_what_it_waits_for_though_another_one_is_free() -> None:
    found = explain_job(facts(kept_from=frozenset({OTHER})))
    assert found.verdict is not Verdict.RETRY
    assert found.facts[-1].text.startswith("edge-7/COM1: is of another port monitor")
    assert found.actions[-1].command == "printfabric printers set labels --redirect-across-monitors"


def test_without_that_rule_it_is_about_to_be_tried_at_the_free_one() -> None:
    assert explain_job(facts()).headline == Sentence("It is next")
