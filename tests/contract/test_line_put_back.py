"""A serial line that a killed port monitor has set: the next start puts it back, unless somebody else has set it since."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from printfabric.monitor.v1 import xcv_service_pb2 as xcv
from printfabric.monitor.v1 import xcv_service_pb2_grpc as xcv_rpc
from tests.contract.monitor_rigs import SerialRig
from tests.contract.test_monitor_kill import Process
from tests.rig.until import until
from tests.surroundings import require_tool

ADMINISTER = 1


class Terminal:
    """A line that stays open whoever else has it, and stty as a witness."""

    def __init__(self, path: str) -> None:
        self._stty = [require_tool("stty"), "-F", path]
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def set(self, *words: str) -> None:
        subprocess.run([*self._stty, *words], check=True)

    def seen(self) -> str:
        return subprocess.run([*self._stty, "-g"], check=True, capture_output=True, text=True).stdout

    def unlock(self) -> None:
        """Undo what keeps others than root from it: the killed process' TIOCEXCL stays as long as it is open."""
        fcntl.ioctl(self.fd, termios.TIOCNXCL)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    rig = SerialRig(tmp_path)
    found = Process(tmp_path, rig)
    yield found
    if found.running is not None:
        found.kill()
    rig.stop()


@pytest.fixture
def line(process: Process) -> Iterator[Terminal]:
    found = Terminal(process.rig.settings()["device"])
    found.set("1200", "echo", "icanon")
    yield found
    os.close(found.fd)


async def open_port(process: Process) -> None:
    async with process.stub() as stub:
        await process.open(stub)


async def test_the_next_start_puts_back_what_a_killed_one_had_set(process: Process, line: Terminal):
    before = line.seen()
    process.start()
    await open_port(process)
    assert line.seen() != before
    await asyncio.to_thread(process.kill)
    assert line.seen() != before
    line.unlock()
    process.start()
    assert line.seen() == before


async def test_what_somebody_else_has_set_since_is_left_alone(process: Process, line: Terminal):
    process.start()
    await open_port(process)
    await asyncio.to_thread(process.kill)
    line.unlock()
    line.set("300", "ixoff")
    theirs = line.seen()
    process.start()
    assert line.seen() == theirs


async def test_a_test_of_a_line_that_is_killed_leaves_it_to_the_next_start(process: Process, line: Terminal):
    before = line.seen()
    process.start()
    async with grpc.aio.insecure_channel(process.address) as channel:
        stub = xcv_rpc.XcvServiceStub(channel)
        opened = await stub.XcvOpenPort(xcv.XcvOpenPortRequest(port=process.port, granted_access=ADMINISTER))
        value = json.dumps({"ask": "listen", "speeds": [9600] * 20}).encode()
        command = xcv.XcvDataPortRequest(handle=opened.handle, data_name="AutoBaud", input_data=value)
        call = stub.StreamXcvDataPort(xcv.StreamXcvDataPortRequest(command=command))
        await call.read()
        await until(changed(line, before), "the line was never set")
        await asyncio.to_thread(process.kill)
    assert line.seen() != before
    line.unlock()
    process.start()
    assert line.seen() == before


def changed(line: Terminal, before: str) -> Callable[[], bool]:
    return lambda: line.seen() != before
