"""A whole fabric of real processes for the statements: every kind of port, printers by hand at their ends."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.portui.v1.portui_service_pb2_grpc import PortUIServiceStub
from printfabric.spooler.v1 import port_service_pb2 as ports_pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric.types.v1.job_pb2 import Job
from printfabric_client.sync import Client
from tests.contract.statements.call_log import CallLog
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST, portmon_settings, printed, spooler_settings
from tests.rig.receivers import FifoReceiver, PtyReceiver, Receiver, TcpReceiver
from tests.rig.wire import Holder, channel_to
from tests.surroundings import free_port

SAMPLE = Path(__file__).parent / "sample_port_monitor"


class Stage:
    """The programs, the printers by hand, and what a test does with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.com1, self.com2 = PtyReceiver("COM1:"), PtyReceiver("COM2:")
        self.lpt1, self.lpt2 = FifoReceiver("LPT1:", folder / "lpt1"), FifoReceiver("LPT2:", folder / "lpt2")
        self.tcp = [TcpReceiver(f"IP_{number}") for number in (1, 2, 3)]
        self.receivers: list[Receiver] = [self.com1, self.com2, self.lpt1, self.lpt2, *self.tcp]
        more = "answer_s = 0.5"  # nobody answers here: language monitors shall not wait long
        ports = portmon_settings(folder / "pm", self.receivers, more)
        for name in ("FILE:", "out.prn"):
            ports += f'[[ports]]\nname = "{name}"\nmonitor = "file"\nsettings = {{}}\n'
        dead = f'{{host = "127.0.0.1", port = {free_port()}}}'
        ports += f'[[ports]]\nname = "IP_DEAD"\nmonitor = "raw"\nsettings = {dead}\n'
        self.portmon = Program("portmon", folder, ports)
        between = f"127.0.0.1:{free_port()}"
        self.log = CallLog(self.portmon.address, between)
        settings = spooler_settings(folder / "sp", between, {})
        settings = settings.replace("[dispatch]\n", "[dispatch]\nlease_s = 3.0\n")
        self.spooler = Program("spooler", folder, settings)
        self.portui = Program("portui", folder, f'spooler = "{self.spooler.address}"\n')
        self._names, self._users = itertools.count(1), Counter[str]()
        self.stack = contextlib.ExitStack()

    def start(self) -> None:
        """Start everything."""
        for one in self.receivers:
            one.begin()
        for program in (self.portmon, self.spooler, self.portui):
            program.start()
        self.connect()
        wait_until(
            lambda: len(list(self.client.ports.list())) >= len(self.receivers),
            why="the spooler sees no ports",
        )

    def connect(self) -> None:
        """Make stubs."""
        programs = (self.portmon, self.spooler, self.portui)
        host, spooler, portui = (self.stack.enter_context(channel_to(one.address)) for one in programs)
        self.holder = Holder(host, "another-fabric")
        self.printers: Any = PrinterServiceStub(spooler)
        self.ports: Any = PortServiceStub(spooler)
        self.jobs: Any = PrintServiceStub(spooler)
        self.portui_stub: Any = PortUIServiceStub(portui)
        self.client = self.stack.enter_context(Client(self.spooler.address))

    def stop(self) -> None:
        """End everything."""
        self.stack.close()
        for program in (self.portui, self.spooler, self.portmon):
            program.stop()
        self.log.stop()
        for one in self.receivers:
            one.end()

    # --- what tests do

    @contextlib.contextmanager
    def printer(self, *ports: str, **settings: Any) -> Iterator[str]:
        """Add a printer with these ports and delete it afterwards."""
        name = f"printer-{next(self._names)}"
        message = printers_pb.Printer(**settings)
        for port in ports:
            one = message.ports.add()
            one.port.host, one.port.port = HOST, port
        self.printers.CreatePrinter(printers_pb.CreatePrinterRequest(printer_id=name, printer=message))
        self._users.update(ports)
        try:
            yield name
        finally:
            request = printers_pb.DeletePrinterRequest(name=name, cancel_jobs=True)
            with contextlib.suppress(grpc.RpcError):
                self.printers.DeletePrinter(request)
            self._users.subtract(ports)
            free = [port for port in ports if not self._users[port]]
            wait_until(lambda: not any(map(self._spooler_has, free)), why=f"{free} are not used, and held")

    @contextlib.contextmanager
    def dead_port(self, kind: str = "raw") -> Iterator[str]:
        """Add a port whose device is not there, which nobody has tried yet, and delete it afterwards."""
        number = next(self._names)
        name, monitor, settings = {
            "raw": (f"IP_DEAD{number}", "Standard TCP/IP Port", {"host": "127.0.0.1", "port": free_port()}),
            "serial": (f"COM{70 + number}:", "Local Port", {"device": str(self.folder / f"absent{number}")}),
        }[kind]
        self.ports.AddPort(
            ports_pb.AddPortRequest(
                parent=f"hosts/{HOST}", port_id=name, monitor=monitor, settings=json.dumps(settings).encode()
            )
        )
        wait_until(lambda: name in [one.port.port for one in self.client.ports.list()])
        try:
            yield name
        finally:
            self.ports.DeletePort(ports_pb.DeletePortRequest(name=f"{HOST}/{name}"))

    def submit(self, printer: str, data: bytes, **more: Any) -> int:
        """Submit a document and return the job's number."""
        return int(self.client.submit(data, printer=printer, **more).number)

    def print(self, printer: str, data: bytes) -> Job:
        """Submit a document and wait until it is on paper."""
        job = self.client.wait(self.submit(printer, data), timeout_s=60)
        assert printed(job), job
        return job

    def fence(self) -> int:
        """Return a fence that no port has seen."""
        return time.time_ns()

    def enum(self) -> dict[str, Any]:
        """EnumPorts, by name."""
        return {one.port.port: one for one in self.holder.stub.EnumPorts(pb.EnumPortsRequest()).ports}

    def held(self, port: str) -> bool:
        """Say whether anybody has a port open."""
        return bool(self.enum()[port].HasField("hold"))

    def _spooler_has(self, port: str) -> bool:
        return self.enum()[port].hold.fabric_id not in ("", self.holder.owner.fabric_id)

    def openings(self, port: str) -> list[str]:
        """Return what the spooler has called for a port so far."""
        return self.log.words(port)


def events(program: Program, word: str) -> list[dict[str, Any]]:
    """Return the lines of a program's log about something."""
    lines = program.log.read_text("utf-8", "replace").splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if word in str(line.get("event"))]
