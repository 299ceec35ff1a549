"""What devices a host has: by which name, known again by what, in use by whom, with what in the way."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portmon.devices import facts, found, holders
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS
from tests.fakes.device_tree import FakeDevices


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[FakeDevices]:
    fake = FakeDevices(tmp_path / "host")
    yield fake
    fake.close()


def test_a_device_with_a_serial_number_is_named_by_it(devices: FakeDevices) -> None:
    devices.plug("ttyUSB0", serial="A10KXYZ1")
    (one,) = found.serial_lines(devices.tree)
    assert one.path == f"{devices.tree.by_id}/usb-FTDI_FT232R_USB_UART_A10KXYZ1-if00-port0"
    assert one.node == f"{devices.tree.dev}/ttyUSB0"
    assert one.description == "FTDI FT232R USB UART (S/N A10KXYZ1)"
    assert one.identity == "serial number 0403/6001/A10KXYZ1"
    assert (one.facts.vendor_id, one.facts.topology) == ("0403", "1-1:1.0")


def test_a_device_is_known_again_by_its_serial_number_in_another_socket_under_another_name(
    devices: FakeDevices,
) -> None:
    first = devices.plug("ttyUSB0", serial="A10KXYZ1")
    (before,) = found.serial_lines(devices.tree)
    first.unplug()
    devices.plug("ttyUSB3", serial="A10KXYZ1", socket="1-4")
    again = found.by_identity(found.serial_lines(devices.tree), before.identity)
    assert again is not None
    assert (again.path, again.node) == (before.path, f"{devices.tree.dev}/ttyUSB3")


def test_two_devices_that_are_alike_are_named_by_their_sockets(devices: FakeDevices) -> None:
    for number in (0, 1):
        devices.plug(f"ttyUSB{number}", socket=f"1-{number + 1}", vendor="Prolific", model="Controller")
    lines = found.serial_lines(devices.tree)
    assert [one.alike for one in lines] == [2, 2]
    assert [Path(one.path).name for one in lines] == [
        "pci-0000:00:14.0-usb-0:1:1.0-port0",
        "pci-0000:00:14.0-usb-0:2:1.0-port0",
    ]
    assert [one.identity for one in lines] == ["socket 1-1:1.0", "socket 1-2:1.0"]


def test_serial_numbers_that_are_not_one_of_a_kind_are_not_believed(devices: FakeDevices) -> None:
    for number in (0, 1):
        devices.plug(f"ttyUSB{number}", socket=f"1-{number + 1}", serial="0001")
    assert {one.identity for one in found.serial_lines(devices.tree)} == {"socket 1-1:1.0", "socket 1-2:1.0"}


def test_without_the_kernels_tree_udevs_name_tells_what_it_is(devices: FakeDevices) -> None:
    devices.plug("ttyUSB0", serial="A10KXYZ1", sysfs=False)
    (one,) = found.serial_lines(devices.tree)
    assert (one.facts.vendor, one.facts.model) == ("FTDI", "FT232R USB UART")
    assert one.facts.serial_number == "A10KXYZ1"


@given(st.text(max_size=80))
def test_any_name_of_a_link_is_taken_apart_without_harm(name: str) -> None:
    known = facts.facts_of(Path("/dev/ttyUSB0"), (), f"usb-{name}-if00-port0")
    assert isinstance(known.text("serial line"), str)


@pytest.mark.parametrize(
    ("mode", "owner", "uid", "groups", "refused"),
    [
        (0o660, (0, 20), 0, [], False),
        (0o660, (0, 20), 1000, [1000], True),
        (0o660, (0, 20), 1000, [1000, 20], False),
        (0o620, (0, 5), 1000, [5], True),
        (0o666, (0, 20), 1000, [], False),
        (0o600, (1000, 20), 1000, [], False),
        (0o060, (1000, 20), 1000, [20], True),  # the owner's bits count for the owner
    ],
)
def test_who_may_open_a_node(
    mode: int, owner: tuple[int, int], uid: int, groups: list[int], refused: bool
) -> None:
    assert holders.denied(stat.S_IFCHR | mode, owner, uid, groups) is refused


def test_another_program_that_has_a_device_open_is_named(devices: FakeDevices) -> None:
    adapter = devices.plug("ttyUSB0", serial="A10KXYZ1")
    line = (
        f"import sys; f = open({str(adapter.node)!r}, 'rb', 0); print('open', flush=True); sys.stdin.read()"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "open\n"
        (holder,) = holders.holders_of([str(adapter.node)])[str(adapter.node)]
        assert (holder.pid, holder.ours) == (program.pid, False)
        assert holder.name.startswith("python")
        assert holders.in_use_by(str(adapter.node)) == f"{holder.name} (pid {program.pid})"
    finally:
        program.communicate()
    assert holders.in_use_by(str(adapter.node)) == ""


async def test_the_list_has_what_is_in_use_found_and_missing(devices: FakeDevices, tmp_path: Path) -> None:
    devices.plug("ttyUSB0", serial="A10KXYZ1")
    devices.plug("ttyUSB1", socket="1-2", serial="B20", vendor="Prolific", model="Bridge")
    gone = devices.plug("ttyUSB2", socket="1-3", serial="C30C")
    registry = Registry(MonitorInit("edge-7", tmp_path / "files", devices.tree), [])
    ports = Ports(registry, LocalPortStore(tmp_path / "p"), tmp_path)
    await ports.add("COM1:", "serial", {"device": str(devices.tree.dev / "ttyUSB0")})
    await ports.add("COM2:", "serial", {"device": str(gone.links[0])})
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    await ports.add("COM9:", "serial", {"device": str(fifo)})
    gone.unplug()
    xcv = Xcv(ports, COMMANDS)
    answer = await xcv.data(xcv.open(monitor="Local Port"), "EnumDevices", b'{"scheme": "serial"}')
    ports.close()
    rows: list[dict[str, Any]] = json.loads(answer.output)["devices"]
    assert [(row["state"], row["port"]) for row in rows] == [
        ("in_use", "COM1:"), ("in_use", "COM9:"), ("found", ""), ("missing", "COM2:"),
    ]  # fmt: skip
    assert rows[0]["path"].endswith("usb-FTDI_FT232R_USB_UART_A10KXYZ1-if00-port0")
    assert (rows[2]["suggestedName"], rows[2]["settings"]) == ("COM3:", {"device": rows[2]["path"]})
    assert rows[3]["problem"] == f"{gone.links[0]} is not there"


async def test_without_a_type_the_list_has_the_devices_of_all_types_of_the_name(
    devices: FakeDevices, tmp_path: Path
) -> None:
    devices.plug("ttyUSB0", serial="A10KXYZ1")
    devices.plug_printer("lp0", socket="1-2", serial="D4J2")
    os.mkfifo(devices.tree.dev / "lp0")
    registry = Registry(MonitorInit("edge-7", tmp_path / "files", devices.tree), [])
    ports = Ports(registry, LocalPortStore(tmp_path / "p"), tmp_path)
    xcv, reader = Xcv(ports, COMMANDS), os.open(devices.tree.dev / "lp0", os.O_RDONLY | os.O_NONBLOCK)
    for asked in (b"{}", b'{"holders": false}'):
        answer = await xcv.data(xcv.open(monitor="Local Port"), "EnumDevices", asked)
        rows: list[dict[str, Any]] = json.loads(answer.output)["devices"]
        assert sorted((row["suggestedName"], row["problem"]) for row in rows) == [
            ("COM1:", ""), ("LPT1:", ""), ("LPT2:", ""),
        ]  # fmt: skip
    os.close(reader)
    ports.close()


async def test_settings_that_will_do_but_not_well_are_warned_of(devices: FakeDevices, tmp_path: Path) -> None:
    adapter = devices.plug("ttyUSB0", serial="A10KXYZ1")
    registry = Registry(MonitorInit("edge-7", tmp_path / "files", devices.tree), [])
    ports = Ports(registry, LocalPortStore(tmp_path / "p"), tmp_path)
    xcv = Xcv(ports, COMMANDS)

    async def warned(device: str) -> Any:
        data = json.dumps({"name": "COM1:", "settings": {"device": device}}).encode()
        answer = await xcv.data(xcv.open(monitor="serial"), "PortIsValid", data)
        assert answer.status == 0
        return json.loads(answer.output)["warnings"]

    best = str(adapter.links[0])
    assert await warned(best) == {}
    assert await warned(str(adapter.node)) == {
        "/device": f"{adapter.node} may be another device tomorrow; this one's own name is {best}"
    }
    assert await warned("/nowhere") == {"/device": "/nowhere is not there now"}
    ports.close()


def test_a_usb_printer_says_itself_what_it_is_and_speaks(tmp_path: Path) -> None:
    fake = FakeDevices(tmp_path)
    os.mkfifo(fake.tree.dev / "usb" / "lp0")
    usb = tmp_path / "sys/devices/usb1/1-2"
    (usb / "1-2:1.0").mkdir(parents=True)
    (usb / "idVendor").write_text("0a5f\n")
    (usb / "idProduct").write_text("0120\n")
    (usb / "1-2:1.0" / "ieee1284_id").write_bytes(b"MFG:Zebra;MDL:ZD621;CMD:ZPL,EPL;SN:D4J2;")
    link = fake.tree.sys / "class" / "usbmisc" / "lp0"
    link.mkdir(parents=True)
    (link / "device").symlink_to(usb / "1-2:1.0")
    (one,) = found.printer_nodes(fake.tree)
    assert one.description == "Zebra ZD621 (S/N D4J2)"
    assert one.identity == "serial number 0a5f/0120/D4J2"
    assert one.facts.command_sets == ("ZPL", "EPL")
