"""Paper that runs low, through real processes and a simulated printer's SNMP: an attention with its level, until it is filled."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from printfabric.types.v1.port_pb2 import Port, PortCondition, PortState, Severity, StatusSource
from tests.rig.real_fabric import HOST, brief, printed, real_fabric

ROLL = f"{HOST}/IP_ROLL"


def until(what: Callable[[], Any], limit_s: float = 30.0) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return found


@pytest.mark.timeout(120)
def test_a_roll_that_runs_low_is_an_attention_with_its_level_until_it_is_filled(
    tmp_path: Path, sim_printer: Any
) -> None:
    printer = sim_printer("zpl", tcp=0, snmp=0, media=100)
    settings = {
        "host": "127.0.0.1",
        "port": printer.port,
        "snmpEnabled": True,
        "snmpPort": printer.address["snmp"],
    }
    # An idle printer is asked each second, that the test need not wait for half a minute.
    with real_fabric(tmp_path, [], portmon="snmp_idle_poll_s = 1\n") as fabric, fabric.client() as client:
        until(lambda: [host for host in client.hosts.list() if host.last_seen_time.seconds])
        client.ports.add(ROLL, "raw", settings)
        client.printers.create("roll", ports=[ROLL])

        def port() -> Port:
            return client.ports.get(ROLL)

        labels = b"^XA^FO50,50^FDserial 00001^FS^PQ91^XZ"
        job = client.wait(client.submit(labels, printer="roll").number, timeout_s=60, or_decision=True)
        assert printed(job), brief(job)
        printer.wait_units(91, 60)
        found = until(lambda: [one for one in port().status if one.reporter == "snmp-levels"])
        (report,) = found
        assert (report.condition, report.severity, report.source, report.text) == (
            PortCondition.PORT_CONDITION_PAPER_PROBLEM,
            Severity.SEVERITY_WARNING,
            StatusSource.STATUS_SOURCE_PRINTER,
            "Paper is low in Roll: 9 % left",
        )
        assert report.report_time.seconds > 0
        assert port().state == PortState.PORT_STATE_ATTENTION
        said = client.explain(ROLL)
        assert said.headline == f"{ROLL} prints, and will need somebody soon."
        assert [fact.text for fact in said.facts if fact.source == StatusSource.STATUS_SOURCE_PRINTER] == [
            f"{ROLL}: Paper is low in Roll: 9 % left"
        ]
        printer.load_media(100)
        until(lambda: not port().status and port().state != PortState.PORT_STATE_ATTENTION)
