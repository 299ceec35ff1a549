"""USB printers keep their ports: over restarts, in other sockets, under other nodes; another one in their place is refused.

Their nodes are pseudo terminals below a directory that looks like /dev, and what they are is in one that looks like /sys.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.errors import DeviceNotConnected
from portmon.device_wait import DeviceWait
from portmon.document import DocInfo, DocKey
from portmon.host_port import HostPort
from portmon.line_store import BriefLineStore
from portmon.monitor import MonitorInit, OpenContext
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS
from tests.fakes.device_tree import FakeAdapter, FakeDevices


class Host:
    """A host that can be started again, and its printers."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.devices = folder, FakeDevices(folder / "host")
        self.ports = self._ports()

    def _ports(self) -> Ports:
        init = MonitorInit("edge-7", self._folder / "files", self.devices.tree)
        return Ports(Registry(init, []), LocalPortStore(self._folder / "p"), self._folder)

    def restart(self) -> None:
        self.ports.close()
        self.ports = self._ports()

    def node(self, name: str) -> str:
        return str(self.devices.tree.dev / name)

    async def usb(self, node: str = "usb/lp0", **settings: str) -> None:
        """Add a port for a node."""
        await self.ports.add("USB001", "device", {"device": self.node(node), **settings})

    @property
    def port(self) -> HostPort:
        return self.ports.get("USB001")

    async def look(self, name: str = "USB001") -> None:
        """Do what whoever looks after devices does when one has come."""
        port = self.ports.get(name)
        port.monitor.devices()
        await asyncio.to_thread(port.monitor.bind, port.name, port.settings)

    def print(self, text: bytes, name: str = "USB001") -> None:
        """Open the port and write something."""
        port, wait = self.ports.get(name), DeviceWait()
        try:
            context = OpenContext(port.name, wait, BriefLineStore())
            opened = port.monitor.open_port(port.name, port.settings, context)
            opened.start_doc(DocKey(bytes(16), 1), DocInfo(), 0)
            assert opened.write(memoryview(text)) == len(text)
            opened.close()
        finally:
            wait.close()

    def refusal(self, name: str = "USB001") -> str:
        with pytest.raises(DeviceNotConnected) as refused:
            self.print(b"for somebody else", name)
        return refused.value.message


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    found = Host(tmp_path)
    yield found
    found.ports.close()
    found.devices.close()


def taken(printer: FakeAdapter) -> bytes:
    """Return what is on its paper."""
    os.set_blocking(printer.fd, False)
    try:
        return os.read(printer.fd, 4096)
    except OSError:  # nothing, and nobody has the node open any more
        return b""


async def test_a_printer_keeps_its_port_when_nodes_have_changed_printers_over_a_restart(host: Host) -> None:
    first = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await host.usb()
    first.unplug()
    other = host.devices.plug_printer("lp0", socket="1-2", serial="BBB2222")
    first = host.devices.plug_printer("lp1", socket="1-1", serial="AAA1111")
    host.restart()
    host.print(b"label")
    assert (taken(first), taken(other)) == (b"label", b"")
    assert host.port.device == host.node("usb/lp1")


async def test_another_printer_at_the_node_is_refused_by_its_name(host: Host) -> None:
    host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111").unplug()
    first = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await host.usb()
    first.unplug()
    other = host.devices.plug_printer("lp0", socket="1-1", serial="BBB2222")
    host.restart()
    node = host.node("usb/lp0")
    assert host.refusal() == (
        f"port USB001: Zebra ZD621 (S/N AAA1111) is not there, and {node} is another device now: "
        "Zebra ZD621 (S/N BBB2222). To print on that one, let the port stay with its node (knownBy)"
    )
    assert taken(other) == b""


async def test_a_printer_that_is_away_is_named_and_is_served_again_in_any_socket(host: Host) -> None:
    first = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await host.usb()
    first.unplug()
    away = "Zebra ZD621 (S/N AAA1111) is not there: unplugged, switched off, or never plugged in"
    assert host.refusal() == f"port USB001: {away}"
    back = host.devices.plug_printer("lp3", socket="1-4.2", serial="AAA1111")
    host.print(b"again")
    assert taken(back) == b"again"


async def test_two_printers_alike_without_serial_numbers_are_told_apart_by_their_sockets(host: Host) -> None:
    left = host.devices.plug_printer("lp0", socket="1-1")
    right = host.devices.plug_printer("lp1", socket="1-2")
    await host.usb("usb/lp0")
    left.unplug()
    right.unplug()
    right = host.devices.plug_printer("lp0", socket="1-2")
    assert (
        f"Zebra ZD621 in socket 1-1:1.0 is not there, and {host.node('usb/lp0')} is another device now: "
        "Zebra ZD621 in socket 1-2:1.0"
    ) in host.refusal()
    left = host.devices.plug_printer("lp1", socket="1-1")
    host.print(b"left")
    assert (taken(left), taken(right)) == (b"left", b"")


async def test_a_printer_of_another_kind_in_the_same_socket_is_another(host: Host) -> None:
    host.devices.plug_printer("lp0", socket="1-1")
    await host.usb()
    host.devices.adapters[0].unplug()
    host.devices.plug_printer("lp0", socket="1-1", model="LP 2844", product="0050")
    assert "is another device now: Zebra LP 2844 in socket 1-1:1.0" in host.refusal()


async def test_of_two_with_one_serial_number_the_other_is_not_taken_when_the_own_one_is_away(
    host: Host,
) -> None:
    own = host.devices.plug_printer("lp0", socket="1-1", serial="0001")
    await host.usb()
    host.devices.plug_printer("lp1", socket="1-2", serial="0001")
    await host.look()
    own.unplug()
    host.restart()
    assert "Zebra ZD621 (S/N 0001) in socket 1-1:1.0 is not there" in host.refusal()


async def test_a_printer_in_the_place_of_a_ports_own_is_free_and_the_own_one_is_missing(host: Host) -> None:
    host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await host.usb()
    host.devices.adapters[0].unplug()
    host.devices.plug_printer("lp0", socket="1-1", serial="BBB2222")
    xcv = Xcv(host.ports, COMMANDS)
    answer = await xcv.data(xcv.open(monitor="Local Port"), "EnumDevices", b'{"scheme": "device"}')
    free, missing = json.loads(answer.output)["devices"]
    assert (free["state"], free["serialNumber"], free["port"]) == ("found", "BBB2222", "")
    assert (missing["state"], missing["port"]) == ("missing", "USB001")
    assert missing["problem"].startswith("Zebra ZD621 (S/N AAA1111) is not there")


async def test_a_port_that_was_added_before_its_printer_came_is_bound_when_it_is_seen(host: Host) -> None:
    await host.usb()
    first = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await host.look()
    first.unplug()
    host.devices.plug_printer("lp0", socket="1-1", serial="BBB2222")
    host.restart()
    assert "Zebra ZD621 (S/N AAA1111) is not there" in host.refusal()


async def test_a_port_that_stays_with_its_node_takes_whatever_is_there(host: Host) -> None:
    host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await host.usb(knownBy="node")
    host.devices.adapters[0].unplug()
    other = host.devices.plug_printer("lp0", socket="1-2", serial="BBB2222")
    host.print(b"whoever")
    assert taken(other) == b"whoever"


async def test_a_spare_printer_is_accepted_by_letting_the_port_stay_with_its_node_for_a_moment(
    host: Host,
) -> None:
    host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await host.usb()
    host.devices.adapters[0].unplug()
    spare = host.devices.plug_printer("lp0", socket="1-1", serial="BBB2222")
    host.refusal()
    device = {"device": host.node("usb/lp0")}
    await host.ports.configure("USB001", {**device, "writeTimeoutS": 20})
    host.refusal()  # other settings do not change printers
    await host.ports.configure("USB001", {**device, "knownBy": "node"})
    await host.ports.configure("USB001", device)
    host.print(b"spare")
    assert taken(spare) == b"spare"
    spare.unplug()
    host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    assert "S/N BBB2222" in host.refusal()


async def test_another_path_is_another_printer_and_a_deleted_port_remembers_none(host: Host) -> None:
    first = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    second = host.devices.plug_printer("lp1", socket="1-2", serial="BBB2222")
    await host.usb("usb/lp0")
    await host.ports.configure("USB001", {"device": host.node("usb/lp1")})
    host.print(b"second")
    assert (taken(first), taken(second)) == (b"", b"second")
    await host.ports.delete("USB001")
    second.unplug()
    third = host.devices.plug_printer("lp1", socket="1-3", serial="CCC3333")
    await host.usb("usb/lp1")
    host.print(b"third")
    assert taken(third) == b"third"


async def test_lpt1_that_began_with_a_usb_printer_never_goes_over_to_the_parallel_port(host: Host) -> None:
    usb = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    parallel = host.devices.plug_parallel("lp0")
    await host.ports.add("LPT1:", "device", {})
    host.print(b"usb", "LPT1:")
    usb.unplug()
    host.restart()
    assert "Zebra ZD621 (S/N AAA1111) is not there" in host.refusal("LPT1:")
    assert taken(parallel) == b""
    assert host.ports.get("LPT1:").device == host.node("usb/lp0")


async def test_lpt1_that_began_with_the_parallel_port_never_goes_over_to_a_usb_printer(host: Host) -> None:
    parallel = host.devices.plug_parallel("lp0")
    await host.ports.add("LPT1:", "device", {})
    usb = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    host.restart()
    await host.look("LPT1:")
    host.print(b"parallel", "LPT1:")
    assert (taken(parallel), taken(usb)) == (b"parallel", b"")
