"""Both ends of tunnels over a real connection: what is on its way is bounded, and one that stands holds up no other."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

from chassis.client import Channels
from chassis.errors import CallCanceled
from chassis.server import Server
from chassis.settings import ServerSettings
from chassis.tasks import Tasks
from portmon.dial_out.spooler_link import Itself, Spooler, SpoolerLink
from printfabric.spooler.v1.registry_service_pb2_grpc import add_RegistryServiceServicer_to_server
from spooler.api.registry_servicer import RegistryServicer
from spooler.dial_in.arrivals import DialIn
from spooler.settings import DialInSection
from spooler.store import Notes
from tests.rig.until import until

ITSELF = Itself("edge-7", "run-1", "1.0")
STALL, ECHO = b"S", b"E"
TOO_MUCH = 64 << 20


class Directory:
    """Remembers where the host is, and who stands at its door."""

    def __init__(self) -> None:
        self.here = ""
        self.standing: list[asyncio.StreamWriter] = []
        self.ended = 0

    def dialled_in(self, name: str, address: str, where: str) -> None:
        self.here = address.removeprefix("unix:")

    def left(self, name: str) -> None:
        self.here = ""

    async def at_the_door(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Echo, or read nothing any more, as the first byte says."""
        if await reader.readexactly(1) == STALL:
            self.standing.append(writer)
            return
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()
        self.ended += 1


@asynccontextmanager
async def tunnelled() -> AsyncIterator[Directory]:
    """Give where a spooler finds a host that has dialled in, which serves `at_the_door`."""
    with tempfile.TemporaryDirectory() as folder:
        door, directory = Path(folder) / "door.sock", Directory()
        async with (
            DialIn(DialInSection(), "spool-1") as dial_in,
            Channels() as channels,
            Tasks("host") as tasks,
        ):
            dial_in.begin(directory, 7, lambda: 1)
            servicer = RegistryServicer(cast(Notes, None), dial_in)
            served = (
                add_RegistryServiceServicer_to_server,
                servicer,
                "printfabric.spooler.v1.RegistryService",
            )
            async with (
                await asyncio.start_unix_server(directory.at_the_door, door),
                Server(ServerSettings(grace_s=0), servicers=[served]) as server,
            ):
                link = SpoolerLink(channels.get(server.addresses[0]), ITSELF, door)
                tasks.spawn("dial", _dial(link, tasks))
                await until(lambda: directory.here)
                yield directory
                for writer in directory.standing:
                    writer.transport.abort()
                await dial_in.close()
                await until(lambda: not directory.here)


async def _dial(link: SpoolerLink, tasks: Tasks) -> None:
    with suppress(CallCanceled):  # the spooler stops
        async for spooler in link.serve(tasks):
            assert spooler == Spooler("spool-1", 7, 1)


async def connected(directory: Directory, kind: bytes) -> tuple[asyncio.StreamReader, Any]:
    reader, writer = await asyncio.open_unix_connection(directory.here)
    writer.write(kind)
    return reader, writer


async def echoed(reader: asyncio.StreamReader, writer: Any, data: bytes) -> bool:
    writer.write(data)
    return await reader.readexactly(len(data)) == data


async def test_a_tunnel_that_stands_takes_so_much_and_no_more_and_holds_up_no_other():
    async with tunnelled() as directory:
        _, standing = await connected(directory, STALL)
        reader, writer = await connected(directory, ECHO)
        assert await echoed(reader, writer, b"before")
        taken = 0
        try:
            while taken < TOO_MUCH:
                standing.write(bytes(1 << 16))
                async with asyncio.timeout(1):
                    await standing.drain()
                taken += 1 << 16
        except TimeoutError:
            pass
        assert taken < TOO_MUCH, "nothing holds the sender back"
        for number in range(20):
            assert await echoed(reader, writer, bytes([number]) * 50_000)
        standing.transport.abort()
        writer.close()


async def test_bytes_come_out_as_they_went_in_however_many_there_are():
    async with tunnelled() as directory:
        reader, writer = await connected(directory, ECHO)
        document = bytes(range(256)) * (32 << 10)

        async def send() -> None:
            for at in range(0, len(document), 100_003):
                writer.write(document[at : at + 100_003])
                await writer.drain()

        async with Tasks("sender") as tasks:
            tasks.spawn("send", send())
            assert await reader.readexactly(len(document)) == document
        writer.close()


async def test_an_end_that_closes_closes_the_other_and_no_other_tunnel():
    async with tunnelled() as directory:
        reader, writer = await connected(directory, ECHO)
        other, other_writer = await connected(directory, ECHO)
        assert await echoed(reader, writer, b"here")
        assert await echoed(other, other_writer, b"here too")
        writer.close()
        await until(lambda: directory.ended == 1)
        assert await echoed(other, other_writer, b"still here")
        other_writer.close()
        await until(lambda: directory.ended == 2)
