"""A setting's walk, through three real programs: PortUIService, spooler, port monitor, and the line of a pty."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.client import Channels
from chassis.errors import EtagMismatch, PortExists, PortInUse, PortNotFound, UnknownPrintMonitor
from printfabric.portui.v1 import portui_service_pb2 as pb
from printfabric.portui.v1.portui_service_pb2_grpc import PortUIServiceStub
from printfabric.spooler.v1 import port_service_pb2 as ports_pb
from printfabric.spooler.v1 import print_service_pb2 as jobs_pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric.types.v1 import port_pb2

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PRINTFABRIC_")}
COM7 = "hosts/edge-7/ports/COM7:"
IFLAG, CFLAG, OSPEED = 0, 2, 5


class Chain:
    """The three programs, and stubs to two of them."""

    def __init__(self, channels: Channels, spooler: str, portui: str, log: Path) -> None:
        self.portui: Any = PortUIServiceStub(channels.get(portui))
        self.ports: Any = PortServiceStub(channels.get(spooler))
        self.printers: Any = PrinterServiceStub(channels.get(spooler))
        self.jobs: Any = PrintServiceStub(channels.get(spooler))
        self._log = log

    async def create_printer(self, name: str, port: str) -> None:
        """Add a printer with one port of the host."""
        only = printers_pb.PrinterPort(port=port_pb2.PortName(host="edge-7", port=port))
        printer = printers_pb.Printer(ports=[only])
        await self.printers.CreatePrinter(printers_pb.CreatePrinterRequest(printer_id=name, printer=printer))

    async def port_names(self) -> list[str]:
        """Return what the spooler's list of ports has."""
        answer = await self.ports.ListPorts(ports_pb.ListPortsRequest())
        return [port.name for port in answer.ports]

    async def print(self, printer: str, document: bytes) -> None:
        """Send a document."""
        spec = jobs_pb.JobSpec(printer=printer)
        await self.jobs.SubmitJob(jobs_pb.SubmitJobRequest(spec=spec, document=document))

    async def form(self, port: str) -> pb.DescribeFormResponse:
        """Return a port's form."""
        answer: pb.DescribeFormResponse = await self.portui.DescribeForm(pb.DescribeFormRequest(port=port))
        return answer

    async def configure(self, name: str, revision: str, /, **settings: Any) -> pb.ConfigurePortUIResponse:
        """Change settings."""
        answer: pb.ConfigurePortUIResponse = await self.portui.ConfigurePortUI(
            pb.ConfigurePortUIRequest(
                name=name, settings=json.dumps(settings).encode(), settings_revision=revision
            )
        )
        return answer

    def audit(self) -> list[dict[str, Any]]:
        """Return portui's lines about ports."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line["event"].startswith("port ")]


@asynccontextmanager
async def program(name: str, folder: Path, *args: str) -> AsyncIterator[str]:
    """Run one of the programs; give its address."""
    ready, log = folder / f"{name}.ready", folder / f"{name}.log"
    own = ("--listen", "127.0.0.1:0", "--ready-file", str(ready), "--log.format", "json", "--grace-s", "2")
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", name, *args, *own, stderr=errors, env=ENVIRONMENT
        )
    try:
        async with asyncio.timeout(30):
            while not ready.exists():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)
        yield json.loads(ready.read_text())["addresses"][0]
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await process.wait()
    assert process.returncode == 0, log.read_text()


@pytest_asyncio.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    """A port monitor without ports, a spooler that knows it, a configuration service before that."""
    async with AsyncExitStack() as stack:
        portmon = await stack.enter_async_context(
            program("portmon", tmp_path, "--host-name", "edge-7", "--state-dir", str(tmp_path / "portmon"))
        )
        config = tmp_path / "spooler.toml"
        config.write_text(
            f'state_dir = "{tmp_path / "spooler"}"\n[[hosts]]\nname = "edge-7"\naddress = "{portmon}"\n'
        )
        spooler = await stack.enter_async_context(program("spooler", tmp_path, "--config", str(config)))
        portui = await stack.enter_async_context(program("portui", tmp_path, "--spooler", spooler))
        channels = await stack.enter_async_context(Channels())
        yield Chain(channels, spooler, portui, tmp_path / "portui.log")


class Line:
    """A pty: what is printed comes out at one end, its settings are seen there too."""

    def __init__(self) -> None:
        self.end, self._other = os.openpty()
        tty.setraw(self._other)
        os.set_blocking(self.end, False)
        self.device = os.ttyname(self._other)

    async def read(self, count: int) -> bytes:
        """Return the next bytes that were printed."""
        data = b""
        async with asyncio.timeout(15):
            while len(data) < count:
                try:
                    data += os.read(self.end, count - len(data))
                except BlockingIOError:
                    await asyncio.sleep(0.01)
        return data

    def settings(self) -> tuple[int, bool, bool]:
        """Return the line's speed, and whether it has two stop bits and XON/XOFF."""
        found = termios.tcgetattr(self.end)
        return found[OSPEED], bool(found[CFLAG] & termios.CSTOPB), bool(found[IFLAG] & termios.IXON)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.end)
        os.close(self._other)


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    """A line."""
    line = Line()
    yield line
    line.close()


async def add(chain: Chain, monitor: str, port_id: str, /, **settings: Any) -> pb.AddPortUIResponse:
    answer: pb.AddPortUIResponse = await chain.portui.AddPortUI(
        pb.AddPortUIRequest(
            parent="hosts/edge-7", monitor=monitor, port_id=port_id, settings=json.dumps(settings).encode()
        )
    )
    return answer


async def test_a_setting_walks_from_the_form_to_the_line(chain: Chain, line: Line):
    added = await add(chain, "Local Port", "com07:", device=line.device, baud=9600)
    assert (added.port.name, list(added.errors)) == (COM7, [])  # one canonical form
    await chain.create_printer("labels", "COM7:")
    await chain.print("labels", b"^XA1^XZ")
    assert await line.read(7) == b"^XA1^XZ"
    assert line.settings() == (termios.B9600, False, False)

    form = await chain.form(COM7)
    document = json.loads(form.descriptor_json)
    assert set(document["schema"]["properties"]) >= {"baud", "dataBits", "parity", "stopBits", "flow"}
    assert json.loads(form.values_json)["baud"] == 9600

    # The monitor's own class says what is wrong, by field; nothing reaches the line.
    wrong = await chain.configure(COM7, form.settings_revision, baud="fast", stopBits="3")
    assert {error.pointer for error in wrong.errors} == {"/baud", "/stopBits"}
    assert all(error.message for error in wrong.errors)
    wrong = await chain.configure(COM7, form.settings_revision, stopBits="1.5")
    assert [error.pointer for error in wrong.errors] == [""]  # a rule between two fields

    done = await chain.configure(COM7, form.settings_revision, baud=19200, stopBits="2", flow="xonxoff")
    assert (done.changed, list(done.errors)) == (True, [])
    await chain.print("labels", b"^XA2^XZ")
    assert await line.read(7) == b"^XA2^XZ"
    assert line.settings() == (termios.B19200, True, True)

    after = await chain.form(COM7)
    values = json.loads(after.values_json)
    assert (values["baud"], values["device"]) == (19200, line.device)  # what was not named stays
    assert form.settings_revision != after.settings_revision == done.port.settings_revision
    assert not (await chain.configure(COM7, after.settings_revision, baud=19200)).changed

    lines = chain.audit()
    assert [entry["event"] for entry in lines] == ["port added", "port configured"]
    assert lines[1]["settings"] == {
        "baud": "9600 → 19200",
        "stopBits": "'1' → '2'",
        "flow": "'none' → 'xonxoff'",
    }
    assert (lines[1]["who"], lines[1]["port"]) == ("loopback", COM7)


async def test_a_raw_port_is_added_prints_stays_while_it_is_used_and_is_deleted(chain: Chain):
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def device(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.put_nowait(await reader.read(-1))
        writer.close()

    listener = await asyncio.start_server(device, "127.0.0.1", 0)
    async with listener:
        where = listener.sockets[0].getsockname()[1]
        name = "hosts/edge-7/ports/IP_127.0.0.1"
        added = await add(chain, "Standard TCP/IP Port", "IP_127.0.0.1", host="127.0.0.1", port=where)
        assert (added.port.name, list(added.errors)) == (name, [])
        assert await chain.port_names() == [name]
        with pytest.raises(PortExists):
            await add(chain, "Local Port", "ip_127.0.0.1")

        await chain.create_printer("kitchen", "IP_127.0.0.1")
        await chain.print("kitchen", b"two coffees")
        assert await asyncio.wait_for(received.get(), 15) == b"two coffees"

        with pytest.raises(PortInUse, match="kitchen"):
            await chain.portui.DeletePortUI(pb.DeletePortUIRequest(name=name))
        await chain.printers.DeletePrinter(printers_pb.DeletePrinterRequest(name="printers/kitchen"))
        await chain.portui.DeletePortUI(pb.DeletePortUIRequest(name=name))
        assert await chain.port_names() == []
        with pytest.raises(PortNotFound):
            await chain.form(name)
    assert [entry["event"] for entry in chain.audit()] == ["port added", "port deleted"]


async def test_nothing_is_added_when_a_field_is_wrong_or_only_validation_is_asked(chain: Chain):
    answer = await add(chain, "Standard TCP/IP Port", "IP_1", host="no host", port=99999, colour="red")
    assert {error.pointer for error in answer.errors} == {"/host", "/port", ""}
    missing = await add(chain, "Standard TCP/IP Port", "IP_1")
    assert [error.pointer for error in missing.errors] == ["/host"]
    comma = await add(chain, "Standard TCP/IP Port", "a,b", host="127.0.0.1")
    assert [error.pointer for error in comma.errors] == ["/name"]
    fine = await chain.portui.AddPortUI(
        pb.AddPortUIRequest(
            parent="hosts/edge-7",
            monitor="Standard TCP/IP Port",
            port_id="IP_1",
            settings=b'{"host": "127.0.0.1"}',
            validate_only=True,
        )
    )
    assert not fine.errors
    assert await chain.port_names() == []
    with pytest.raises(UnknownPrintMonitor) as caught:
        await add(chain, "Nobody's Port", "X")
    assert caught.value.win32 == 1796
    with pytest.raises(PortNotFound) as unknown:
        await chain.configure("hosts/edge-7/ports/IP_1", "", host="127.0.0.1")
    assert unknown.value.win32 == 1796


async def test_the_second_of_two_who_change_the_same_port_is_told(chain: Chain):
    await add(chain, "Standard TCP/IP Port", "IP_1", host="127.0.0.1")
    name = "hosts/edge-7/ports/IP_1"
    seen = (await chain.form(name)).settings_revision
    assert (await chain.configure(name, seen, connectTimeoutS=5)).changed
    with pytest.raises(EtagMismatch):
        await chain.configure(name, seen, connectTimeoutS=7)
    now = await chain.form(name)
    assert json.loads(now.values_json)["connectTimeoutS"] == 5
    assert (await chain.configure(name, now.settings_revision, connectTimeoutS=7)).changed


async def test_every_monitor_of_a_host_has_a_form_that_may_be_shown(chain: Chain):
    for monitor in ("serial", "device", "file", "raw", "Local Port", "Standard TCP/IP Port"):
        asked = pb.DescribeFormRequest(monitor=f"hosts/edge-7/monitors/{monitor}", locale="en")
        answer = await chain.portui.DescribeForm(asked)
        document = json.loads(answer.descriptor_json)
        assert answer.ui.startswith(document["name"] + ";")
        assert document["schema"]["properties"]
        asked.known_ui = answer.ui
        again = await chain.portui.DescribeForm(asked)
        assert (again.ui, again.descriptor_json) == (answer.ui, b"")
