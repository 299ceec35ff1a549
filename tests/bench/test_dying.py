"""A printer that dies amid a document, and the judge of what became of every job."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import dying, workloads
from tests.bench.dying import SIZE, Fates, judged, taken_by
from tests.bench.dying_printer import DyingPrinter
from tests.bench.measure import Bench
from tests.bench.process import BenchError
from tests.bench.receiver import Arrival, Receiver, document
from tests.bench.system import Left

HALF = Arrival(2, SIZE // 2, 0, 0, 0)
TOLD = Left("jobs/2", "Nobody knows what came out.", (0, SIZE))


def came(*numbers: int) -> list[Arrival]:
    return [Arrival(number, SIZE, 0, 1, 0) for number in numbers]


def fates(arrivals: list[Arrival], left: dict[int, Left]) -> Fates:
    return judged((1, 2, 3), arrivals, HALF, left)


def test_what_is_held_and_explained_is_not_lost():
    found = fates(came(1, 3), {2: TOLD})

    assert (found.whole, found.held, found.wrong) == (2, 1, 0)


@pytest.mark.parametrize(
    ("arrivals", "left", "wrong"),
    [
        (came(1, 3), {}, "lost"),
        (came(1), {2: TOLD}, "lost"),  # 3 is, too
        (came(1, 2, 3), {}, "again"),
        (came(1, 3, 3), {2: TOLD}, "doubled"),
        (came(1, 3), {2: Left("jobs/2")}, "waiting"),
        (came(1, 3), {2: TOLD._replace(uncertain=(0, 1024))}, "waiting"),  # the printer has more than that
        (came(1, 3), {2: TOLD._replace(uncertain=(SIZE // 2 + 1, SIZE))}, "waiting"),  # and less than that
        (came(1, 2), {3: TOLD}, "waiting"),  # it was another that the printer died of
    ],
)
def test_each_wrong_fate_is_found(arrivals: list[Arrival], left: dict[int, Left], wrong: str):
    found = fates(arrivals, left)

    assert getattr(found, wrong) == 1
    assert found.wrong
    assert found.whole + found.held + found.again + found.waiting + found.lost == 3


def test_what_the_dying_printer_took_is_judged_by_its_bytes():
    half = document(2, SIZE)[: SIZE // 2]

    assert taken_by(half, (1, 2), SIZE) == Arrival(2, SIZE // 2, 0, 0, zlib.adler32(half))
    for wrong, numbers in ((half[:-1] + b"?", (1, 2)), (half, (1, 3))):
        with pytest.raises(BenchError):
            taken_by(wrong, numbers, SIZE)


async def test_it_dies_amid_a_document_and_refuses_until_it_lives_again():
    printer = DyingPrinter()
    try:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                await asyncio.to_thread(send, printer.port)
            living = asyncio.ensure_future(printer.live(SIZE // 2))
            await asyncio.sleep(0)  # it listens
            await asyncio.to_thread(send, printer.port, b"")
            with pytest.raises(OSError, match="reset|broken|connected"):
                await asyncio.to_thread(send, printer.port)
            assert await living == document(7, SIZE)[: SIZE // 2]
    finally:
        printer.close()


def send(port: int, data: bytes | None = None) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(document(7, SIZE) if data is None else data)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


class Losing:
    """A system with a pool that gives its first job to the printer that dies, and to nobody else after that."""

    name, ours, exact, pools, processes = "fabric", True, True, True, ()

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def revive(self) -> None:
        pass

    async def send(self, _mode: str, _clients: int, _printers: int, numbers: range, size: int) -> None:
        with pytest.raises(OSError, match="reset|broken|connected"):
            await asyncio.to_thread(send, self._receiver.devices.dying, document(numbers[0], size))
        for number in numbers[1:]:
            await asyncio.to_thread(send, self._receiver.devices.receiving, document(number, size))

    async def left(self, _pool: str) -> dict[int, Left]:
        return {}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    receiver = Receiver(tmp_path)
    yield Bench(receiver)
    receiver.close()


async def test_a_job_of_ours_that_is_lost_fails_the_part(bench: Bench):
    with pytest.raises(BenchError, match="lost=1"):
        await dying.dying(bench, [Losing(bench.receiver)], workloads.SHORT)  # type: ignore[list-item]


async def test_a_job_of_a_peer_that_is_lost_is_counted(bench: Bench):
    peer = Losing(bench.receiver)
    peer.ours, peer.name = False, "CUPS"

    [row] = await dying.dying(bench, [peer], workloads.SHORT)  # type: ignore[list-item]

    assert (row["whole"], row["lost"], row["held"], row["deaths"]) == (11, 1, 0, 1)
    assert row["printed_per_s"]["min"] > 0
