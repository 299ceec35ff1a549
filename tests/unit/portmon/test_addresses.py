"""Where a printer's name leads to: literals of both families, several addresses, and none."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from chassis.errors import ConnectionRefused, DeviceNotConnected, DeviceOffline, InvalidSettings
from portmon.checked import checked_settings
from portmon.device_wait import DeviceWait
from portmon.monitor import MonitorInit, OpenContext
from portmon.monitors.raw import RawMonitor
from portmon.network_settings import NetworkSettings, where
from portmon.tcp.addresses import Address, Addresses
from portmon.tcp.dial import TcpDial
from portmon.tcp.link import TcpLink


@pytest.fixture
def context() -> Iterator[OpenContext]:
    wait = DeviceWait()
    yield OpenContext("P", wait, lines=None)  # type: ignore[arg-type]
    wait.close()


def listener(family: int, host: str) -> socket.socket:
    server = socket.socket(family)
    server.bind((host, 0))
    server.listen()
    return server


@pytest.mark.parametrize("host", ["::1", "::1%lo", "[::1]", "[::1%lo]"])
def test_an_ipv6_address_leads_there_with_and_without_zone_and_brackets(
    context: OpenContext, host: str
) -> None:
    settings = NetworkSettings(host=host)
    with listener(socket.AF_INET6, "::1") as server:
        link = TcpLink(context, settings.host, server.getsockname()[1], 2)
        link.connect()
        assert link.where.startswith("[::1")
        assert link.send(b"x") == 1
        link.drop()


def test_a_zone_that_does_not_exist_is_a_name_that_leads_nowhere(context: OpenContext) -> None:
    link = TcpLink(context, "fe80::1%nosuchzone", 9, 2)
    with pytest.raises(DeviceNotConnected, match="nosuchzone"):
        link.connect()


@pytest.mark.parametrize("host", ["fe80::zz", "1:2", "a b", "", "host/x", "a,b", "x" * 300])
def test_what_is_no_host_is_refused_when_it_is_set(tmp_path, host: str) -> None:
    monitor = RawMonitor(MonitorInit("edge", tmp_path))
    with pytest.raises(InvalidSettings, match="host"):
        checked_settings(monitor, "P", {"host": host})


def test_an_address_is_written_as_people_write_it() -> None:
    assert where("10.0.0.7", 9100) == "10.0.0.7:9100"
    assert where("fe80::1%eth0", 9100) == "[fe80::1%eth0]:9100"


class Known(Addresses):
    """Addresses that a name server would give."""

    def __init__(self, context: OpenContext, found: list[Address]) -> None:
        super().__init__("printer", 1, context)
        self.found, self.asked = found, 0

    def _look_up(self, deadline: float):
        self.asked += 1
        return self.found


def test_the_next_address_of_a_name_is_tried_and_the_one_that_answers_comes_first_from_then_on(
    context: OpenContext,
) -> None:
    with listener(socket.AF_INET, "127.0.0.1") as server, listener(socket.AF_INET, "127.0.0.1") as gone:
        dead, alive = (int(socket.AF_INET), gone.getsockname()), (int(socket.AF_INET), server.getsockname())
        gone.close()
        dial = TcpDial(context, "printer", 1, 2)
        dial._addresses = known = Known(context, [dead, alive])
        dial.connect().close()
        assert known.find(time.monotonic() + 1) == [alive, dead]
        dial.connect().close()
        assert known.asked == 1


def test_when_no_address_answers_the_name_is_looked_up_anew_the_next_time(context: OpenContext) -> None:
    with listener(socket.AF_INET, "127.0.0.1") as gone:
        address = gone.getsockname()
    dial = TcpDial(context, "printer", 1, 2)
    dial._addresses = known = Known(context, [(int(socket.AF_INET), address)] * 2)
    for count in (1, 2):
        with pytest.raises(ConnectionRefused):
            dial.connect()
        assert known.asked == count


@pytest.mark.alone
def test_an_address_that_is_silent_does_not_use_up_the_time_of_the_others(context: OpenContext) -> None:
    with listener(socket.AF_INET, "127.0.0.1") as server, socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filler = [socket.socket() for _ in range(4)]
        for one in filler:  # a queue that is full answers no SYN
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        silent, alive = (int(socket.AF_INET), full.getsockname()), (int(socket.AF_INET), server.getsockname())
        dial = TcpDial(context, "printer", 1, 1.0)
        dial._addresses = Known(context, [silent, alive])
        began = time.monotonic()
        dial.connect().close()
        assert 0.4 < time.monotonic() - began < 3
        dial._addresses = Known(context, [silent])
        with pytest.raises(DeviceOffline, match="does not answer"):
            dial.connect()
        for one in filler:
            one.close()


def test_a_source_port_that_is_asked_for_is_the_one_used(context: OpenContext) -> None:
    with listener(socket.AF_INET, "127.0.0.1") as server, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        wanted = probe.getsockname()[1]
        probe.close()
        link = TcpLink(context, "127.0.0.1", server.getsockname()[1], 2, source_ports=(wanted,))
        link.connect()
        connection, peer = server.accept()
        connection.close()
        assert peer == ("127.0.0.1", wanted)
        link.reset()
