"""Device controls and device ids.

This machine has no USB printer: `Usblp` below stands in for the kernel's driver. It takes the ioctls by their numbers and
their bytes, as drivers/usb/class/usblp.c has them, and answers as it does; nothing else of the code under test is replaced.
"""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import AccessDenied, DeviceFault, InvalidArgument, NotSupported
from portmon.device_wait import DeviceWait
from portmon.devices import ieee1284
from portmon.devices.controls import Control, control
from portmon.monitor import OpenContext
from portmon.monitors.device import open_device

ID = b"MFG:Zebra;MDL:ZTC ZD621-203dpi ZPL;CMD:ZPL,EPL;CLS:PRINTER;SN:D4J204500123;"


class Usblp:
    """The ioctls of one USB printer."""

    def __init__(self, device_id: bytes = ID, status: int = 0x18) -> None:
        self.device_id, self.status = device_id, status
        self.protocol, self.channel, self.resets = 2, 0, 0
        self.fails = 0

    def __call__(self, fd: int, request: int, argument: Any) -> Any:
        direction, size, letter, number = (
            request >> 30,
            request >> 16 & 0x3FFF,
            request >> 8 & 0xFF,
            request & 0xFF,
        )
        if self.fails:
            raise OSError(self.fails, os.strerror(self.fails))
        if request == 0x060B:  # LPGETSTATUS
            return struct.pack("i", self.status)
        if letter != ord("P"):
            raise OSError(errno.ENOTTY, "not mine")
        if (direction, number) == (2, 1):  # LPIOC_GET_DEVICE_ID(size): the length goes with the text
            text = (len(self.device_id) + 2).to_bytes(2, "big") + self.device_id
            argument[:] = (text + bytes(size))[:size]
            return 0
        if (direction, number, size) == (2, 2, 8):  # LPIOC_GET_PROTOCOLS
            return struct.pack("ii", self.protocol, 0b110)
        if (direction, number) == (1, 3):  # LPIOC_SET_PROTOCOL
            self.protocol = argument
            return 0
        if (direction, number) == (1, 4):  # LPIOC_HP_SET_CHANNEL
            self.channel = argument
            return 0
        if (direction, number) == (0, 7):  # LPIOC_SOFT_RESET
            self.resets += 1
            return 0
        raise OSError(errno.ENOTTY, "no such ioctl")


def ask(kernel: Usblp, code: int, data: bytes = b"", *, changes: bool = True) -> bytes:
    return control(7, code, data, "LPT1:", changes=changes, ioctl=kernel)


def test_a_device_id_comes_in_windows_form() -> None:
    answer = ask(Usblp(), Control.GET_1284_ID)
    assert answer == (len(ID) + 2).to_bytes(2, "big") + ID + b"\0"
    found = ieee1284.parse(answer)
    assert (found.manufacturer, found.serial_number) == ("Zebra", "D4J204500123")
    assert found.command_sets == ("ZPL", "EPL")


def test_status_protocol_and_reset_reach_the_driver() -> None:
    kernel = Usblp()
    assert ask(kernel, Control.GET_LPT_STATUS) == b"\x18\0\0\0"
    assert ask(kernel, Control.GET_PROTOCOL) == b"\x02\0\0\0"
    assert ask(kernel, Control.GET_INTERFACE_TYPE) == b"\x01\0\0\0"
    kernel.protocol = 1
    assert ask(kernel, Control.SET_PROTOCOL, b"\x02\0\0\0") == b""
    assert ask(kernel, Control.SOFT_RESET, changes=False) == b""
    assert ask(kernel, Control.VENDOR_GET_COMMAND, b"\x00\x00\x05") == b"\x05"
    assert (kernel.protocol, kernel.resets, kernel.channel) == (2, 1, 5)


@pytest.mark.parametrize(
    "code", [Control.SET_PROTOCOL, Control.VENDOR_GET_COMMAND, Control.VENDOR_SET_COMMAND]
)
def test_what_changes_the_printer_is_refused_unless_the_port_allows_it(code: Control) -> None:
    kernel = Usblp()
    with pytest.raises(AccessDenied):
        ask(kernel, code, b"\x01\0\0\0", changes=False)
    assert (kernel.protocol, kernel.channel) == (2, 0)


@pytest.mark.parametrize(
    ("code", "data", "error"),
    [
        (0x220050, b"", NotSupported),
        (7, b"", NotSupported),
        (Control.SET_PROTOCOL, b"\x01\0\0\0", InvalidArgument),  # Windows lets 2 be set alone
        (Control.SET_PROTOCOL, b"\x04\0\0\0", InvalidArgument),
        (Control.SET_PROTOCOL, b"", InvalidArgument),
        (Control.VENDOR_GET_COMMAND, b"\x00", InvalidArgument),
        (Control.VENDOR_GET_COMMAND, b"\x02\x00\x01", NotSupported),
        (Control.VENDOR_SET_COMMAND, b"\x00\x00\x01data", NotSupported),
    ],
)
def test_what_nobody_has_is_not_supported_and_a_wrong_form_is_refused(
    code: int, data: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(Usblp(), code, data)


def test_a_device_that_fails_is_a_fault_and_one_without_the_control_has_none() -> None:
    kernel = Usblp()
    kernel.fails = errno.EIO
    with pytest.raises(DeviceFault):
        ask(kernel, Control.GET_1284_ID)
    kernel.fails = errno.ENOTTY
    with pytest.raises(NotSupported):
        ask(kernel, Control.GET_1284_ID)


@pytest.mark.parametrize("code", list(Control))
def test_a_fifo_has_no_controls_at_all(tmp_path: Path, code: Control) -> None:
    os.mkfifo(tmp_path / "lp0")
    reader = os.open(tmp_path / "lp0", os.O_RDONLY | os.O_NONBLOCK)
    wait = DeviceWait()
    port = open_device(str(tmp_path / "lp0"), OpenContext("LPT1:", wait, Lines()), 1.0, changes=True)
    with pytest.raises(NotSupported if code is not Control.SET_PROTOCOL else InvalidArgument):
        port.control(code, b"\x00\x00\x01" if code is Control.VENDOR_GET_COMMAND else b"")
    port.close()
    wait.close()
    os.close(reader)


class Lines:
    line: Any = None

    def store_line(self, line: Any) -> None:
        self.line = line


@pytest.mark.parametrize(
    ("data", "model"),
    [
        (ID, "ZTC ZD621-203dpi ZPL"),
        (b"\x00\x10MODEL:TM-T88;;;", "TM-T88"),
        (b"\x10\x00MODEL:TM-T88;;;", "TM-T88"),  # the length the wrong way round
        (b"\xff\xffMODEL:LP;", ""),  # a length that cannot be: what it is part of is not known
        (b"mdl : LP 2844 ;mfg:Eltron", "LP 2844"),
        (b"MDL:one;MDL:two;", "one"),
        (b"", ""),
        (b"\0\0\0", ""),
        (b";:;:;", ""),
    ],
)
def test_device_ids_of_the_world_are_read_as_far_as_they_can_be(data: bytes, model: str) -> None:
    assert ieee1284.parse(data).model == model


@given(st.binary(max_size=300) | st.text(alphabet="MFGDLCS:;, \x00é", max_size=80).map(str.encode))
def test_any_bytes_are_read_without_harm(data: bytes) -> None:
    found = ieee1284.parse(data)
    assert len(found.fields) <= 64
    for key, value in found.fields.items():
        assert key == key.upper() or not key.isascii()
        assert value.isprintable()
        assert len(value) <= 200


@given(st.binary(max_size=5000))
def test_whatever_a_printer_calls_itself_comes_out_in_windows_form(device_id: bytes) -> None:
    answer = ask(Usblp(device_id), Control.GET_1284_ID)
    assert int.from_bytes(answer[:2], "big") == len(answer) - 1
    assert answer.endswith(b"\0")


def test_a_device_id_is_device_data() -> None:
    text = b"MFG:Zebra;MDL:ZD621;CMD:ZPL,EPL;SN:D4J2;"
    facts = ieee1284.facts_of((len(text) + 2).to_bytes(2, "big") + text + b"\0")
    assert {path.removeprefix("\\Printer.DeviceInfo:"): fact.value for path, fact in facts.items()} == {
        "IEEE1284DeviceId": text.decode(),
        "Manufacturer": "Zebra",
        "ModelName": "ZD621",
        "SerialNumber": "D4J2",
    }
    assert ieee1284.facts_of(b"") == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # CRC-16/ARC of "123456789" is BB3D.
        (b"MFG:1234;MDL:56789;", "123456789BB3D"),
        (b"MFG:Hewlett Packard;MDL:LaserJet 4 Si Duplex;", "Hewlett_PackardLaser"),
        (b"CMD:PCL;", ""),
    ],
)
def test_a_device_id_has_a_plug_and_play_name(text: bytes, name: str) -> None:
    found = ieee1284.plug_and_play_id(text)
    assert found.startswith(name)
    assert len(found) == (len(name) if len(name) < 20 else 24)
