"""SNMP pollers against a simulated printer: used ports only, status that runs out, and a wrong community that does no harm."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.tasks import Tasks
from portmon.device_access import Rest
from portmon.devices.ieee1284 import languages_of
from portmon.host_port import HostPort
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.reports import Condition, Severity, Source
from portmon.snmp import agent as snmp_agent
from portmon.snmp import polling as snmp_polling
from portmon.snmp.polling import SnmpPolling
from printfabric_sim.connections.snmp import SnmpConnection
from printfabric_sim.core import Core
from printfabric_sim.printer import SimulatedPrinter


class Agent:
    """A simulated printer's SNMP agent, and how often it was asked."""

    def __init__(self) -> None:
        self.printer = SimulatedPrinter("zpl", media=100)
        self.asked = 0

    def plug(self, core: Core) -> SnmpConnection:
        self.snmp = SnmpConnection(core)
        answers = self.snmp.answers

        def counted(datagram: bytes) -> list[tuple[float, bytes]]:
            self.asked += 1
            return answers(datagram)

        self.snmp.answers = counted  # type: ignore[method-assign]
        return self.snmp


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    found = Agent()
    found.printer.connect(found.plug)
    async with found.printer:
        yield found


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    found = Ports(Registry(MonitorInit("edge", tmp_path), []), LocalPortStore(tmp_path / "ports"), tmp_path)
    yield found
    found.close()


@pytest.fixture
async def polling(ports: Ports) -> AsyncIterator[SnmpPolling]:
    async with Tasks("test") as tasks:
        found = SnmpPolling(ports, tasks, poll_s=0.1, idle_s=0.2)
        tasks.spawn("polling", found.run())
        yield found
        ports.changes.end()


async def add(ports: Ports, agent: Agent, **settings: Any) -> HostPort:
    values = {"host": "127.0.0.1", "snmpEnabled": True, "snmpPort": agent.snmp.port, **settings}
    return await ports.add("IP_1", "raw", values)


async def until(what: Callable[[], object], timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not what():  # noqa: ASYNC110 (nobody tells when)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_the_status_of_a_used_port_is_asked_for_shown_and_cleared(
    ports: Ports, agent: Agent, polling: SnmpPolling, version: str
) -> None:
    port = await add(ports, agent, snmpVersion=version)
    ports.use(port, "fabric", True)
    await until(port.facts.now)
    assert port.reports.now() == []
    told = {path.removeprefix("\\Printer."): fact.value for path, fact in port.facts.now().items()}
    assert told["Consumables.Ribbon:Level"] == 100
    assert told["Consumables.Ribbon:Color"] == "Black"
    assert told["Layout.InputBins.Roll:Level"] == 100
    assert told["Finishing.OutputBins.Front:Installed"] is True
    assert told["Layout.Resolution:Supported"] == "203x203"
    assert told["Configuration.DuplexUnit:Installed"] is False
    assert told["DeviceInfo:SerialNumber"] == "SIM0000001"
    assert languages_of(port.facts.now()) == ("ZPL",)
    agent.printer.fault("cover-open")
    await until(port.reports.now)
    (found,) = port.reports.now()
    assert (found.condition, found.severity, found.source, found.reporter) == (
        Condition.DOOR_OPEN, Severity.ERROR, Source.PRINTER, "snmp",
    )  # fmt: skip
    assert found.text == "a door is open; its display says: COVER OPEN"
    assert found.expires_at is not None
    agent.printer.clear("cover-open")
    await until(lambda: not port.reports.now())


async def test_paper_that_runs_low_is_a_warning_with_its_level_until_it_is_filled(
    ports: Ports, agent: Agent, polling: SnmpPolling
) -> None:
    supplies = agent.printer.core.path.supplies
    port = await add(ports, agent)
    ports.use(port, "fabric", True)
    await until(port.facts.now)
    assert port.reports.now() == []
    supplies.media_left = 8
    await until(lambda: [one.reporter for one in port.reports.now()] == ["snmp-levels"])
    (found,) = port.reports.now()
    assert (found.condition, found.severity, found.source, found.text) == (
        Condition.PAPER_PROBLEM, Severity.WARNING, Source.PRINTER, "Paper is low in Roll: 8 % left",
    )  # fmt: skip
    assert port.facts.now()[r"\Printer.Extension.LowLevel.InputBins:Roll"].value == 10
    supplies.load_media(100)
    await until(lambda: not port.reports.now())


async def test_a_mark_that_is_set_anew_counts_at_once(
    ports: Ports, agent: Agent, polling: SnmpPolling
) -> None:
    agent.printer.core.path.supplies.media_left = 40
    port = await add(ports, agent)
    ports.use(port, "fabric", True)
    await until(port.facts.now)
    assert port.reports.now() == []
    values = {"host": "127.0.0.1", "snmpEnabled": True, "snmpPort": agent.snmp.port, "lowLevel": 40}
    await ports.configure("IP_1", values)
    await until(lambda: [one.text for one in port.reports.now()] == ["Paper is low in Roll: 40 % left"])


async def test_nobody_is_asked_for_a_port_that_no_printer_uses(
    ports: Ports, agent: Agent, polling: SnmpPolling
) -> None:
    port = await add(ports, agent)
    await asyncio.sleep(0.4)
    assert (agent.asked, len(polling)) == (0, 0)
    ports.use(port, "fabric", True)
    await until(lambda: agent.asked)
    ports.use(port, "fabric", False)
    await until(lambda: not len(polling))
    asked = agent.asked
    await asyncio.sleep(0.5)
    assert agent.asked == asked


async def test_a_port_without_snmp_is_not_asked_about_and_one_that_gets_it_is(
    ports: Ports, agent: Agent, polling: SnmpPolling
) -> None:
    port = await add(ports, agent, snmpEnabled=False)
    ports.use(port, "fabric", True)
    await asyncio.sleep(0.4)
    assert len(polling) == 0
    values = {"host": "127.0.0.1", "snmpEnabled": True, "snmpPort": agent.snmp.port}
    await ports.configure("IP_1", values)
    await until(lambda: agent.asked)
    await ports.delete("IP_1")
    await until(lambda: not len(polling))


async def test_an_idle_printer_is_asked_often_while_somebody_looks(ports: Ports, agent: Agent) -> None:
    async with Tasks("test") as tasks:
        found = SnmpPolling(ports, tasks, poll_s=0.05, idle_s=3600)
        tasks.spawn("polling", found.run())
        port = await add(ports, agent)
        ports.use(port, "fabric", True)
        await until(lambda: [one.reporter for one in port.reports.now()] == ["snmp"] or agent.asked)
        agent.printer.fault("cover-open")
        port.look()
        await until(lambda: any(one.severity is Severity.ERROR for one in port.reports.now()))
        ports.changes.end()


async def test_idle_polling_can_be_switched_off(ports: Ports, agent: Agent, polling: SnmpPolling) -> None:
    await ports.set_value("IdlePolling", False)
    port = await add(ports, agent)
    ports.use(port, "fabric", True)
    await asyncio.sleep(0.6)
    assert (len(polling), agent.asked) == (1, 0)


async def test_nobody_is_asked_while_the_host_sleeps_and_all_are_when_it_is_back(
    ports: Ports, agent: Agent, polling: SnmpPolling
) -> None:
    ports.use(await add(ports, agent), "fabric", True)
    await until(lambda: agent.asked)
    ports.access.withhold(Rest.SLEEPS)
    await ports.access.quiet(0)
    asked = agent.asked
    await asyncio.sleep(0.6)  # three looks of an idle port
    assert agent.asked == asked
    ports.access.grant(Rest.SLEEPS)
    await until(lambda: agent.asked > asked)


async def test_what_was_said_runs_out_when_the_agent_falls_silent_and_the_port_is_not_offline(
    ports: Ports, agent: Agent, polling: SnmpPolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snmp_agent, "_ASK_S", 0.05)
    monkeypatch.setattr(snmp_polling, "_GRACE_S", 0.2)
    port = await add(ports, agent)
    agent.printer.fault("cover-open")
    ports.use(port, "fabric", True)
    await until(port.reports.now)
    agent.snmp.freeze(True)
    await until(lambda: [one.reporter for one in port.reports.now()] == ["snmp-agent"])
    (found,) = port.reports.now()
    assert (found.severity, found.source, found.condition) == (Severity.INFO, Source.HOST, Condition.CLEAR)
    assert "does not answer" in found.text
    agent.snmp.freeze(False)
    await until(lambda: [one.reporter for one in port.reports.now()] == ["snmp"])


async def test_a_wrong_community_never_marks_the_port_and_is_told(
    ports: Ports, agent: Agent, polling: SnmpPolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snmp_agent, "_ASK_S", 0.05)
    port = await add(ports, agent, snmpCommunity="wrong")
    agent.printer.fault("cover-open")
    ports.use(port, "fabric", True)
    await until(port.reports.now)
    assert {one.severity for one in port.reports.now()} == {Severity.INFO}
    assert "the community another one" in port.reports.now()[0].text


async def test_an_agent_that_is_not_there_or_talks_nonsense_is_no_answer(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snmp_agent, "_ASK_S", 0.2)
    place = snmp_agent.AgentPlace("127.0.0.1", agent.snmp.port, "1", "public", 7)
    with pytest.raises(snmp_agent.NoAnswer, match="no printer at index 7"):
        await snmp_agent.look(place, parts=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        number = gone.getsockname()[1]
    with pytest.raises(snmp_agent.NoAnswer, match="nothing listens"):
        await snmp_agent.look(snmp_agent.AgentPlace("127.0.0.1", number, "1", "public", 1), parts=False)

    def nonsense(datagram: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, b"\x30\x03\x02\x01\x00" * 3)]

    agent.snmp.answers = nonsense  # type: ignore[method-assign]
    with pytest.raises(snmp_agent.NoAnswer, match="does not answer"):
        await snmp_agent.look(
            snmp_agent.AgentPlace("127.0.0.1", agent.snmp.port, "1", "public", 1), parts=False
        )


async def test_over_ipv6_with_a_zone_too(agent: Agent) -> None:
    loop = asyncio.get_running_loop()

    class Mirror(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            [(_delay, answer)] = agent.snmp.answers(data)
            self.transport.sendto(answer, addr)

    transport, _ = await loop.create_datagram_endpoint(Mirror, local_addr=("::1", 0))
    port = transport.get_extra_info("sockname")[1]
    for host in ("::1", "::1%lo"):
        seen = await snmp_agent.look(snmp_agent.AgentPlace(host, port, "2c", "public", 1), parts=True)
        assert seen.state.device_status == 2
    transport.close()
