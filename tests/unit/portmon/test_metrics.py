import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from portmon.counters import BackChannel, PortCounters
from portmon.metrics import PortCollector
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.reports import Condition, Report, Severity


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    found = Ports(Registry(MonitorInit("edge-7", tmp_path), []), LocalPortStore(tmp_path / "p"), tmp_path)
    yield found
    found.close()


async def test_every_port_has_its_numbers_and_no_label_names_a_job(ports: Ports) -> None:
    port = await ports.add("IP_1", "raw", {"host": "10.0.0.7"})
    port.counters.written_bytes = 4096
    port.counters.document_began(since := time.monotonic() - 2)
    port.counters.stalls_s["peer_window"] = 1.5
    port.counters.document_ended("complete")
    port.counters.holds = 3
    registry = CollectorRegistry()
    registry.register(PortCollector("edge-7", ports))
    value = registry.get_sample_value
    labels = {"host": "edge-7", "port": "IP_1", "monitor": "Standard TCP/IP Port"}
    assert value("printfabric_port_written_bytes_total", labels) == 4096
    assert value("printfabric_port_read_bytes_total", labels) == 0
    assert value("printfabric_port_open_total", labels) == 0
    busy = value("printfabric_port_busy_seconds_total", labels)
    assert busy is not None
    assert 2 <= busy <= time.monotonic() - since
    assert value("printfabric_port_documents_total", {**labels, "outcome": "complete"}) == 1
    assert value("printfabric_port_documents_total", {**labels, "outcome": "broken"}) == 0
    assert value("printfabric_port_stall_seconds_total", {**labels, "cause": "peer_window"}) == 1.5
    assert value("printfabric_port_state", {**labels, "state": "closed"}) == 1
    assert value("printfabric_port_state", {**labels, "state": "open"}) == 0
    assert value("printfabric_port_held", labels) == 0
    assert value("printfabric_port_hold_changes_total", labels) == 3
    assert value("printfabric_port_journal_used_ratio", labels) == 0
    names = {
        sample.split("{")[0] for sample in generate_latest(registry).decode().splitlines() if sample[0] != "#"
    }
    assert len(names) == 11


async def test_what_is_said_about_a_port_is_counted_by_severity_while_it_counts(ports: Ports) -> None:
    port = await ports.add("IP_1", "raw", {"host": "10.0.0.7"})
    said = [Report(Condition.PAPER_OUT, Severity.ERROR), Report(Condition.TONER_LOW, Severity.WARNING)]
    port.reports.set("snmp", said, lasts_s=60)
    port.reports.set("pjl", [Report(Condition.DOOR_OPEN, Severity.ERROR)], lasts_s=0)
    registry = CollectorRegistry()
    registry.register(PortCollector("edge-7", ports))
    labels = {"host": "edge-7", "port": "IP_1", "monitor": "Standard TCP/IP Port"}
    found = [
        registry.get_sample_value("printfabric_port_reports", {**labels, "severity": severity})
        for severity in ("error", "warning", "info")
    ]
    assert found == [1, 1, 0]


def test_a_document_in_progress_counts_as_busy_up_to_now() -> None:
    since = time.monotonic() - 1
    counters = PortCounters()
    counters.document_began(since)
    first = counters.busy_s()
    assert 1 <= first <= time.monotonic() - since
    assert counters.busy_s() >= first
    counters.document_ended("broken")
    assert counters.busy_since is None
    assert counters.busy_s() == pytest.approx(counters.finished_busy_s)


def test_two_documents_at_once_count_the_time_with_either_once() -> None:
    counters, now = PortCounters(), time.monotonic()
    counters.document_began(now - 3)
    counters.document_began(now - 2)
    counters.document_ended("complete")
    assert counters.busy_since == now - 3, "one of them is on its way"
    counters.document_ended("complete")
    assert not counters.in_documents
    assert counters.finished_busy_s >= 3


def test_the_back_channel_keeps_the_newest_bytes_and_counts_the_lost_ones() -> None:
    counters = PortCounters()
    back = BackChannel(counters)
    back.put(b"a" * 60_000)
    back.put(b"b" * 10_000)
    assert counters.lost_read_bytes == 70_000 - 65_536
    assert back.take(100_000) == b"a" * (65_536 - 10_000) + b"b" * 10_000
    assert back.take(10) == b""
    assert counters.read_bytes == 70_000
