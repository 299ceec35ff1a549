"""S15 and S22: a port monitor that somebody else wrote, installed beside ours from a distribution of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from portmon.counters import PortCounters
from portmon.document import Disposition, DocInfo, Evidence, Phase, Slice
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit
from portmon.registry import Registry
from portmon.session import PortSession
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2
from printfabric.monitor.v1.xcv_service_pb2_grpc import XcvServiceStub
from printfabric.spooler.v1.port_service_pb2 import ListMonitorsRequest
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric_client.sync import Client
from tests.contract.monitor_contract import new_key
from tests.contract.statements.stage import SAMPLE
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST, printed, spooler_settings
from tests.rig.wire import Holder, channel_to


class SocketPrinter:
    """A printer at a Unix socket: keeps what comes, closes when the sender has ended, stops reading when told to."""

    def __init__(self, path: Path) -> None:
        self.path, self.documents, self.reads = path, list[bytes](), threading.Event()
        self.reads.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(4)
        self._listener.settimeout(0.05)
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended:
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                with connection:
                    got = bytearray()
                    self.reads.wait()
                    with contextlib.suppress(OSError):
                        while data := connection.recv(65536):
                            got += data
                            self.reads.wait()
                    self.documents.append(bytes(got))

    def stop(self) -> None:
        self._ended = True
        self.reads.set()
        self._thread.join(5)
        self._listener.close()


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[SocketPrinter]:
    found = SocketPrinter(tmp_path / "printer.sock")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, installed from its own distribution."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target), str(SAMPLE)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return target


class Fabric(NamedTuple):
    """A spooler, and a host on which the sample is installed, with one port of it."""

    portmon: Program
    spooler: Program

    def stop(self) -> None:
        self.spooler.stop()
        self.portmon.stop()


@pytest.fixture
def fabric(
    installed: Path, printer: SocketPrinter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fabric]:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    settings = f'host_name = "{HOST}"\nstate_dir = "{tmp_path / "pm"}"\n'
    port = json.dumps({"path": str(printer.path)}).replace(":", " =", 1)
    settings += f'[[ports]]\nname = "SOCK1"\nmonitor = "Unix Socket Port"\nsettings = {port}\n'
    portmon = Program("portmon", tmp_path, settings)
    queue = spooler_settings(tmp_path / "sp", portmon.address, {"sockets": ["SOCK1"]})
    found = Fabric(portmon, Program("spooler", tmp_path, queue))
    try:
        portmon.start()
        found.spooler.start()
        yield found
    finally:
        found.stop()


def test_s15_custom_monitors_can_be_added(fabric: Fabric, printer: SocketPrinter) -> None:
    with channel_to(fabric.portmon.address) as channel:
        stub = Holder(channel).stub
        hello = stub.Initialize(pb.InitializeRequest(owner=pb.PortOwner(fabric_id="f")))
        (sample,) = [one for one in hello.monitors if one.name == "Unix Socket Port"]
        assert sample.version == "1.0"
        assert pb.MONITOR_FUNCTION_READ_PORT not in sample.capabilities
        assert [one.port.port for one in stub.EnumPorts(pb.EnumPortsRequest()).ports] == ["SOCK1"]
    with channel_to(fabric.spooler.address) as channel:
        ports: Any = PortServiceStub(channel)
        (known,) = ports.ListMonitors(ListMonitorsRequest(parent=f"hosts/{HOST}")).hosts
        assert sample in known.monitors
    with Client(fabric.spooler.address) as client:
        job = client.wait(client.submit(b"^XA^XZ", printer="sockets").number, timeout_s=60)
        assert printed(job), job
    assert printer.documents == [b"^XA^XZ"]


def test_s15_a_custom_monitor_has_commands_hears_of_its_ports_and_keeps_values_over_a_restart(
    fabric: Fabric,
) -> None:
    assert own_command(fabric.portmon, "SetLocation", "aisle 7", access=0).status == 5
    assert own_command(fabric.portmon, "SetLocation", "aisle 7").status == 0
    wait_until(lambda: history(fabric.portmon)["heard"])
    assert history(fabric.portmon) == {"heard": ["used: SOCK1"], "starts": 1, "ended": 0}
    fabric.stop()
    fabric.portmon.start()
    assert json.loads(own_command(fabric.portmon, "GetLocation", access=0).output_data) == "aisle 7"
    assert history(fabric.portmon) == {"heard": [], "starts": 2, "ended": 1}


def history(portmon: Program) -> dict[str, Any]:
    """Return what the sample has heard, and how often it was started and ended."""
    found: dict[str, Any] = json.loads(own_command(portmon, "GetHistory").output_data)
    return found


def own_command(
    portmon: Program, name: str, value: object = None, access: int = 1
) -> xcv_service_pb2.XcvDataPortResponse:
    """Execute one of the sample's own commands."""
    with channel_to(portmon.address) as channel:
        stub: Any = XcvServiceStub(channel)
        opened = xcv_service_pb2.XcvOpenPortRequest(monitor="Unix Socket Port", granted_access=access)
        data = b"" if value is None else json.dumps(value).encode()
        request = xcv_service_pb2.XcvDataPortRequest(data_name=name, input_data=data)
        request.handle = stub.XcvOpenPort(opened).handle
        answer: xcv_service_pb2.XcvDataPortResponse = stub.XcvDataPort(request)
        return answer


class Bench:
    """The sample behind a port's own thread and journal, as the contract suite has every monitor."""

    def __init__(self, installed: Path, printer: SocketPrinter, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(installed))
        entry = EntryPoint("unix", "sample_port_monitor:UnixMonitor", "portmon.monitors")
        self.monitor = Registry(MonitorInit("bench", printer.path.parent), [entry]).scheme("unix")
        self.settings = self.monitor.settings.model_validate(
            {"path": str(printer.path), "writeTimeoutS": 0.5}
        )
        self.journal = Journal.open(printer.path.parent / "journal", "sock1", clock_skew_s=0)

    async def open(self) -> PortSession:
        session = PortSession("SOCK1", "fabric", self.journal, PortCounters())
        await session.open(self.monitor, self.settings)
        return session


def nobody(*_: object) -> None:
    """Nobody listens to progress on the way."""


async def test_s22_a_sample_port_monitor_is_supplied(
    installed: Path, printer: SocketPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Port" in (SAMPLE / "README.md").read_text()
    bench = Bench(installed, printer, monkeypatch)
    session = await bench.open()
    data = bytes(range(256)) * 1000
    whole = await session.call(
        Slice(new_key(), nobody, start=DocInfo(), data=data, end=Disposition.COMPLETE, size=len(data))
    )
    assert (whole.phase, whole.accepted, whole.evidence) == (Phase.ENDED, len(data), Evidence.TCP_CLOSE)
    assert printer.documents == [data]

    printer.reads.clear()  # a printer that stalls: a time-out, then a cancel; test_monitor_faults measures that
    key = new_key()
    await session.call(Slice(key, nobody, start=DocInfo()))
    stuck = await session.call(Slice(key, nobody, data=bytes(1 << 20)))
    assert stuck.error is not None
    assert stuck.error.reason == "WRITE_TIMEOUT"
    taken_back = await session.abort(key)
    assert taken_back.phase is Phase.ENDED
    printer.reads.set()

    await session.close()
    for _ in range(20):
        await (await bench.open()).close()
    bench.journal.close()
    await asyncio.sleep(0)
