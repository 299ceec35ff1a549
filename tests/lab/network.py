"""The laboratory's network: a namespace for each machine, where the kernel lets us; relays on loopback, where not.

A machine's programs listen on unix sockets. A wire carries connections from one machine to such a socket at another:
by way of 127.0.0.1 in the first machine's namespace, a bridge, and the second machine's namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_NET = "10.77.0"
_PIECE = 65536


class Machines:
    """Named machines without a network between them: cutting one off is done by its wires."""

    real = False

    def within(self, _machine: str) -> tuple[str, ...]:
        """Return the words before a command that is to run on a machine."""
        return ()

    @contextlib.contextmanager
    def inside(self, _machine: str) -> Iterator[None]:
        """Make sockets on a machine meanwhile."""
        yield

    def address(self, _machine: str) -> str:
        """Return a machine's address."""
        return "127.0.0.1"

    def cut(self, machine: str, others: tuple[str, ...], on: bool) -> None:
        """Cut a machine off from others, or join them again."""

    def close(self) -> None:
        """Take everything down."""


class Namespaces(Machines):
    """Each machine has a network namespace, with a cable to a bridge in one more. Needs root."""

    real = True

    def __init__(self, machines: tuple[str, ...]) -> None:
        self._mark = f"pf{os.getpid()}"
        self._numbers = {machine: number for number, machine in enumerate(machines, 2)}
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY)
        hub = self._name("hub")
        try:
            _ip("netns", "add", hub)
            _ip("-n", hub, "link", "add", "bridge", "type", "bridge")
            _ip("-n", hub, "link", "set", "bridge", "up")
            for machine in machines:
                self._add(machine, hub)
        except BaseException:
            self.close()
            raise

    def _name(self, machine: str) -> str:
        return f"{self._mark}-{machine}"

    def _add(self, machine: str, hub: str) -> None:
        name = self._name(machine)
        _ip("netns", "add", name)
        _ip("-n", hub, "link", "add", machine, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", hub, "link", "set", machine, "master", "bridge", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "address", "add", f"{self.address(machine)}/24", "dev", "eth0")

    def within(self, machine: str) -> tuple[str, ...]:
        """See `Machines`."""
        return ("ip", "netns", "exec", self._name(machine))

    @contextlib.contextmanager
    def inside(self, machine: str) -> Iterator[None]:
        """See `Machines`. For this thread; nothing is awaited meanwhile."""
        there = os.open(f"/run/netns/{self._name(machine)}", os.O_RDONLY)
        try:
            self._enter(there)
            yield
        finally:
            self._enter(self._own)
            os.close(there)

    def _enter(self, namespace: int) -> None:
        if self._libc.setns(namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def address(self, machine: str) -> str:
        """See `Machines`."""
        return f"{_NET}.{self._numbers[machine]}"

    def cut(self, machine: str, others: tuple[str, ...], on: bool) -> None:
        """See `Machines`: packets go nowhere, and nobody is told."""
        for other in others:
            for one, far in ((machine, other), (other, machine)):
                what = ("add", "blackhole") if on else ("del", "blackhole")
                _ip("-n", self._name(one), "route", *what, f"{self.address(far)}/32")

    def close(self) -> None:
        """See `Machines`."""
        for machine in (*self._numbers, "hub"):
            subprocess.run(["ip", "netns", "del", self._name(machine)], capture_output=True, check=False)
        os.close(self._own)


def machines_of(names: tuple[str, ...]) -> Machines:
    """Return namespaces, or, where they are not allowed, machines on loopback."""
    try:
        return Namespaces(names)
    except (OSError, subprocess.CalledProcessError):
        return Machines()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True)


class Wire:
    """The way from one machine to a unix socket at another."""

    def __init__(self, machines: Machines, near: str, far: str, target: Path) -> None:
        self.near, self.far = near, far
        self.delay_s = 0.0
        self.flows = asyncio.Event()  # cleared: it carries nothing, either way, and says nothing
        self.flows.set()
        self._machines = machines
        self._target = target
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> tuple[str, int]:
        """Begin to carry; return where it is reached on the near machine."""
        far = self._listen(self.far, self._machines.address(self.far))
        await self._serve(far, self._to_target, delayed=False)
        near = self._listen(self.near, "127.0.0.1")
        await self._serve(near, lambda: self._to_far(far.getsockname()), delayed=True)
        return str(near.getsockname()[0]), int(near.getsockname()[1])

    async def close(self) -> None:
        """Carry nothing more."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _listen(self, machine: str, address: str) -> socket.socket:
        with self._machines.inside(machine):
            return socket.create_server((address, 0))

    def _to_far(self, address: tuple[str, int]) -> tuple[socket.socket, tuple[str, int]]:
        with self._machines.inside(self.near):
            return socket.socket(), address

    def _to_target(self) -> tuple[socket.socket, str]:
        return socket.socket(socket.AF_UNIX), str(self._target)

    async def _serve(
        self,
        listener: socket.socket,
        dial: Callable[[], tuple[socket.socket, tuple[str, int] | str]],
        *,
        delayed: bool,
    ) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await self._carry(reader, writer, dial, delayed=delayed)

        self._servers.append(await asyncio.start_server(serve, sock=listener))

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        dial: Callable[[], tuple[socket.socket, tuple[str, int] | str]],
        *,
        delayed: bool,
    ) -> None:
        onward, address = dial()
        onward.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(onward, address)
            far_reader, far_writer = await asyncio.open_connection(sock=onward)
        except OSError:
            onward.close()
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far_writer, delayed=delayed))
                pumps.create_task(self._pump(far_reader, writer, delayed=delayed))
        except* OSError:
            pass
        finally:
            for one in (writer, far_writer):
                one.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, delayed: bool
    ) -> None:
        while data := await reader.read(_PIECE):
            if delayed:
                await asyncio.sleep(self.delay_s)
                await self.flows.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # one side is done: so is the other
