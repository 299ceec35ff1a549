"""A fabric that is alive (`printfabric up --demo`), and a real browser on its console."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import axe_playwright_python  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, BrowserType, expect, sync_playwright

from printfabric_client.command.program import program
from tests.console.two_doors import TwoDoors, two_doors
from tests.console.visit import Visit
from tests.rig.programs import Program, end_process
from tests.surroundings import free_port, missing, require_tool

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
        """Run the command against it. In this process: to start Python takes longer than what it is asked for here."""
        words = ["--state-dir", str(self.folder), *arguments]
        # In a thread: Playwright's loop runs in this one.
        with ThreadPoolExecutor(1, "command") as thread:
            done = thread.submit(CliRunner().invoke, program, words, input=stdin).result(60)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def part(self, name: str) -> int:
        """Return a part's process id."""
        return int(self.address["parts"][name])


@pytest.fixture(scope="package")
def alive() -> Iterator[Alive]:
    """Run the fabric that `make run` runs, on free ports, where its paths are short: pictures show them."""
    folder = Path(mkdtemp(prefix="fabric-"))
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
        rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def front(alive: Alive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoDoors]:
    """Run a second console, and lend one address in front of both: each request goes to the other one."""
    address, web = alive.address, f"127.0.0.1:{free_port()}"
    settings = (
        f'spooler = "{address["spooler"]}"\nsimulators = "{address["simulators"]}"\nweb_listen = "{web}"\n'
    )
    second = Program("portui", tmp_path_factory.mktemp("second"), settings)
    try:
        second.start()
        with two_doors([alive.console, f"http://{web}"]) as found:
            yield found
    finally:
        second.stop()


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
