"""A whole fabric of real processes for the vectors: ports of every type, a printer, two callers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import tempfile
import threading
import time
import tty
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio

from chassis.status import error_from_rpc
from portmon.port_store import LocalPortStore
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.monitor.v1.xcv_service_pb2_grpc import XcvServiceStub
from printfabric.portui.v1.portui_service_pb2_grpc import PortUIServiceStub
from printfabric.spooler.v1 import winspool_service_pb2 as winspool
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric.spooler.v1.winspool_service_pb2_grpc import WinspoolServiceStub
from tests.contract.vectors.peers import Peer
from tests.contract.vectors.rows import Got
from tests.rig.programs import Program

HOST = "edge"
PRINTER = "labels"
NOBODY_SPECIAL = (("authorization", "Bearer secret-of-ben"),)  # a caller without any right
_CALL_S = 60.0
_BUSY = 170
_FREE_S = 20.0
_HEAD = ("[server]", 'metrics_listen = "127.0.0.1:0"', "[log]", 'rpc = "failed"')


class World:
    """The programs, stubs to them, and what a row has left open."""

    def __init__(self, folder: Path, peers: dict[str, Peer], programs: dict[str, Program]) -> None:
        self.folder, self.peers, self.programs = folder, peers, programs
        self.sandbox = folder / "portmon" / "files"
        self._channels: list[grpc.aio.Channel] = []
        host, spooler, portui = (self._channel(name) for name in ("portmon", "spooler", "portui"))
        # Stubs of an asyncio channel are typed as synchronous ones by the generated code.
        self.monitor: Any = MonitorServiceStub(host)
        self.xcv: Any = XcvServiceStub(host)
        self.portui: Any = PortUIServiceStub(portui)
        self.ports: Any = PortServiceStub(spooler)
        self.jobs: Any = PrintServiceStub(spooler)
        self.printers: Any = PrinterServiceStub(spooler)
        self._winspool: Any = WinspoolServiceStub(spooler)
        self.fences = itertools.count(1)
        self._names = itertools.count(1)
        self.undo: list[Callable[[], Awaitable[object]]] = []

    def _channel(self, program: str) -> grpc.aio.Channel:
        channel = grpc.aio.insecure_channel(self.programs[program].address)
        self._channels.append(channel)
        return channel

    async def host_without_ports(self) -> Any:
        """Return the MonitorService of a host that has no ports yet."""
        return MonitorServiceStub(await self._fresh_host("empty"))

    async def xcv_of_host_with(self, retry: str | None) -> Any:
        """Return the XcvService of a host whose store has a parallel port's time-out that is no number, or none."""
        if retry is None:
            return XcvServiceStub(await self._fresh_host("empty"))
        name = f"other-{zlib.crc32(retry.encode()):x}"
        return XcvServiceStub(await self._fresh_host(name, TransmissionRetryTimeout=retry))

    async def _fresh_host(self, name: str, **values: str) -> grpc.aio.Channel:
        """Start another host with these values in its store, unless it runs."""
        if name not in self.programs:
            folder = self.folder / name
            folder.mkdir()
            for key, value in values.items():
                LocalPortStore(folder / "ports.json").set_value(key, value)
            text = [f'host_name = "{name}"', f'state_dir = "{folder}"', *_HEAD]
            self.programs[name] = Program("portmon", folder, "\n".join(text))
            await asyncio.to_thread(self.programs[name].start)
        return self._channel(name)

    def owner(self, fabric: str = "vectors") -> pb.PortOwner:
        """Return who opens ports; another fabric is another path."""
        return pb.PortOwner(fabric_id=fabric, spooler_id="runner")

    async def open(self, name: str | None, fabric: str = "vectors") -> Any:
        """Open a port; it is closed when the row is done."""
        request = pb.OpenPortRequest(owner=self.owner(fabric), fence=next(self.fences))
        if name is not None:
            request.port = name
        opened = await self._once_free(request)
        self.undo.append(lambda: self.monitor.ClosePort(pb.ClosePortRequest(handle=opened.handle)))
        return opened

    async def _once_free(self, request: pb.OpenPortRequest) -> Any:
        """Open a port as soon as the spooler, which keeps it a while after a document, lets go of it."""
        deadline = time.monotonic() + _FREE_S
        while True:
            got, opened = await outcome(self.monitor.OpenPort(request, timeout=_CALL_S))
            if opened is None and got.win32 == _BUSY and not self.undo and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
                continue
            return opened or await self.monitor.OpenPort(request, timeout=_CALL_S)

    async def call(self, function: str, **arguments: Any) -> Any:
        """Make one of Windows' calls by its name; return its outputs."""
        request = winspool.CallRequest(function=function, arguments_json=json.dumps(arguments).encode())
        answer = await self._winspool.Call(request, timeout=_CALL_S)
        return json.loads(answer.output_json) | {"needed": answer.needed_bytes, "status": answer.status}

    def new_name(self) -> str:
        """Return a file's name that nothing has yet."""
        return f"vector-{next(self._names)}.prn"

    async def tidy(self) -> None:
        """Close what a row has left open."""
        while self.undo:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self.undo.pop()()

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close()


async def outcome(call: Awaitable[Any]) -> tuple[Got, Any]:
    """Return what a call came to, as code and gRPC status, and its answer if it succeeded."""
    try:
        return Got(0), await call
    except grpc.aio.AioRpcError as raised:
        error = error_from_rpc(raised)
        return Got(error.win32, raised.code().name, {}, f"{error.reason}: {error.message}"), None
    except asyncio.CancelledError:
        return Got(1223, "CANCELLED", {}, "the caller cancelled"), None


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Run everything until the context ends."""
    with tempfile.TemporaryDirectory(prefix="vectors-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        peers = {kind: stack.enter_context(Peer()) for kind in ("raw", "stalled", "pjl")}
        line = stack.enter_context(_line())
        fifo = stack.enter_context(_fifo(folder / "lpt1"))
        programs = _programs(folder, peers, line, fifo)
        stack.callback(_stop, programs)
        for program in programs.values():
            await asyncio.to_thread(program.start)
        found = World(folder, peers, programs)
        (found.sandbox / "folder").mkdir(parents=True, exist_ok=True)
        try:
            yield found
        finally:
            await found.tidy()
            await found.close()


def _stop(programs: dict[str, Program]) -> None:
    for program in programs.values():
        program.stop()


def _programs(folder: Path, peers: dict[str, Peer], line: str, fifo: Path) -> dict[str, Program]:
    ports: list[tuple[str, str, dict[str, Any]]] = [
        ("COM1:", "serial", {"device": line}),
        ("LPT1:", "device", {"device": str(fifo)}),
        ("FILE:", "file", {}),
        ("in-use.prn", "file", {}),
        ("IP_1", "raw", {"host": "127.0.0.1", "port": peers["raw"].port}),
        ("IP_STALLED", "raw", {"host": "127.0.0.1", "port": peers["stalled"].port, "writeTimeoutS": 0.5}),
        ("IP_PJL", "raw", {"host": "127.0.0.1", "port": peers["pjl"].port, "connection": "kept"}),
    ]
    text = [f'host_name = "{HOST}"', f'state_dir = "{folder / "portmon"}"', *_HEAD]
    for port, monitor, settings in ports:
        table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
        text += ["[[ports]]", f'name = "{port}"', f'monitor = "{monitor}"', f"settings = {{{table}}}"]
    programs = {"portmon": Program("portmon", folder, "\n".join(text))}
    tokens = folder / "tokens"
    tokens.write_text(hashlib.sha256(b"secret-of-ben").hexdigest() + " ben\n")
    text = [f'state_dir = "{folder / "spooler"}"', *_HEAD, "[server.access]", f'token_file = "{tokens}"']
    text += ["[[hosts]]", f'name = "{HOST}"', f'address = "{programs["portmon"].address}"']
    text += ["[[printers]]", f'name = "{PRINTER}"', f'ports = ["{HOST}/IP_1"]']
    text += ["[[printers]]", 'name = "filer"', f'ports = ["{HOST}/in-use.prn"]']
    programs["spooler"] = Program("spooler", folder, "\n".join(text))
    text = [
        f'spooler = "{programs["spooler"].address}"',
        *_HEAD,
        "[server.access]",
        f'token_file = "{tokens}"',
    ]
    programs["portui"] = Program("portui", folder, "\n".join(text))
    return programs


@contextlib.contextmanager
def _line() -> Any:
    """A serial line whose other end reads."""
    master, slave = os.openpty()
    tty.setraw(slave)
    with _drained(master):
        yield os.ttyname(slave)
    os.close(slave)


@contextlib.contextmanager
def _fifo(path: Path) -> Any:
    """A device node whose reader reads."""
    os.mkfifo(path)
    with _drained(os.open(path, os.O_RDONLY | os.O_NONBLOCK)):
        yield path


@contextlib.contextmanager
def _drained(fd: int) -> Any:
    ended = threading.Event()

    def read() -> None:
        os.set_blocking(fd, False)
        while not ended.wait(0.01):
            with contextlib.suppress(BlockingIOError, OSError):
                os.read(fd, 65536)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(2)
        os.close(fd)
