"""What is measured: a print system that sends documents to the receiver, ours or another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tests.bench.process import Child

UNARY = "unary"
MODES = (
    UNARY,
    "stream 1",
    "stream 32",
)  # one document per call; a stream of messages with 1 and 32 documents


class System(Protocol):
    """A print system with the printers `q0`, `q1`, …; every one prints at the receiver."""

    name: str
    durability: str

    async def start(self) -> None:
        """Start what does not run; return when it answers."""

    async def stop_server(self) -> None:
        """End the part that keeps jobs, so that it can be started again."""

    async def close(self) -> None:
        """End everything."""

    @property
    def processes(self) -> Sequence[Child]:
        """What costs CPU and memory."""

    async def send(self, mode: str, clients: int, printers: int, numbers: Sequence[int], size: int) -> None:
        """Submit documents, spread over clients and printers; return when all are answered."""

    async def send_large(self, number: int, size: int) -> None:
        """Submit one large document to `q0`; return when it is answered."""

    async def hold(self, held: bool) -> None:
        """Stop or start the printing of `q0`; what comes meanwhile waits."""
