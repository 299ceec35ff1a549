"""Print Fabric as it is measured: a spooler and a port monitor as shipped, printers that are ports of the receiver."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.port_service_pb2 import ResumePortRequest
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2 import (
    PausePrinterRequest,
    Printer,
    ResumePrinterRequest,
    UpdatePrinterRequest,
)
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric.spooler.v1.watch_service_pb2 import ExplainRequest, ExplainVerdict
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub
from tests.bench.process import BenchError, Child
from tests.bench.receiver import document
from tests.bench.system import DYING_POOL, EARLY, Devices, Left, Process, pool_members, queue, together
from tests.surroundings import free_port

READY_S = 240.0  # a first start with many ports, on a machine that is busy with other tests
UNANSWERED = 1024  # jobs of a stream that may wait for their answer
PIECE = 256 * 1024
_GROUPS = {"stream 1": 1, "stream 32": 32}  # documents per message
Request = Callable[[int], pb.SubmitJobRequest]


class Fabric:
    """One spooler, one port monitor, printers `q0`, `q1`, … and `early`, each with a port of its own."""

    name = "fabric"
    durability = "fsync before OK"
    ours = exact = True
    pools = True
    most_printers = 1 << 30
    many = keeps = True

    def __init__(
        self,
        folder: Path,
        devices: Devices,
        printers: int,
        *,
        replicas: int = 1,
        database: str = "",
        checkout: Path | None = None,
        console: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Write the settings.

        replicas: how many spoolers share `database`, a PostgreSQL's; without one it is SQLite and one spooler.
        checkout: where the services lie that are measured; None: here.
        console: a console runs, too; nobody looks at it.
        environment: what the programs' environment has beyond ours.
        """
        self.folder = folder
        folder.mkdir()
        self.on_answer: Callable[[float], None] = lambda _seconds: None  # told how long each unary call took
        self._spoolers = ["spooler"] if replicas == 1 else [f"spooler {n + 1}" for n in range(replicas)]
        self._database = f'database = "{database}"' if database else ""
        self._environment = {**_as_installed(folder, checkout), **(environment or {})}
        self._console = console
        self._addresses: list[str] = []
        self._children: dict[str, Child] = {}
        self._channels: list[grpc.aio.Channel] = []
        self._early = False  # `early` was told to begin while a document comes in
        ports = {f"P{number}": devices.receiving for number in range(printers)} | {EARLY: devices.receiving}
        printers_of = {f"q{number}": [f"P{number}"] for number in range(printers)} | {EARLY: [EARLY]}
        for name, members in pool_members(devices).items():
            ports |= members
            printers_of[name] = list(members)
        self._write("portmon", 'host_name = "edge"', [
            f'[[ports]]\nname = "{name}"\nmonitor = "raw"\nsettings = {{ host = "127.0.0.1", port = {port} }}\n'
            for name, port in ports.items()
        ])  # fmt: skip
        self._printers = [
            f'[[printers]]\nname = "{name}"\nports = {json.dumps([f"edge/{port}" for port in found])}\n'
            for name, found in printers_of.items()
        ]

    def _write(self, program: str, first: str, tables: Sequence[str]) -> None:
        top = f'{first}\nstate_dir = "{self.folder / program}"\n'
        (self.folder / f"{program}.toml").write_text("\n".join([top, *tables]))

    async def start(self) -> None:
        """Start both, or what is not running of them."""
        if "portmon" not in self._children:
            monitor = await self._begin("portmon", "portmon")
            host = f'[[hosts]]\nname = "edge"\naddress = "{monitor}"\n'
            for name in self._spoolers:
                self._write(name, f'spooler_id = "{name}"\n{self._database}', [host, *self._printers])
        self._addresses = [await self._begin("spooler", name) for name in self._spoolers]

    async def start_console(self) -> None:
        """Start the console, where one is wanted and does not run: nobody waits for it who prints."""
        if self._console and "portui" not in self._children:
            asked = f'spooler = "{self._addresses[0]}"\nweb_listen = "127.0.0.1:{free_port()}"'
            (self.folder / "portui.toml").write_text(asked)
            await self._begin("portui", "portui")

    async def _begin(self, program: str, name: str) -> str:
        arguments = ["--config", str(self.folder / f"{name}.toml"), "--listen", "127.0.0.1:0"]
        child, [address, *_] = await begin(program, arguments, self.folder, name, self._environment)
        self._children[name] = child
        return address

    async def stop_server(self) -> None:
        """End the spoolers, and the console that looks at them; the port monitor goes on."""
        await self._hang_up()
        for name in ("portui", *self._spoolers):
            if name in self._children:
                self._children.pop(name).end()

    async def kill_server(self) -> None:
        """End the spoolers as a crash does."""
        for name in self._spoolers:
            self._children[name].kill()
        await self.stop_server()

    async def close(self) -> None:
        """End everything."""
        await self._hang_up()
        for child in reversed(self._children.values()):
            child.end()

    async def renew(self) -> None:
        """It may not break."""
        raise BenchError("Print Fabric is not begun anew")

    async def _hang_up(self) -> None:
        for channel in self._channels:
            await channel.close()
        self._channels.clear()

    @property
    def processes(self) -> Sequence[Process]:
        """What costs CPU and memory."""
        return list(self._children.values())

    def _channel(self, place: int) -> grpc.aio.Channel:
        while len(self._channels) <= place:  # a connection for each client
            options = [("grpc.use_local_subchannel_pool", 1)]
            address = self._addresses[len(self._channels) % len(self._addresses)]
            self._channels.append(grpc.aio.insecure_channel(address, options=options))
        return self._channels[place]

    async def send(self, mode: str, clients: int, printers: int, numbers: Sequence[int], size: int) -> None:
        """Submit documents, spread over clients and printers; return when all are answered."""
        request = partial(_request, mode, printers, size)
        group = _GROUPS.get(mode)
        await together(
            self._unary(self._channel(place), numbers[place::clients], request)
            if group is None
            else self._stream(self._channel(place), numbers[place::clients], request, group)
            for place in range(clients)
        )

    async def submit(self, printer: str, number: int, size: int) -> None:
        """Submit one document to a printer that is named."""
        stub: Any = PrintServiceStub(self._channel(0))
        await stub.SubmitJob(_submission(printer, size, number))

    async def _unary(self, channel: grpc.aio.Channel, numbers: Sequence[int], request: Request) -> None:
        stub: Any = PrintServiceStub(channel)
        for number in numbers:
            began = time.perf_counter()
            await stub.SubmitJob(request(number))
            self.on_answer(time.perf_counter() - began)

    async def _stream(
        self, channel: grpc.aio.Channel, numbers: Sequence[int], request: Request, group: int
    ) -> None:
        stub: Any = PrintServiceStub(channel)
        call = stub.SubmitJobs()
        room = asyncio.Semaphore(max(1, UNANSWERED // group))

        async def write() -> None:
            for first in range(0, len(numbers), group):
                await room.acquire()
                part = numbers[first : first + group]
                await call.write(pb.SubmitJobsRequest(jobs=[request(each) for each in part]))
            await call.done_writing()

        writer = asyncio.create_task(write())
        answered = freed = 0
        async for response in call:
            for result in response.results:
                if result.HasField("error"):
                    raise BenchError(f"refused: {result.error.message}")
            answered += len(response.results)
            while freed < answered // group:
                room.release()
                freed += 1
        await writer
        if answered != len(numbers):
            raise BenchError(f"{answered} answers to {len(numbers)} jobs")

    async def send_large(self, mode: str, number: int, size: int) -> None:
        """Upload one document; return when it is accepted."""
        name = queue(mode, 0, 1)
        if mode == EARLY and not self._early:
            await self._begin_early()
        data = memoryview(document(number, size))
        stub: Any = PrintServiceStub(self._channel(0))
        call = stub.UploadJob()
        begin = pb.UploadBegin(request_id=f"bench-{number}", spec=pb.JobSpec(printer=name), size_bytes=size)
        await call.write(pb.UploadJobRequest(begin=begin))
        for offset in range(0, size, PIECE):
            await call.write(pb.UploadJobRequest(offset=offset, data=bytes(data[offset : offset + PIECE])))
        await call.write(pb.UploadJobRequest(finish=pb.UploadFinish(size_bytes=size)))
        await call.done_writing()
        await call

    async def _begin_early(self) -> None:
        settings = Printer(name=f"printers/{EARLY}", print_while_spooling=True)
        request = UpdatePrinterRequest(
            printer=settings, update_mask=FieldMask(paths=["print_while_spooling"])
        )
        await PrinterServiceStub(self._channel(0)).UpdatePrinter(request)
        self._early = True

    @property
    def address(self) -> str:
        """Where the first spooler serves."""
        return self._addresses[0]

    @property
    def channel(self) -> grpc.aio.Channel:
        """A channel to the first spooler, for whoever asks it something else."""
        return self._channel(0)

    async def listed(self) -> int | None:
        """List all unfinished jobs, a thousand in a page; return how many there are."""
        stub: Any = PrintServiceStub(self._channel(0))
        found, token = 0, ""
        while True:
            page = await stub.ListJobs(
                pb.ListJobsRequest(filter=pb.JobFilter(active_only=True), page_size=1000, page_token=token)
            )
            found, token = found + len(page.jobs), page.next_page_token
            if not token:
                return found

    async def revive(self) -> None:
        """Resume the port of the pool's printer that dies."""
        stub: Any = PortServiceStub(self._channel(0))
        await stub.ResumePort(ResumePortRequest(name=f"hosts/edge/ports/{DYING_POOL}3"))

    async def left(self, pool: str) -> Mapping[int, Left]:
        """Return the jobs of a pool that have not ended, and of those that wait for a person what that one is told."""
        stub: Any = PrintServiceStub(self._channel(0))
        page = await stub.ListJobs(
            pb.ListJobsRequest(filter=pb.JobFilter(printers=[pool], active_only=True), page_size=1000)
        )
        return {int(job.request_id.removeprefix("bench-")): await self._why(job.name) for job in page.jobs}

    async def _why(self, job: str) -> Left:
        watch: Any = WatchServiceStub(self._channel(0))
        told = await watch.Explain(ExplainRequest(name=job))
        span = told.ledger.uncertain
        if (
            told.verdict != ExplainVerdict.EXPLAIN_VERDICT_UNKNOWN
            or not told.actions
            or span.start >= span.end
        ):
            return Left(job)
        return Left(job, f"{told.headline} {told.loss}", (span.start, span.end))

    async def print_again(self, job: str) -> None:
        """Decide as a person who has looked at the paper: all of a job is printed once more."""
        stub: Any = PrintServiceStub(self._channel(0))
        await stub.RestartJob(pb.RestartJobRequest(name=job, reason="half of it lies at the other printer"))

    async def hold(self, held: bool) -> None:
        """Stop or start the printing of `q0`."""
        stub: Any = PrinterServiceStub(self._channel(0))
        if held:
            await stub.PausePrinter(PausePrinterRequest(name="printers/q0"))
        else:
            await stub.ResumePrinter(ResumePrinterRequest(name="printers/q0"))


async def begin(
    program: str,
    arguments: Sequence[str],
    folder: Path,
    name: str = "",
    environment: Mapping[str, str] | None = None,
) -> tuple[Child, list[str]]:
    """Start a service; return it and its addresses once it serves. Raises BenchError: it does not."""
    name = name or program
    ready = folder / f"{name}.ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", program, *arguments, "--ready-file", str(ready)]
    child = Child(name, command, folder / f"{name}.log", environment=environment or _as_installed(folder))
    try:
        return child, await child.ready(ready, READY_S)
    except BaseException:
        child.end()
        raise


def _as_installed(folder: Path, checkout: Path | None = None) -> dict[str, str]:
    """Return an environment in which modules are compiled once, as an installation has them; wherever this runs."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    if checkout is not None:
        environment["PYTHONPATH"] = os.pathsep.join(
            str(checkout / part) for part in ("services", "protos/gen")
        )
    return {"PYTHONPYCACHEPREFIX": str(folder.parent / "pycache"), **environment}


def _request(mode: str, printers: int, size: int, number: int) -> pb.SubmitJobRequest:
    return _submission(queue(mode, number, printers), size, number)


def _submission(printer: str, size: int, number: int) -> pb.SubmitJobRequest:
    spec = pb.JobSpec(printer=printer, document_name=f"bench {number}")
    # As the SDK does: a repeat prints once.
    return pb.SubmitJobRequest(request_id=f"bench-{number}", spec=spec, document=document(number, size))
