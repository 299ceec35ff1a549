"""Faults made outside a fabric of real processes, one for each answer to "why is it stuck?", and what ends each."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import grpc

from printfabric.monitor.v1 import monitor_service_pb2 as monitor_pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2 import DailyWindow, Printer
from printfabric_client.sync import Client
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric
from tests.rig.receivers import FifoReceiver, PtyReceiver, Receiver, TcpReceiver
from tests.rig.troubled_printers import AbsentTcp, SimulatedTill

LABEL = b"^XA^FDlabel^FS^XZ\n"
RECEIPT = b"Receipt\n\x1dV\x00"
BIG = LABEL * 40_000  # more than every buffer on the way
PATIENCE_S = 60.0
STALL_S, STALE_S = 1.0, 5.0  # in the field five seconds and a minute
SPOOLER = f"[explain]\nstall_s = {STALL_S}\nstale_s = {STALE_S}"


def receivers(folder: Path) -> Sequence[Receiver]:
    """Return the printers that a scene needs."""
    pipes = [FifoReceiver(f"LPT{number}:", folder / f"lp{number}") for number in range(1, 6)]
    return [TcpReceiver("IP_A"), AbsentTcp("IP_OFF"), SimulatedTill("TILL"), PtyReceiver("COM1:"), *pipes]


class Scene:
    """A fabric, and what can be done to it. Each case is a context: inside the fault is there, behind it is not."""

    def __init__(self, fabric: RealFabric, client: Client) -> None:
        self.fabric, self.client = fabric, client
        self.tcp, self.pipe = fabric.receivers["ip_a"], fabric.receivers["lpt1"]
        self.struck_at = 0.0
        self._speeds = itertools.cycle((9600, 19200))

    def set_up(self) -> None:
        """Add what the cases need beside the printers that a fabric has, and let every kind of port print once."""
        self.client.printers.create("pool", ports=["edge/IP_A", "edge/LPT1:"], allow_unknown_ports=True)
        settings = Printer(name="printers/till", language_monitor="ESC/POS")
        self.client.printers.update(settings, "language_monitor", allow_unknown_ports=True)
        for name in ("ip_a", "lpt1", "com1"):
            self.client.wait(self.client.submit(LABEL, printer=name), timeout_s=PATIENCE_S)

    def strikes_now(self) -> None:
        """What was done before was preparation: the cause comes now."""
        self.struck_at = time.monotonic()

    def set(self, printer: str, field: str, **values: object) -> None:
        """Change one field of a printer; without a value it is as it was."""
        self.client.printers.update(Printer(name=f"printers/{printer}", **values), field)  # type: ignore[arg-type]

    def submit(self, printer: str = "ip_a", data: bytes = LABEL, **options: object) -> str:
        return self.client.submit(data, printer=printer, **options).name  # type: ignore[arg-type]

    @contextlib.contextmanager
    def held(self) -> Iterator[str]:
        name = self.submit(hold=True)
        yield name
        self.client.release(name)

    @contextlib.contextmanager
    def shut(self) -> Iterator[str]:
        now = datetime.now(UTC)
        minute = now.hour * 60 + now.minute
        window = DailyWindow(start_minute=(minute - 120) % 1440, until_minute=(minute - 60) % 1440)
        self.set("ip_a", "window", window=window)
        yield self.submit()
        self.set("ip_a", "window")

    @contextlib.contextmanager
    def paused(self) -> Iterator[str]:
        self.client.printers.pause("ip_a")
        yield self.submit()
        self.client.printers.resume("ip_a")

    @contextlib.contextmanager
    def no_port(self) -> Iterator[str]:
        self.client.ports.pause("edge/IP_A")
        self.client.ports.pause("edge/LPT1:")
        yield self.submit("pool")
        self.client.ports.resume("edge/IP_A")
        self.client.ports.resume("edge/LPT1:")

    @contextlib.contextmanager
    def jobs_ahead(self) -> Iterator[str]:
        self.tcp.rate = 1000
        yield [self.submit(data=LABEL * 100) for _ in range(36)][-1]  # more than go on their way at once
        self.tcp.rate = 0

    @contextlib.contextmanager
    def upload_incomplete(self) -> Iterator[str]:
        begin = print_pb.UploadBegin(request_id="half", spec=print_pb.JobSpec(printer="ip_a"))
        with grpc.insecure_channel(self.fabric.spooler.address) as channel:
            stub = PrintServiceStub(channel)
            half = print_pb.UploadJobRequest(begin=begin, data=LABEL)
            stub.UploadJob(iter([half]), timeout=PATIENCE_S)
            yield "uploads/half"
            finish = print_pb.UploadFinish(size_bytes=len(LABEL))
            rest = print_pb.UploadJobRequest(begin=begin, offset=len(LABEL), finish=finish)
            stub.UploadJob(iter([rest]), timeout=PATIENCE_S)

    @contextlib.contextmanager
    def host_silent(self) -> Iterator[str]:
        assert self.fabric.proxy is not None
        self.fabric.proxy.part()
        yield self.submit()
        self.fabric.proxy.away = False

    @contextlib.contextmanager
    def port_held(self) -> Iterator[str]:
        owner = monitor_pb.PortOwner(fabric_id="another", spooler_id="one")
        with grpc.insecure_channel(self.fabric.portmon.address) as channel:
            stub = MonitorServiceStub(channel)
            request = monitor_pb.OpenPortRequest(owner=owner, port="LPT2:", fence=1, printer="theirs")
            handle = stub.OpenPort(request, timeout=PATIENCE_S).handle
            yield self.submit("lpt2")
            stub.ClosePort(monitor_pb.ClosePortRequest(handle=handle), timeout=PATIENCE_S)

    @contextlib.contextmanager
    def device_missing(self, printer: str = "lpt3") -> Iterator[str]:
        device = Path(str(self.fabric.receivers[printer].settings["device"]))
        away = device.with_suffix(".away")
        device.rename(away)
        yield self.submit(printer)
        away.rename(device)

    @contextlib.contextmanager
    def device_refused(self) -> Iterator[str]:
        fd = os.open(str(self.fabric.receivers["lpt4"].settings["device"]), os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield self.submit("lpt4")
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def no_connection(self) -> Iterator[str]:
        receiver = self.fabric.receivers["ip_off"]
        assert isinstance(receiver, AbsentTcp)
        receiver.switch_off()
        yield self.submit("ip_off")
        receiver.switch_on()

    @contextlib.contextmanager
    def line_errors(self) -> Iterator[str]:
        """What is said at one speed is heard at another: a pty damages no byte, but has those that no printer sends."""
        line, heard = self.fabric.receivers["com1"], threading.Event()
        assert isinstance(line, PtyReceiver)

        def talk() -> None:
            while not heard.wait(0.2):
                line.say(b"\xfe" * 64)

        talking = threading.Thread(target=talk)
        talking.start()
        try:
            yield "hosts/edge/ports/COM1:"
        finally:
            heard.set()
            talking.join()
        self.client.ports.configure("edge/COM1:", {"baud": next(self._speeds)})

    @contextlib.contextmanager
    def stalled(self) -> Iterator[str]:
        self.pipe.rate = 1
        yield self.submit("lpt1", BIG)
        self.pipe.rate = 0

    @contextlib.contextmanager
    def awaiting_proof(self) -> Iterator[str]:
        self.pipe.rate, before = 1, self.pipe.count
        first = self.submit("lpt1", LABEL)  # the reader chews on this one
        wait_until(lambda: self.pipe.count > before, PATIENCE_S, "nothing comes out")
        self.strikes_now()
        yield self.submit("lpt1", LABEL)
        self.pipe.rate = 0
        self.client.wait(first, timeout_s=PATIENCE_S)

    def stale(self) -> AbstractContextManager[str]:
        """The same for longer than the last word counts."""
        return self.awaiting_proof()

    @contextlib.contextmanager
    def printer_says(self) -> Iterator[str]:
        till = self.fabric.receivers["till"]
        assert isinstance(till, SimulatedTill)
        till.printer.fault("media-out")
        yield self.submit("till", RECEIPT * 20)
        till.printer.clear("media-out")

    @contextlib.contextmanager
    def retry(self) -> Iterator[str]:
        """One job a minute leaves after an outage: the second one waits for its turn."""
        self.set("lpt5", "catch_up_per_minute", catch_up_per_minute=1)
        with self.device_missing("lpt5") as first:
            second = self.submit("lpt5")
            wait_until(lambda: self.client.get(first).last_error.reason, PATIENCE_S, "it is not tried")
            self.strikes_now()
        yield second
        self.set("lpt5", "catch_up_per_minute")

    @contextlib.contextmanager
    def unknown(self) -> Iterator[str]:
        """The connection is reset in the middle of a document: a person decides."""
        assert isinstance(self.tcp, TcpReceiver)
        self.tcp.breaks_at = 100_000
        name = self.submit(data=BIG)
        yield name
        self.client.cancel(name)


Case = Callable[[Scene], AbstractContextManager[str]]
AFTER_S: dict[Case, float] = {Scene.stalled: STALL_S, Scene.stale: STALE_S}
CASES: list[tuple[str, Case]] = [
    ("HELD", Scene.held),
    ("HELD", Scene.shut),
    ("PRINTER_PAUSED", Scene.paused),
    ("NO_PORT", Scene.no_port),
    ("JOBS_AHEAD", Scene.jobs_ahead),
    ("UPLOAD_INCOMPLETE", Scene.upload_incomplete),
    ("PORT_HELD", Scene.port_held),
    ("DEVICE_MISSING", Scene.device_missing),
    ("DEVICE_REFUSED", Scene.device_refused),
    ("NO_CONNECTION", Scene.no_connection),
    ("LINE_ERRORS", Scene.line_errors),
    ("STALLED", Scene.stalled),
    ("AWAITING_PROOF", Scene.awaiting_proof),
    ("PRINTER_SAYS", Scene.printer_says),
    ("RETRY", Scene.retry),
    ("UNKNOWN", Scene.stale),
    ("UNKNOWN", Scene.unknown),
    ("HOST_SILENT", Scene.host_silent),
]
