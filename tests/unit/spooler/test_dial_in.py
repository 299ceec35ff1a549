"""Hosts that dial in: one live connection for each name, and tunnels for whom they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.errors import AccessDenied, CallCanceled, DeadlineExceeded, Overloaded
from chassis.tasks import Tasks
from printfabric.spooler.v1 import registry_service_pb2 as pb
from spooler.api.dial_in_calls import DialInCalls
from spooler.dial_in.arrival import Arrival
from spooler.dial_in.arrivals import DialIn, HostAlreadyHere, HostConnected
from spooler.settings import DialInSection

SOON_S = 0.1
LATE_S = 600.0


class Directory:
    """Remembers where hosts are."""

    def __init__(self) -> None:
        self.here: dict[str, str] = {}

    def dialled_in(self, name: str, address: str, where: str) -> None:
        self.here[name] = address

    def left(self, name: str) -> None:
        del self.here[name]


@asynccontextmanager
async def dialling_in(heartbeat_s: float = LATE_S) -> AsyncIterator[tuple[DialIn, Directory]]:
    async with DialIn(DialInSection(heartbeat_s=heartbeat_s), "spool-1") as dial_in:
        directory = Directory()
        dial_in.begin(directory, 7, lambda: 1)
        yield dial_in, directory


async def end(arrival: Arrival) -> Any:
    """Wait until an arrival is over; return what was wanted of the host, or the error it ended with."""
    try:
        return [one async for one in arrival.wanted()]
    except CallCanceled as error:
        return error


def anybody(_host: str) -> bool:
    return True


async def connected(arrival: Arrival) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(arrival.address.removeprefix("unix:"))


async def test_a_host_is_known_as_long_as_it_is_here():
    async with dialling_in() as (dial_in, directory):
        async with dial_in.arrival("edge-7", "run-1", "there") as arrival:
            assert directory.here == {"edge-7": arrival.address}
            assert len(dial_in) == 1
        assert directory.here == {}
        assert len(dial_in) == 0


async def test_the_same_run_that_dials_again_takes_the_place_of_its_old_connection():
    async with dialling_in() as (dial_in, directory), dial_in.arrival("edge-7", "run-1", "a") as old:
        async with dial_in.arrival("EDGE-7", "run-1", "b") as new:
            assert isinstance(await end(old), CallCanceled)
            assert directory.here["EDGE-7"] == new.address
            with pytest.raises(FileNotFoundError):
                await connected(old)
        assert len(dial_in) == 0


async def test_a_run_that_looks_for_another_spooler_is_told_that_it_is_here_and_keeps_its_connection():
    async with dialling_in() as (dial_in, directory), dial_in.arrival("edge-7", "run-1", "a") as first:
        with pytest.raises(HostConnected):
            async with dial_in.arrival("edge-7", "run-1", "b", another=True):
                raise AssertionError("two are here")
        assert directory.here == {"edge-7": first.address}
        assert dial_in.refused == 0


async def test_a_host_is_told_when_there_are_more_spoolers():
    async with dialling_in() as (dial_in, directory), dial_in.arrival("edge-7", "run-1", "a") as arrival:
        dial_in.begin(directory, 7, iter((1, 1, 2, 2)).__next__)

        async def said() -> AsyncIterator[pb.RegisterHostRequest]:
            for _ in range(3):
                yield pb.RegisterHostRequest()

        await DialInCalls(dial_in)._hear(said(), arrival)
        assert await end(arrival) == [""]


async def test_another_run_is_refused_while_the_first_speaks():
    async with dialling_in(SOON_S) as (dial_in, directory), dial_in.arrival("edge-7", "run-1", "a") as first:

        async def speak() -> None:
            while True:
                first.heard()
                await asyncio.sleep(0)

        async with Tasks("first") as tasks:
            tasks.spawn("speak", speak())
            with pytest.raises(HostAlreadyHere, match="from another run"):
                async with dial_in.arrival("edge-7", "run-2", "b"):
                    raise AssertionError("two are here")
        assert directory.here == {"edge-7": first.address}
        assert dial_in.refused == 1


async def test_a_host_that_was_started_anew_takes_the_place_of_a_connection_that_is_dead():
    async with (
        dialling_in(SOON_S) as (dial_in, _),
        dial_in.arrival("edge-7", "run-1", "a") as dead,
        dial_in.arrival("edge-7", "run-2", "b") as alive,
    ):
        assert isinstance(await end(dead), CallCanceled)
        assert not alive.gone.is_set()


async def test_of_two_that_come_at_once_one_is_here():
    async with dialling_in(SOON_S) as (dial_in, _):
        here: list[Arrival] = []

        async def come(run: str) -> None:
            async with dial_in.arrival("edge-7", run, run) as arrival:
                here.append(arrival)
                await arrival.gone.wait()

        async with Tasks("hosts") as tasks:
            for run in ("run-1", "run-2", "run-3"):
                tasks.spawn(run, come(run))
            while len(here) < 3:  # nobody speaks, so each takes the place of the one before
                assert len(dial_in) <= 1
                await asyncio.sleep(0.01)
            assert [one.gone.is_set() for one in here] == [True, True, False]


async def test_a_tunnel_is_for_the_host_it_was_wanted_of_and_for_one_claim():
    async with dialling_in() as (dial_in, _), dial_in.arrival("edge-7", "run-1", "a") as arrival:
        reader, writer = await connected(arrival)
        wanted = await anext(arrival.wanted())
        for may_be, tunnel_id in ((lambda host: host == "edge-8", wanted), (anybody, "made-up")):
            with pytest.raises(AccessDenied):
                dial_in.claim(tunnel_id, may_be)
        dial_in.claim(wanted, lambda host: host == "edge-7")
        assert dial_in.tunnels == 1
        with pytest.raises(AccessDenied):
            dial_in.claim(wanted, anybody)
        arrival.end()
        assert await reader.read() == b""
        writer.close()


async def test_bytes_go_through_a_tunnel_both_ways_until_one_end_closes():
    async with (
        dialling_in() as (dial_in, _),
        dial_in.arrival("edge-7", "run-1", "a") as arrival,
        Tasks("tunnel") as tasks,
    ):
        reader, writer = await connected(arrival)
        tunnel = dial_in.claim(await anext(arrival.wanted()), anybody)
        arriving: asyncio.Queue[bytes] = asyncio.Queue()

        async def from_host() -> AsyncIterator[bytes]:
            while data := await arriving.get():
                yield data

        to_host = tunnel.carry(from_host(), tasks)
        writer.write(b"question")
        assert await anext(to_host) == b"question"
        arriving.put_nowait(b"answer")
        assert await reader.readexactly(6) == b"answer"
        arriving.put_nowait(b"")
        assert [data async for data in to_host] == []
        assert await reader.read() == b""
        assert dial_in.tunnels == 0
        writer.close()


async def test_what_is_wrong_with_a_hosts_bytes_ends_its_tunnel_and_is_said():
    async with (
        dialling_in() as (dial_in, _),
        dial_in.arrival("edge-7", "run-1", "a") as arrival,
        Tasks("tunnel") as tasks,
    ):
        reader, writer = await connected(arrival)
        tunnel = dial_in.claim(await anext(arrival.wanted()), anybody)

        async def from_host() -> AsyncIterator[bytes]:
            yield b"good"
            raise Overloaded("too much")

        with pytest.raises(Overloaded):
            [data async for data in tunnel.carry(from_host(), tasks)]
        assert await reader.read() == b"good"
        writer.close()


async def test_a_host_that_opens_no_tunnels_is_asked_for_so_many_and_no_more():
    async with dialling_in() as (dial_in, _), dial_in.arrival("edge-7", "run-1", "a") as arrival:
        ends = [await connected(arrival) for _ in range(20)]
        assert [await reader.read() for reader, _ in ends[16:]] == [b""] * 4
        for _, writer in ends:
            writer.close()


async def test_a_spooler_that_stops_lets_all_hosts_go_and_takes_no_more():
    async with dialling_in() as (dial_in, _), dial_in.arrival("edge-7", "run-1", "a") as arrival:
        await dial_in.close()
        assert isinstance(await end(arrival), CallCanceled)
        with pytest.raises(CallCanceled):
            async with dial_in.arrival("edge-8", "run-1", "b"):
                raise AssertionError("it is here")


async def test_a_host_that_says_nothing_for_three_heartbeats_is_let_go():
    async with dialling_in(SOON_S) as (dial_in, _), dial_in.arrival("edge-7", "run-1", "a") as arrival:
        silence: asyncio.Queue[Any] = asyncio.Queue()

        async def said() -> AsyncIterator[Any]:
            yield await silence.get()

        await DialInCalls(dial_in)._hear(said(), arrival)
        with pytest.raises(DeadlineExceeded, match="said nothing for 0.3 s"):
            [one async for one in arrival.wanted()]
