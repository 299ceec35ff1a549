"""Devices and tests of ports as a person meets them: the printfabric command, a real spooler and a real port monitor.

The devices are ptys below directories that look like /dev and /sys; a pty has no speed, so the printer at its other end
looks at what the line was set to.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from printfabric_client.sync import Client
from tests.fakes.device_tree import FakeAdapter, FakeDevices
from tests.fakes.serial_printer import SerialPrinter
from tests.rig.programs import Program
from tests.rig.real_fabric import HOST, portmon_settings, spooler_settings

HS = b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n"


@dataclass
class Rig:
    """The programs, their devices, and a person's hands on the keyboard."""

    devices: FakeDevices
    spooler: Program
    adapter: FakeAdapter

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        line = [
            sys.executable,
            "-m",
            "printfabric_client.command",
            "--address",
            self.spooler.address,
            *arguments,
        ]
        return subprocess.run(line, capture_output=True, text=True, timeout=50)

    def until(self, so: Callable[[str], bool], *arguments: str) -> str:
        deadline = time.monotonic() + 20
        while not so(text := self(*arguments).stdout):
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        return text


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("by-command")
    devices = FakeDevices(folder / "host")
    adapter = devices.plug("ttyUSB0", serial="A10KXYZ1")
    more = f'device_root = "{devices.tree.dev}"\nsys_root = "{devices.tree.sys}"'
    portmon = Program("portmon", folder, portmon_settings(folder / "pm", [], more))
    portmon.start()
    spooler = Program("spooler", folder, spooler_settings(folder / "sp", portmon.address, {}))
    spooler.start()
    found = Rig(devices, spooler, adapter)
    found.until(lambda text: f"{HOST}  online" in text, "hosts")
    try:
        yield found
    finally:
        spooler.stop()
        portmon.stop()
        devices.close()


def test_a_port_is_added_for_a_found_device_and_shown_with_its_settings(rig: Rig) -> None:
    found = rig("ports", "devices", HOST)
    assert re.search(r"^found +\(COM1:\) .*usb-FTDI_.*A10KXYZ1", found.stdout, re.MULTILINE), found
    device = f"{rig.devices.tree.by_id}/usb-FTDI_FT232R_USB_UART_A10KXYZ1-if00-port0"
    added = rig("ports", "add", f"{HOST}/COM1:", "-m", "Local Port", f"device={device}", "flow=xonxoff")
    assert added.stdout == f"port {HOST}/COM1: added\n", added
    shown = rig("ports", "show", f"{HOST}/COM1:").stdout
    for row in (
        f"device +{re.escape(device)}",
        "baud +9600",
        "flow +xonxoff",
        "parity +none",
        "revision +[0-9a-f]+",
    ):
        assert re.search(f"^{row}$", shown, re.MULTILINE), (row, shown)
    assert re.search(r"^in use +COM1:", rig("ports", "devices", HOST).stdout, re.MULTILINE)


def test_the_speed_is_detected_and_the_command_to_set_it_is_told(rig: Rig) -> None:
    printer = SerialPrinter(rig.adapter.fd, {b"~HS": HS}, speed=termios.B19200)
    try:
        found = rig("ports", "detect", f"{HOST}/COM1:", "--ask", "zpl-hs")
    finally:
        printer.stop()
    assert found.returncode == 0, found
    assert found.stdout == f"19200 8N1: ~HS answered: 3 strings, {len(HS)} bytes\n"
    assert "9600 8N1: no answer" in found.stderr
    told = re.search(r"set it with: printfabric (.*)", found.stderr)
    assert told is not None, found
    assert rig(*told[1].split()).stdout == f"port {HOST}/COM1: changed\n"
    assert re.search("^baud +19200$", rig("ports", "show", f"{HOST}/COM1:").stdout, re.MULTILINE)


def test_who_is_there_is_asked_and_a_test_label_printed(rig: Rig) -> None:
    zpl = {b"~HI": b"\x02ZD621-203dpi,V93.21,8,16384KB\x03\r\n", b"~HS": HS}
    printer = SerialPrinter(rig.adapter.fd, zpl, speed=termios.B19200)
    try:
        probed = printed = rig("ports", "probe", f"{HOST}/COM1:")
        for _ in range(
            3
        ):  # closing a pty drops what its far end has not read: a busy machine may need another one
            printed = rig("ports", "test", f"{HOST}/COM1:")
            if printer.heard.endswith(b"^XZ"):
                break
    finally:
        printer.stop()
    assert probed.stdout == "ZD621-203dpi (~HI answered: ZD621-203dpi)\n", probed
    assert "proof: output queue" in printed.stdout, printed
    assert printer.heard.endswith(b"^XZ")
    assert b"Port: COM1:" in printer.heard


def test_without_a_loopback_plug_the_test_says_so(rig: Rig) -> None:
    printer = SerialPrinter(rig.adapter.fd, {})
    try:
        found = rig("ports", "loopback", f"{HOST}/COM1:")
    finally:
        printer.stop()
    assert "nothing came back: is there a loopback plug" in found.stdout


def test_any_management_command_is_answered_as_json_or_with_its_code(rig: Rig) -> None:
    answer = rig("xcv", f"{HOST}/COM1:", "GetConfigInfo", "-i", "{}")
    assert json.loads(answer.stdout)["settings"]["flow"] == "xonxoff"
    assert json.loads(rig("xcv", HOST, "PortExists", "-m", "Local Port", "name=com1:").stdout) == {
        "exists": True
    }
    unknown = rig("xcv", f"{HOST}/COM1:", "getconfiginfo")
    assert unknown.returncode != 0
    assert "no command 'getconfiginfo' (code 87)" in unknown.stderr
    refused = rig("xcv", f"{HOST}/COM1:", "DeletePort")
    assert "DeletePort is for administrators (code 5)" in refused.stderr
    steps = rig(
        "--json", "xcv", f"{HOST}/COM1:", "AutoBaud", "--admin", "speeds=[9600]", "ask=listen"
    ).stdout.splitlines()
    assert json.loads(steps[0])["text"] == "9600 8N1: listening"
    assert json.loads(steps[-1])["output"]["found"] is False


def test_to_hang_up_is_to_cancel_all_the_way_to_the_line(rig: Rig) -> None:
    with Client(rig.spooler.address) as fabric, fabric.ports.xcv(f"{HOST}/COM1:", administer=True) as xcv:
        with closing(cast("Generator[Any, None, None]", xcv.stream("AutoBaud", {"timeoutS": 500}))) as steps:
            assert next(steps).text == "9600 8N1: listening"
        began = time.monotonic()
        answer = xcv.data(
            "Loopback", {"timeoutS": 15}
        )  # a line in use would be refused, a port in use waited for
    assert answer.status == 0, answer.message
    assert time.monotonic() - began < 8  # all speeds take longer


def test_an_unplugged_device_is_offline_with_a_sentence_and_back_by_itself(rig: Rig) -> None:
    show = ("ports", "show", f"{HOST}/COM1:")
    assert (
        rig("printers", "add", "watched", "--port", f"{HOST}/COM1:").returncode == 0
    )  # its device is, from now on
    rig.adapter.unplug()
    away = rig.until(lambda text: "offline" in text, *show)
    assert re.search(r"^why +/.*A10KXYZ1-if00-port0 is not there: unplugged", away, re.MULTILINE)
    assert re.search(r"^missing +COM1:", rig("ports", "devices", HOST).stdout, re.MULTILINE)
    rig.adapter = rig.devices.plug("ttyUSB7", serial="A10KXYZ1", socket="1-4")
    rig.until(lambda text: re.search("^state +ready$", text, re.MULTILINE) is not None, *show)
    explained = rig("explain", f"{HOST}/COM1:").stdout
    assert "::" not in explained


def test_a_wrong_setting_is_told_with_one_colon(rig: Rig) -> None:
    wrong = rig("ports", "configure", f"{HOST}/COM1:", "baud=12345")
    assert wrong.returncode == 2
    assert "::" not in wrong.stderr
    assert wrong.stderr.startswith(f"printfabric: port {HOST}/COM1: baud: Input should be 110, 300, ")


def test_a_cable_pulled_in_the_middle_of_a_document_costs_that_document_and_no_other(
    rig: Rig, tmp_path: Path
) -> None:
    created = rig("printers", "add", "cable", "--port", f"{HOST}/COM1:")
    assert created.returncode == 0, created
    large, small = tmp_path / "large.txt", tmp_path / "small.txt"
    large.write_bytes(b"x" * 300_000)
    small.write_bytes(b"the next one\n")
    assert rig("print", "-P", "cable", str(large)).returncode == 0
    rig.until(lambda text: "processing" in text, "jobs", "-a")  # nobody reads: it is stuck in the middle
    assert rig("print", "-P", "cable", str(small)).returncode == 0
    rig.adapter.unplug()
    rig.until(lambda text: "offline" in text, "ports", "show", f"{HOST}/COM1:")
    rig.adapter = rig.devices.plug("ttyUSB9", serial="A10KXYZ1", socket="1-2")
    printer = SerialPrinter(rig.adapter.fd, {})
    try:
        jobs = rig.until(lambda text: "completed" in text or "held" in text, "jobs", "-a")
        number = re.search(r"^(\d+) .*large", jobs, re.MULTILINE)
        if number is not None and "pending-held" in jobs:
            rig("resolve", number[1], "skip")
        rig.until(
            lambda text: re.search(r"completed.*small|small.*completed", text) is not None, "jobs", "-a"
        )
    finally:
        printer.stop()
    assert bytes(printer.heard).endswith(b"the next one\n")
