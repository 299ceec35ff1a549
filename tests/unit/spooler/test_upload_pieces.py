import asyncio

import pytest

from chassis.errors import HostUnreachable
from printfabric.spooler.v1.print_service_pb2 import UploadBegin, UploadFinish, UploadJobRequest
from spooler.api.upload_pieces import FIRST_BYTES, GATHER_BYTES, Pieces

SIZE = FIRST_BYTES // 2
BEGIN = UploadJobRequest(begin=UploadBegin(request_id="one"))


class Sender:
    """Sends messages, and knows how many were read; fails at the end if it is told to."""

    def __init__(self, *messages: UploadJobRequest, failure: Exception | None = None) -> None:
        self.read, self.gone = 0, False
        self._messages, self._failure = messages, failure

    async def stream(self):
        try:
            for message in self._messages:
                self.read += 1
                yield message
            if self._failure is not None:
                raise self._failure
        finally:
            self.gone = True


def message(number: int) -> UploadJobRequest:
    return UploadJobRequest(offset=number * SIZE, data=bytes([number]) * SIZE)


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_what_came_meanwhile_is_taken_at_once_but_not_much_comes():
    sender = Sender(*map(message, range(12)), UploadJobRequest(finish=UploadFinish(size_bytes=12 * SIZE)))
    taken = []
    async with Pieces(BEGIN, sender.stream()) as pieces:
        while found := await pieces.take():
            taken.append(found)
            await settled()  # as long as a write takes
            in_memory = sender.read - sum(len(piece.data) // SIZE for part in taken for piece in part)
            assert in_memory <= 1 + GATHER_BYTES // SIZE

    assert b"".join(piece.data for part in taken for piece in part) == b"".join(
        bytes([number]) * SIZE for number in range(12)
    )
    assert max(map(len, taken)) >= 4
    assert [len(part[-1].data) for part in taken if part[-1].finish] == [0]


async def test_little_comes_until_the_first_bytes_are_written():
    sender = Sender(*map(message, range(40)))
    async with Pieces(BEGIN, sender.stream()) as pieces:
        await settled()
        assert sender.read == FIRST_BYTES // SIZE + 1, "one more is at hand, and waits"
        assert len(await pieces.take()) == 3
        await settled()
        assert sender.read == 2 * FIRST_BYTES // SIZE + 1, "as much again beside what is being written"
        assert len(await pieces.take()) == 2
        await settled()
        assert sender.read == (2 * FIRST_BYTES + GATHER_BYTES) // SIZE + 1


async def test_a_message_without_bytes_is_not_the_first_that_is_written():
    sender = Sender(*map(message, range(40)))
    async with Pieces(BEGIN, sender.stream()) as pieces:
        assert [piece.data for piece in await pieces.take()] == [b""]
        await pieces.take()
        await settled()
        assert sender.read <= 2 * FIRST_BYTES // SIZE + 1


async def test_only_what_follows_each_other_is_taken_at_once():
    sender = Sender(message(0), message(1), message(3), message(4))
    async with Pieces(BEGIN, sender.stream()) as pieces:
        await settled()
        assert [piece.offset for piece in await pieces.take()] == [0, 0, SIZE]
        assert [piece.offset for piece in await pieces.take()] == [3 * SIZE, 4 * SIZE]
        assert not await pieces.take()


async def test_what_nobody_took_comes_again():
    async with Pieces(BEGIN, Sender(message(0), message(1)).stream()) as pieces:
        await settled()
        taken = await pieces.take()
        pieces.put_back(taken)
        assert await pieces.take() == taken


async def test_what_breaks_a_stream_is_told_behind_what_came():
    async with Pieces(BEGIN, Sender(message(0), failure=HostUnreachable("gone")).stream()) as pieces:
        await settled()
        assert len(await pieces.take()) == 2
        with pytest.raises(HostUnreachable):
            await pieces.take()


async def test_whoever_leaves_reads_nothing_more():
    sender = Sender(*map(message, range(12)))
    async with Pieces(BEGIN, sender.stream()):
        await settled()
    read = sender.read
    await settled()
    assert sender.read == read < 12
