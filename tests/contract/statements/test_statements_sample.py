"""S15 and S22: a port monitor that somebody else wrote, installed beside ours from a distribution of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2
from printfabric.monitor.v1.xcv_service_pb2_grpc import XcvServiceStub
from printfabric.spooler.v1.port_service_pb2 import ListMonitorsRequest
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric_client.sync import Client
from tests.contract.statements.stage import SAMPLE
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST, printed, spooler_settings
from tests.rig.wire import Holder, channel_to

DOCS = Path(__file__).parents[3] / "docs" / "monitors"


class SocketPrinter:
    """A printer at a Unix socket: keeps what comes, closes when the sender has ended."""

    def __init__(self, path: Path) -> None:
        self.path, self.documents = path, list[bytes]()
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
                    with contextlib.suppress(OSError):
                        while data := connection.recv(65536):
                            got += data
                            self.documents.append(bytes(got))

    def stop(self) -> None:
        self._ended = True
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


# The suite that every port monitor of the fabric passes; what a Unix socket cannot play (a line that breaks) is left out there.
SUITE = ("test_monitor_contract.py", "test_monitor_faults.py")


@pytest.mark.alone  # that suite has limits of seconds
def test_s22_the_sample_as_it_is_installed_passes_the_suite_that_every_monitor_passes(
    installed: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    suite = [str(Path(__file__).parents[1] / name) for name in SUITE]
    options = ["-q", "-k", "unix", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junit-xml={report}"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}  # before the sources of the sample
    for name in [name for name in environment if name.startswith("PYTEST")]:
        del environment[name]
    command = [sys.executable, "-m", "pytest", *options, *suite]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    counted = ET.parse(report).getroot().find("testsuite")
    assert counted is not None
    found = {name: int(counted.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert found["tests"] >= 15
    assert (found["failures"], found["errors"], found["skipped"]) == (0, 0, 0)


def documented(page: Path, path: Path) -> list[list[str]]:
    """Return the commands of `printfabric` that a page tells people to type, for a printer that is here."""
    lines = [
        line.split(" # ")[0] for line in page.read_text().splitlines() if line.startswith("printfabric ")
    ]
    texts = [line.replace("edge-7", HOST).replace("/run/printer.sock", str(path)) for line in lines]
    return [shlex.split(text)[1:] for text in texts]


def test_s22_what_is_written_about_it_works_as_it_is_written(fabric: Fabric, printer: SocketPrinter) -> None:
    with Client(fabric.spooler.address) as client:
        wait_until(lambda: [one.port.port for one in client.ports.list()] == ["SOCK1"])
        client.printers.delete("sockets")
        for page in (SAMPLE / "README.md", DOCS / "writing.md"):
            client.ports.delete(f"{HOST}/SOCK1")
            done = [words for words in documented(page, printer.path) if run(fabric, words)]
            assert done[0][:2] == ["ports", "add"]
            wait_until(lambda: [one.port.port for one in client.ports.list()] == ["SOCK1"])
            client.printers.create("labels", [f"{HOST}/SOCK1"])
            assert printed(client.wait(client.submit(b"^XA^XZ", printer="labels").number, timeout_s=60))
            client.printers.delete("labels")
            wait_until(
                lambda: "labels" not in [one.name.rpartition("/")[2] for one in client.printers.list()]
            )
    assert printer.documents == [b"^XA^XZ"] * 2


def run(fabric: Fabric, words: list[str]) -> bool:
    """Type a command, unless it is about something else than the sample."""
    if "Unix Socket Port" not in words:
        return False
    command = [
        sys.executable,
        "-m",
        "printfabric_client.command",
        "--address",
        fabric.spooler.address,
        *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return True
