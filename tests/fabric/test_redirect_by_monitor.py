"""Which port takes the place of one that failed: one of the same port monitor, unless the printer says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import ConnectionRefused
from spooler.job_state import JobState
from spooler.printer import OnPortError, PortName
from tests.fabric.dispatch_rig import Rig, eventually, running
from tests.fakes.host import FakeHost, FakePort

LABELS = b"".join(b"^XA^FO1,1^FDlabel %02d^FS^XZ\n" % number for number in range(1, 21))
SIZE = len(LABELS) // 20
P1, P2, P3 = (PortName("edge", name) for name in ("P1:", "P2:", "P3:"))
MONITORS = {P1: "Standard TCP/IP Port", P2: "Standard TCP/IP Port", P3: "Local Port"}


@pytest.fixture
async def host() -> FakeHost:
    return FakeHost("edge", "P1:", "P2:", "P3:")


@pytest.fixture
async def rig(tmp_path: Path, host: FakeHost) -> AsyncIterator[Rig]:
    async with running(tmp_path, host) as rig:
        rig.dispatcher.routes.monitor_of = lambda port: MONITORS[port]
        yield rig


async def until_refused(*ports: FakePort) -> None:
    """Wait until each port has refused a document."""

    async def refused() -> bool:
        return all("refused" in port.calls for port in ports)

    await eventually(refused, bool)


async def test_a_job_goes_to_ports_of_its_first_ports_monitor_alone(rig: Rig, host: FakeHost) -> None:
    one, two, three = host.ports.values()
    one.refuses = two.refuses = ConnectionRefused("refused")
    await rig.printer("pool", "P1:", "P2:", "P3:")
    job = await rig.submit("pool", b"patient")
    await until_refused(one, two)
    other = await rig.submit("pool", b"another, which no port has failed")
    await rig.until(other.number, JobState.COMPLETED)
    assert three.order == [other.number], "a port that has failed is passed over, and that is no redirection"
    assert rig.dispatcher.wait_of(await rig.job(job.number)).kept_from == {P3}
    two.refuses = None
    rig.dispatcher.lanes[P2.key].clear()
    assert (await rig.until(job.number, JobState.COMPLETED)).port == P2


@pytest.mark.parametrize("rule", ["across", "standby", "unknown"])
async def test_another_monitors_port_takes_it_where_the_printer_says_so_or_nobody_knows_the_monitor(
    rig: Rig, host: FakeHost, rule: str
) -> None:
    if rule == "unknown":
        rig.dispatcher.routes.monitor_of = lambda _port: ""
    host.ports["P1:"].refuses = ConnectionRefused("refused")
    standby = frozenset({P3}) if rule == "standby" else frozenset()
    await rig.printer("pool", "P1:", "P3:", standby=standby, redirect_across_monitors=rule == "across")
    job = await rig.submit("pool", b"moves")
    assert (await rig.until(job.number, JobState.COMPLETED)).port == P3


async def test_what_is_half_printed_stays_with_its_ports_monitor_too(rig: Rig, host: FakeHost) -> None:
    one = host.ports["P1:"]
    one.break_at, one.break_resumable = 5 * SIZE + 9, True
    await rig.printer("pool", "P1:", "P3:", on_port_error=OnPortError.REDIRECT_NOW)
    one.refuses = None
    job = await rig.submit("pool", LABELS)

    async def broken() -> bool:
        return one.break_at is None

    await eventually(broken, bool)
    one.refuses = ConnectionRefused("unplugged")
    await until_refused(one)
    assert not rig.dispatcher.has_other_port(await rig.job(job.number))
    one.refuses = None
    rig.dispatcher.lanes[P1.key].clear()
    await rig.until(job.number, JobState.COMPLETED)
    assert host.ports["P3:"].printed == []
