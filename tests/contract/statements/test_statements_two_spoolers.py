"""S23, S31, S34, S37 and S38 with two real spoolers, a store each, and one port monitor that is killed among it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric_client.sync import Client
from tests.leftovers import ALLOWED
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST, portmon_settings, printed, spooler_settings
from tests.rig.receivers import TcpReceiver
from tests.rig.wire import channel_to

PATIENCE_S = 90.0  # leases of 3 s, three programs that start, a machine with something else to do


class Spooler:
    """One of the two, and its only printer."""

    def __init__(self, folder: Path, host: str) -> None:
        folder.mkdir()
        settings = spooler_settings(folder / "state", host, {})
        self.program = Program(
            "spooler", folder, settings.replace("[dispatch]\n", "[dispatch]\nlease_s = 3.0\n")
        )

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        with Client(self.program.address) as client:
            yield client

    def add_printer(self) -> None:
        message = printers_pb.Printer()
        one = message.ports.add()
        one.port.host, one.port.port = HOST, "IP_1"
        with channel_to(self.program.address) as channel:
            stub: Any = PrinterServiceStub(channel)
            stub.CreatePrinter(printers_pb.CreatePrinterRequest(printer_id="labels", printer=message))

    def delete_printer(self) -> None:
        with channel_to(self.program.address) as channel:
            stub: Any = PrinterServiceStub(channel)
            stub.DeletePrinter(printers_pb.DeletePrinterRequest(name="labels", cancel_jobs=True))

    def submit(self, data: bytes) -> int:
        with self.client() as client:
            return int(client.submit(data, printer="labels").number)

    def is_printed(self, number: int) -> bool:
        with self.client() as client:
            return printed(client.get(number))


class Scene:
    """Two spoolers, a port monitor, a printer; and who has had the port so far, as often as somebody looked."""

    def __init__(self, folder: Path) -> None:
        self.paper = TcpReceiver("IP_1")
        self.portmon = Program("portmon", folder, portmon_settings(folder / "pm", [self.paper]))
        self.one, self.two = (Spooler(folder / name, self.portmon.address) for name in ("one", "two"))
        self.holds: list[tuple[str, int]] = []

    def start(self) -> None:
        self.paper.begin()
        self.portmon.start()
        for spooler in (self.one, self.two):
            spooler.program.start()

    def stop(self) -> None:
        for program in (self.one.program, self.two.program, self.portmon):
            program.stop()
        self.paper.end()

    def holder(self) -> tuple[str, int]:
        """Return the fabric that has the port and its fence; ("", 0) when nobody has."""
        with channel_to(self.portmon.address) as channel:
            stub: Any = MonitorServiceStub(channel)
            (port,) = stub.EnumPorts(pb.EnumPortsRequest(), wait_for_ready=True, timeout=30).ports
        found = (port.hold.fabric_id, int(port.hold.fence))
        if found != ("", 0) and found not in self.holds:
            self.holds.append(found)
        return found

    def print(self, spooler: Spooler, data: bytes) -> None:
        """Print a document and see it on paper, whole."""
        number, before = spooler.submit(data), self.paper.count
        wait_until(lambda: spooler.is_printed(number), PATIENCE_S, f"{data!r} never came out")
        wait_until(lambda: self.paper.count >= before)
        self.holder()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    found = Scene(tmp_path_factory.mktemp("two-spoolers"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def restarts(request: pytest.FixtureRequest) -> Iterator[None]:
    """A program of the scene that a test has started again belongs to the scene."""
    yield
    request.config.stash[ALLOWED].note_present()


@pytest.mark.timeout(600)
def test_the_port_goes_from_spooler_to_spooler_and_every_fence_is_above_the_one_before(
    scene: Scene, restarts: None
) -> None:
    first, second = goes_over_when_no_printer_uses_it(scene)
    goes_over_when_its_holder_is_killed(scene, first)
    comes_back_with_its_port_monitor(scene, second)
    documents = [b"<first>", b"<third>", b"<second>", b"<fourth>", b"<fifth>"]
    wait_until(lambda: scene.paper.count >= sum(map(len, documents)))
    assert scene.paper.now() == b"".join(documents), "whole, once, and in this order"
    for fabric in (first, second):
        fences = [number for who, number in scene.holds if who == fabric]
        assert fences == sorted(set(fences)), "fences rise, over restarts and for each of them"
        assert len(fences) >= 2


def goes_over_when_no_printer_uses_it(scene: Scene) -> tuple[str, str]:
    """S23, S34, S37: who has it keeps it, between documents too. Return both fabrics."""
    scene.one.add_printer()
    scene.print(scene.one, b"<first>")
    first, fence = scene.holder()
    scene.two.add_printer()
    waits = scene.two.submit(b"<second>")
    scene.print(scene.one, b"<third>")
    assert scene.holder() == (first, fence)
    assert not scene.two.is_printed(waits), "it waits, and is not lost"
    scene.one.delete_printer()
    wait_until(lambda: scene.two.is_printed(waits), PATIENCE_S, "closed, and the other never opened it")
    second, _ = scene.holder()
    assert second not in ("", first)
    return first, second


def goes_over_when_its_holder_is_killed(scene: Scene, first: str) -> None:
    """S38: a spooler that is killed says nothing; its lease runs out, and the other goes on."""
    scene.one.add_printer()
    waits = scene.one.submit(b"<fourth>")
    scene.two.program.kill()
    wait_until(lambda: scene.one.is_printed(waits), PATIENCE_S, "the lease of the killed one never ran out")
    assert scene.holder()[0] == first
    scene.two.program.start()


def comes_back_with_its_port_monitor(scene: Scene, second: str) -> None:
    """The port monitor is killed: who comes first has the port, and nobody comes with an old fence."""
    waits = scene.two.submit(b"<fifth>")
    scene.portmon.kill()
    scene.portmon.start()
    scene.one.delete_printer()
    wait_until(
        lambda: scene.two.is_printed(waits), PATIENCE_S, "the port monitor came back, its port did not"
    )
    assert scene.holder()[0] == second
    scene.two.delete_printer()
    wait_until(lambda: scene.holder() == ("", 0), PATIENCE_S, "nobody uses it, and it is held")
