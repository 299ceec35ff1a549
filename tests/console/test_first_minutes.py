"""From the box to the first label: a serial printer whose settings nobody knows, and one on USB, counted in clicks."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, expect

from tests.console import figures
from tests.console.conftest import AXE, Alive
from tests.console.visit import Visit
from tests.fakes.device_tree import FakeAdapter, FakeDevices
from tests.rig.programs import Program, running, wait_until
from tests.rig.real_fabric import HOST, portmon_settings, spooler_settings
from tests.surroundings import free_port

pytestmark = pytest.mark.timeout(300)
CLICKS = "addEventListener('click', (event) => sessionStorage.clicks = 1 + Number(sessionStorage.clicks ?? 0), true)"


class Serial:
    """A simulated label printer on a line of 38400 baud, its device and its control."""

    def __init__(self, device: Path, control: str) -> None:
        self.device = device
        self.control = control

    def printed(self) -> int:
        """Return how many labels came out."""
        with urlopen(f"{self.control}/printers/zpl", timeout=10) as answer:
            return int(json.loads(answer.read())["printed"])


@pytest.fixture
def serial(tmp_path: Path) -> Iterator[Serial]:
    """Lend one."""
    device, ready = tmp_path / "ttyPRN", tmp_path / "ready.json"
    command = [sys.executable, "-m", "printfabric_sim", "zpl", "--pty", str(device), "--line", "38400,8,N,1"]
    command += ["--control", "0", "--ready-file", str(ready)]
    with running(command, tmp_path / "sim.log"):
        wait_until(
            lambda: ready.exists() and bool(ready.read_text()),
            30,
            "the simulator never said that it is ready",
        )
        yield Serial(device, f"http://127.0.0.1:{json.loads(ready.read_text())['control']}")


def test_a_serial_printer_with_unknown_settings_prints_a_label_in_six_clicks_and_a_minute_and_a_half(
    visit: Visit, alive: Alive, serial: Serial
):
    page = visit.window()
    page.add_init_script(CLICKS)
    visit.open(page, "/")
    page.evaluate("sessionStorage.clicks = 0")
    began = time.monotonic()
    page.get_by_role("link", name="Add port").click()
    page.get_by_label("Port name").fill("COM9:")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("textbox", name="Device").fill(str(serial.device))
    expect(page.get_by_label("Detect settings: how")).to_have_value("listen")
    page.get_by_role("button", name="Detect settings").click()
    expect(page.locator("#form-summary")).to_have_text("38400 8N1", timeout=120_000)
    assert serial.printed() == 0
    assert "COM9:" not in alive.run("ports", "list")
    visit.screen(page, "add-detect-desktop-light")
    assert visit.barriers(page) == []
    page.get_by_role("button", name="Add and make a printer").click()
    page.get_by_label("Name", exact=True).fill("unboxed")
    page.get_by_label("Language").select_option("Labels (ZPL)")
    page.get_by_role("button", name="Add printer").click()
    page.get_by_role("button", name="Test page").click()
    expect(page.locator(".said")).to_contain_text("Test label is job")
    wait_until(lambda: serial.printed() > 0, 60, "no label came out")
    took, clicks = time.monotonic() - began, int(page.evaluate("sessionStorage.clicks"))
    figures.note("serial printer", seconds=round(took, 1), clicks=clicks)
    assert clicks <= 8
    visit.open(page, "/ports")  # a page of what is being deleted would complain
    alive.run("printers", "delete", "unboxed")


@pytest.fixture
def usb(tmp_path: Path) -> Iterator[tuple[FakeAdapter, str]]:
    """Run a fabric whose host has a USB printer: a pty below directories like /dev and /sys. Lend it and the console."""
    devices = FakeDevices(tmp_path / "host")
    printer = devices.plug_printer("lp0", socket="1-2", serial="D4J2")
    roots = f'device_root = "{devices.tree.dev}"\nsys_root = "{devices.tree.sys}"'
    started: list[Program] = []

    def start(module: str, settings: str) -> Program:
        started.append(Program(module, tmp_path, settings))
        started[-1].start()
        return started[-1]

    try:
        portmon = start("portmon", portmon_settings(tmp_path / "pm", [], roots))
        spooler = start("spooler", spooler_settings(tmp_path / "sp", portmon.address, {}))
        web = f"127.0.0.1:{free_port()}"
        start("portui", f'spooler = "{spooler.address}"\nweb_listen = "{web}"\n')
        yield printer, f"http://{web}"
    finally:
        for one in reversed(started):
            one.stop()
        devices.close()


def test_a_usb_printer_that_was_found_prints_a_label_in_four_clicks(
    usb: tuple[FakeAdapter, str], browser: Browser
):
    printer, console = usb
    visit = Visit(browser, console, AXE)
    page = visit.window()
    page.add_init_script(CLICKS)
    visit.open(page, f"/hosts/{HOST}")
    page.evaluate("sessionStorage.clicks = 0")
    found = page.get_by_role("listitem").filter(has_text="ZD621")
    found.get_by_role("link", name="Add port").click()
    page.get_by_role("button", name="Add and make a printer").click()
    page.get_by_label("Name", exact=True).fill("wristbands")
    page.get_by_label("Language").select_option("Labels (ZPL)")
    page.get_by_role("button", name="Add printer").click()
    page.get_by_role("button", name="Test page").click()
    came = b""
    os.set_blocking(printer.fd, False)

    def label() -> bool:
        nonlocal came
        with contextlib.suppress(OSError):  # nothing yet, or nobody has the device open
            came += os.read(printer.fd, 65536)
        return b"^XZ" in came

    wait_until(label, 60, "no label came out")
    assert came.startswith(b"^XA")
    assert int(page.evaluate("sessionStorage.clicks")) <= 4
    visit.close()
    assert visit.complaints == []
