"""What needs somebody, of what a spooler lists, and whose word about it still counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from printfabric.spooler.v1.alert_service_pb2 import Acknowledgement
from printfabric.spooler.v1.port_service_pb2 import Host, HostState
from printfabric.spooler.v1.printer_service_pb2 import Printer, PrinterPort
from printfabric.types.v1.job_pb2 import Job
from printfabric.types.v1.port_pb2 import Port, PortName, PortState, PortStatus
from printfabric_client import alerts
from printfabric_client.alerts import Alert
from printfabric_client.command import alerts as command
from printfabric_client.names import alert_name, alert_text

NOW = datetime(2026, 11, 21, 10, 42, tzinfo=UTC)
COM1 = PortName(host="edge", port="COM1:")


def at(moment: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def port(state: PortState.ValueType, *texts: str, host: str = "edge") -> Port:
    name = PortName(host=host, port="COM1:")
    status = [
        PortStatus(text=text, report_time=at(NOW + timedelta(seconds=n))) for n, text in enumerate(texts)
    ]
    return Port(name=f"hosts/{host}/ports/COM1:", port=name, state=state, status=status)


def printer(name: str, port_of_it: PortName = COM1, **more: object) -> Printer:
    return Printer(name=f"printers/{name}", ports=[PrinterPort(port=port_of_it)], **more)  # type: ignore[arg-type]


def test_a_port_in_trouble_is_one_alert_with_its_words_since_the_first_and_the_jobs_behind_it():
    ports = [
        port(PortState.PORT_STATE_ATTENTION, "Ribbon is low: 8 % left", "dirty"),
        port(PortState.PORT_STATE_READY),
    ]
    found = list(
        alerts._of_ports([], ports, [printer("labels", queued_jobs=3), printer("b", PortName(host="x"))])
    )
    assert found == [
        Alert("hosts/edge/ports/COM1:", "attention", "Ribbon is low: 8 % left, dirty.", NOW, 3),
    ]
    (bare,) = alerts._of_ports([], [port(PortState.PORT_STATE_OFFLINE)], [])
    assert (bare.sentence, bare.since) == ("Offline.", None)


def test_a_silent_host_is_one_alert_and_its_ports_are_none():
    silent = Host(
        name="hosts/edge", state=HostState.HOST_STATE_SILENT, error="refused", last_seen_time=at(NOW)
    )
    well = Host(name="hosts/edge-7", state=HostState.HOST_STATE_ONLINE)
    ports = [port(PortState.PORT_STATE_UNKNOWN), port(PortState.PORT_STATE_ERROR, "jam", host="edge-7")]
    found = list(alerts._of_ports([silent, well], ports, [printer("labels", queued_jobs=2)]))
    assert [(one.name, one.state, one.jobs, one.since) for one in found] == [
        ("hosts/edge", "silent", 2, NOW),
        ("hosts/edge-7/ports/COM1:", "error", 0, NOW),
    ]


def test_a_paused_printer_without_jobs_needs_nobody_and_decisions_are_an_alert_of_their_own():
    printers = [
        printer("idle", paused=True),
        printer("labels", paused=True, queued_jobs=2, pause_reason="lunch"),
    ]
    jobs = [Job(printer="printers/labels", create_time=at(NOW)), Job(printer="printers/other")]
    found = list(alerts._of_printers(printers, jobs))
    assert [(one.name, one.state, one.jobs, one.since) for one in found] == [
        ("printers/labels", "paused", 2, None),
        ("printers/labels/decisions", "decide", 1, NOW),
    ]


@pytest.mark.parametrize(("later_s", "meant"), [(50, True), (70, False)])
def test_a_word_is_not_meant_for_what_began_more_than_a_minute_after_it(later_s: int, meant: bool):
    word = Acknowledgement(name="printers/labels", create_time=at(NOW))
    alert = Alert("printers/labels", "error", "", NOW + timedelta(seconds=later_s))
    assert (alerts._with_word(alert, word).in_hand is not None) is meant


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("edge-7/COM1:", "hosts/edge-7/ports/COM1:"),
        ("labels", "printers/labels"),
        ("4711", "printers/4711"),
        ("hosts/edge-7", "hosts/edge-7"),
        ("printers/labels/decisions", "printers/labels/decisions"),
    ],
)
def test_an_alert_is_named_as_it_is_shown(typed: str, name: str):
    assert alert_name(typed) == name
    assert alert_text(name) == typed


def test_until_is_a_length_a_moment_or_the_next_time_of_that_clock():
    context, option = click.Context(click.Command("x")), click.Option(["--until"])
    now = datetime.now(UTC)
    assert now + timedelta(hours=3) < command._until(context, option, "4h") < now + timedelta(hours=5)
    assert command._until(context, option, "2030-01-31T08:00+00:00") == datetime(2030, 1, 31, 8, tzinfo=UTC)
    clock = (now.astimezone() - timedelta(minutes=2)).strftime("%H:%M")
    assert now < command._until(context, option, clock) <= now + timedelta(days=1)
    with pytest.raises(click.BadParameter, match="no time"):
        command._until(context, option, "soon")
