"""Another print system with an IPP server: started on a loopback port, given documents by Print-Job."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from tests.bench.ipp import (
    GET_JOBS,
    GET_PRINTER_ATTRIBUTES,
    PAUSE_PRINTER,
    PRINT_JOB,
    RESUME_PRINTER,
    IppClient,
)
from tests.bench.process import BenchError, Child, OneProgram
from tests.bench.receiver import document
from tests.bench.system import POOLS, UNARY, Left, queue, together
from tests.surroundings import free_port


class IppPeer(OneProgram):
    """One server with the queues `q0`, `q1`, …. Children name themselves, the path of a queue and a raw format."""

    name: str
    durability: str
    exact = True
    pools: bool
    most_printers = 1 << 30
    many = keeps = True
    path: str
    document_format: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._clients: list[IppClient] = []

    async def begin(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start the server and wait until it answers for its queues."""
        self._child = Child(name, command, self.folder / f"{name}.log", environment=environment)
        deadline = time.monotonic() + 30
        while not await self._listens():
            self._child.check()
            if time.monotonic() > deadline:
                raise BenchError(f"{name} does not listen: {self._child.last_words()}")
            await asyncio.sleep(0.002)
        await self.make_queues()
        while not await self._knows_its_queues(last_try=time.monotonic() > deadline):
            pass

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _knows_its_queues(self, *, last_try: bool) -> bool:
        """Tell whether it does: one may listen before it has read them. Raises BenchError at the last try."""
        try:
            await self._client(0).ask(GET_PRINTER_ATTRIBUTES, "q0")
        except BenchError:
            if last_try:
                raise
            await asyncio.sleep(0.002)
            return False
        return True

    async def make_queues(self) -> None:
        """Make the queues that are not there, if the server's own files do not name them."""

    async def stop_server(self) -> None:
        """End the server."""
        for client in self._clients:
            await client.close()
        self._clients.clear()
        await super().stop_server()

    def _client(self, place: int) -> IppClient:
        while len(self._clients) <= place:  # a connection for each client
            self._clients.append(IppClient(self.port, self.path, self.document_format))
        return self._clients[place]

    async def send(self, mode: str, clients: int, printers: int, numbers: Sequence[int], size: int) -> None:
        """Submit documents by Print-Job, spread over clients and queues; return when all are answered."""
        if mode not in {UNARY, *POOLS}:
            raise BenchError(f"{self.name} knows no {mode}")

        async def one(client: IppClient, numbers: Sequence[int]) -> None:
            for number in numbers:
                data = document(number, size)
                await client.ask(PRINT_JOB, queue(mode, number, printers), data, f"bench {number}")

        await together(one(self._client(place), numbers[place::clients]) for place in range(clients))

    async def send_large(self, _mode: str, number: int, size: int) -> None:
        """Submit one large document."""
        await self._client(0).ask(PRINT_JOB, "q0", document(number, size), f"bench {number}")

    @override
    async def listed(self) -> int | None:
        """Return how many jobs of `q0` a list of all has."""
        return (await self._client(0).ask(GET_JOBS, "q0")).count(b"job-id")

    @override
    async def left(self, pool: str) -> Mapping[int, Left]:
        """Return the jobs that have not ended, by their names; what it says of them is for no person."""
        answer = await self._client(0).ask(GET_JOBS, pool, wanted="job-name")
        return {int(number): Left() for number in re.findall(rb"bench (\d+)", answer)}

    async def hold(self, held: bool) -> None:
        """Stop or start the printing of `q0`."""
        await self._client(0).ask(PAUSE_PRINTER if held else RESUME_PRINTER, "q0")
