"""The demonstration's fleet: what its simulators and its hosts are told, and what a port monitor then finds there."""

from __future__ import annotations

import os
import random
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from portmon.devices.found import FoundDevice, printer_nodes, serial_lines
from portmon.devices.tree import DeviceTree
from printfabric.spooler.v1.printer_service_pb2 import PoolOrder
from printfabric.types.v1.job_pb2 import Job
from printfabric_client.up import demo_setup, traffic
from printfabric_client.up.demo import Demo, Language, Way
from printfabric_client.up.demo_fleet import BASE, FLEET, HOSTS, KITCHEN, PLUGGED, WAREHOUSE
from printfabric_client.up.place import Place
from printfabric_sim.plan import Plan, check

EVERYONE = (*BASE, *FLEET)


def plans(place: Place) -> dict[str, dict[str, Any]]:
    """Return what the simulators are told, by name."""
    return {plan["name"]: plan for plan in demo_setup.fleet_of(place, FLEET)["printers"]}


def test_three_hosts_have_ports_of_every_kind_and_the_warehouse_twelve():
    assert {demo.host for demo in FLEET} > set(HOSTS)
    ports = [demo for demo in FLEET if demo.host == WAREHOUSE and demo.port]
    assert len(ports) == 12
    assert {demo.way for demo in ports} == set(Way)


def test_no_two_have_a_name_or_a_port_or_a_device_in_common():
    for values in (
        [demo.name for demo in EVERYONE],
        [demo.full_name.casefold() for demo in EVERYONE if demo.port],
        [(demo.host, demo.node) for demo in EVERYONE if demo.node],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []


def test_each_device_that_says_who_it_is_has_a_simulator_behind_it():
    for host, plugged in PLUGGED.items():
        nodes = {demo.node for demo in FLEET if demo.host == host and demo.simulated}
        assert {one.node for one in plugged} <= nodes


def test_the_simulators_can_be_what_they_are_told_to_be(tmp_path: Path):
    told = plans(Place(tmp_path))
    assert set(told) == {demo.name for demo in EVERYONE if demo.simulated}
    for plan in told.values():
        check(Plan.from_mapping({key: value for key, value in plan.items() if key != "day"}))


def test_simulated_printers_come_back_where_they_were_if_that_is_free(tmp_path: Path):
    place = Place(tmp_path)
    with socket.socket() as taken, socket.socket() as other, socket.socket(type=socket.SOCK_DGRAM) as agent:
        for one in (taken, other, agent):
            one.bind(("127.0.0.1", 0))
        taken.listen()
        free, udp = other.getsockname()[1], agent.getsockname()[1]
        other.close()
        agent.close()
        place.remember(
            "simulators.json",
            {
                "labels": {"tcp": free, "snmp": udp},
                "receipts": {"tcp": taken.getsockname()[1]},
                "delivery-notes": {"ipp": f"ipp://127.0.0.1:{free}/ipp/print"},
                "control:": free,
            },
        )
        told = plans(place)
        control = demo_setup.fleet_of(place)["control"]
    assert (told["labels"]["tcp"], told["labels"]["snmp"], told["receipts"]["tcp"]) == (free, udp, 0)
    assert (told["delivery-notes"]["ipp"], control) == (free, free)


def found(tree: DeviceTree) -> dict[str, FoundDevice]:
    """Return what a port monitor finds below device directories, by node."""
    return {os.path.relpath(one.node, tree.dev): one for one in (*serial_lines(tree), *printer_nodes(tree))}


@pytest.mark.parametrize("host", [WAREHOUSE, KITCHEN])
def test_a_port_monitor_finds_the_devices_of_a_simulated_host_by_what_they_are(tmp_path: Path, host: str):
    demo_setup.prepare(Place(tmp_path), HOSTS)
    root = tmp_path / "hosts" / host
    tree = DeviceTree(root / "dev", root / "sys")
    assert found(tree) == {}  # nothing is there before its simulator
    for one in PLUGGED[host]:
        (tree.dev / one.node).touch()
    devices = found(tree)
    for one in PLUGGED[host]:
        device = devices[one.node]
        facts = (device.facts.vendor, device.facts.model, device.facts.serial_number)
        assert facts == (one.vendor, one.model, one.serial_number)
        assert (device.is_known, device.alike) == (True, 1)
        demo = next(demo for demo in FLEET if (demo.host, demo.node) == (host, one.node))
        assert demo_setup.device_of(Place(tmp_path), demo) == device.path


def test_what_is_there_already_can_be_prepared_again(tmp_path: Path):
    for _ in range(2):
        demo_setup.prepare(Place(tmp_path), HOSTS)


@pytest.mark.parametrize("language", Language)
def test_documents_have_a_few_units_of_their_printers_language(language: Language):
    demo = next(demo for demo in EVERYONE if demo.language is language)
    end = {Language.ZPL: b"^XZ", Language.ESCPOS: b"\x1dVA"}.get(language, b"\f")
    source = random.Random(1)
    for _ in range(20):
        title, content = traffic.document(demo, source)
        assert title
        assert 4 <= content.count(end) <= 16


class Away:
    """A fabric whose printer prints nothing: who waits for a job gives up."""

    def __init__(self) -> None:
        self.submitted = 0
        self.waits = 0

    async def submit(self, _content: bytes, **_about: str) -> Job:
        self.submitted += 1
        return Job(name=f"jobs/{self.submitted}")

    async def wait(self, _job: str, **_how: object) -> None:
        self.waits += 1
        if self.waits > 10:
            raise EndOfTest
        raise TimeoutError


class EndOfTest(Exception):
    """Enough was seen."""


async def test_a_printer_that_prints_nothing_is_given_three_documents_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(traffic, "_PAUSE_S", (0.0, 0.0))
    fabric, grill = Away(), next(demo for demo in FLEET if demo.trouble)
    with pytest.raises(EndOfTest):
        await traffic._one(fabric, grill, random.Random(1))  # type: ignore[arg-type]
    assert fabric.submitted == 3


def test_a_pool_is_one_printer_with_several_ports():
    members = Counter(demo.printer for demo in FLEET if demo.port)
    assert members["shipping"] == 3
    assert all(isinstance(demo, Demo) for demo in FLEET)


def test_a_pools_jobs_are_shared_out_among_its_ports():
    ports = {
        name: [demo for demo in FLEET if demo.port and demo.printer == name] for name in ("shipping", "grill")
    }
    orders = {name: demo_setup._printer(found).pool_order for name, found in ports.items()}
    assert orders == {
        "shipping": PoolOrder.POOL_ORDER_LEAST_LOADED,
        "grill": PoolOrder.POOL_ORDER_UNSPECIFIED,
    }
