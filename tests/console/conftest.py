"""A fabric that is alive (`printfabric up --demo`), and a real browser on its console."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser, BrowserType, expect, sync_playwright

from tests.console.visit import Visit
from tests.rig.programs import end_process
from tests.surroundings import missing, require_tool

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
START_S = 120.0
# Two shared cores may be busy with other things; what people are promised is asserted where it is promised.
expect.set_options(timeout=30_000)


class Alive:
    """A running fabric: its console's address, its parts, its state directory."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process

    @property
    def address(self) -> dict[str, Any]:
        """What `printfabric up` says of itself."""
        return dict(json.loads((self.folder / "address.json").read_text("utf-8")))

    @property
    def console(self) -> str:
        """The console's address."""
        return str(self.address["console"])

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run the command against it."""
        command = [
            sys.executable,
            "-m",
            "printfabric_client.command",
            "--state-dir",
            str(self.folder),
            *arguments,
        ]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def part(self, name: str) -> int:
        """Return a part's process id."""
        return int(self.address["parts"][name])


@pytest.fixture(scope="package")
def alive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alive]:
    """Run the fabric that `make run` runs, on free ports."""
    folder = tmp_path_factory.mktemp("alive")
    log = (folder / "up.log").open("wb")
    command = [sys.executable, "-m", "printfabric_client.command", "--state-dir", str(folder / "state")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PRINTFABRIC_")}
    process = subprocess.Popen(
        [*command, "up", "--demo", "--listen", "127.0.0.1:0"], stdout=log, stderr=log, env=environment
    )
    try:
        deadline = time.monotonic() + START_S
        while b"Everything runs" not in (folder / "up.log").read_bytes():
            assert process.poll() is None, (folder / "up.log").read_text()
            assert time.monotonic() < deadline, (folder / "up.log").read_text()
            time.sleep(0.1)
        yield Alive(folder / "state", process)
    finally:
        end_process(process, signal.SIGINT)
        log.close()


@pytest.fixture(scope="package")
def browser(outlives_tests: Callable[[str], None]) -> Iterator[Browser]:
    """Lend a real Chromium: the distribution's, nothing is downloaded."""
    outlives_tests("asyncio_")  # Playwright's own loop has a pool
    with sync_playwright() as playwright:
        found = chromium(playwright.chromium)
        yield found
        found.close()


def chromium(kind: BrowserType, *options: str) -> Browser:
    """Start the distribution's Chromium, or Google's."""
    try:
        path = require_tool("chromium")
    except pytest.skip.Exception:
        path = require_tool("google-chrome")
    try:
        return kind.launch(executable_path=path, args=["--no-sandbox", *options])
    except OSError as error:
        missing(f"{path} does not start: {error}")


@pytest.fixture
def visit(alive: Alive, browser: Browser) -> Iterator[Visit]:
    """Lend a window on the console that notes every complaint; one that was not expected fails the test."""
    found = Visit(browser, alive.console, AXE)
    yield found
    found.close()
    assert found.complaints == []
