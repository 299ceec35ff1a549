"""From the box to the first label: a serial printer whose settings nobody knows, timed and counted in clicks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.console import figures
from tests.console.conftest import Alive
from tests.console.visit import Visit
from tests.rig.programs import running, wait_until

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
    page.get_by_label("Device").fill(str(serial.device))
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
