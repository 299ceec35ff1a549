"""Both stores of a host's ports against one suite: the host's own file, and the spooler's over gRPC.

The spooler is a real one, in a process of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chassis.client import Channels
from chassis.errors import EtagMismatch, FabricError, HostUnreachable, StoreUnavailable
from chassis.settings import ChannelSettings
from portmon.port_record import PortRecord, PortStore
from portmon.port_store import LocalPortStore
from portmon.registry_link import FileCopy, RegistryLink
from portmon.registry_store import Kept, RegistryStore
from tests.contract.port_store_contract import COM1, PortStoreContract
from tests.rig.programs import Program
from tests.rig.real_fabric import spooler_settings


class TestLocalStore(PortStoreContract):
    @pytest.fixture
    def again(self, tmp_path: Path) -> Callable[[], PortStore]:
        return lambda: LocalPortStore(tmp_path / "ports.json")

    @pytest.fixture
    def store(self, again: Callable[[], PortStore]) -> PortStore:
        return again()

    def test_who_reads_in_the_middle_of_a_change_finds_what_was_or_what_is(
        self, store: PortStore, again
    ) -> None:
        store.add(COM1)
        changes = [
            PortRecord("COM1:", "serial", {"baud": 9600 + n, "note": "x" * 9000}) for n in range(1, 25)
        ]
        with ThreadPoolExecutor(1) as reader:
            reading = reader.submit(lambda: [again().ports()[0].settings["baud"] for _ in range(40)])
            for change in changes:
                store.replace(change, None)
            seen = reading.result(60)
        assert seen == sorted(seen), "never half of one, and never back"
        assert again().ports() == [changes[-1]]


class Loop:
    """An event loop on a thread, as the program's is for threads that look things up."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="loop", daemon=True)
        self._thread.start()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def spooler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("registry")
    program = Program("spooler", folder, spooler_settings(folder / "sp", "127.0.0.1:9", {}))
    program.start()
    yield program
    program.stop()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


@pytest.fixture(scope="module")
def channels(loop: Loop) -> Iterator[Channels]:
    async def opened() -> Channels:
        return await Channels(ChannelSettings()).__aenter__()

    found = loop.run(opened())
    yield found
    loop.run(found.__aexit__(None, None, None))


class TestSpoolersStore(PortStoreContract):
    @pytest.fixture
    def again(
        self, spooler: Program, loop: Loop, channels: Channels, tmp_path: Path
    ) -> Callable[[], PortStore]:
        async def link() -> RegistryLink:
            return RegistryLink(channels, spooler.address, f"edge-{tmp_path.name}"[:63])

        return lambda: RegistryStore(loop.run(link()), FileCopy(tmp_path / "copy.json"))

    @pytest.fixture
    def store(self, again: Callable[[], PortStore]) -> PortStore:
        return again()

    def test_two_that_change_the_same_host_both_have_their_way(self, store: PortStore, again) -> None:
        other = again()
        store.add(COM1)
        other.add(PortRecord("COM2:", "serial", {}))
        with pytest.raises(FabricError) as refused:
            other.add(COM1)
        assert refused.value.win32 == 183
        assert [one.name for one in again().ports()] == ["COM1:", "COM2:"]


class FakeKeeper:
    """A spooler by hand, which can be away and can be overtaken."""

    def __init__(self) -> None:
        self.kept = Kept(b"", "")
        self.away = False
        self.overtaken = 0

    def get(self) -> Kept:
        if self.away:
            raise HostUnreachable("nobody there")
        return self.kept

    def put(self, document: bytes, expected: str) -> str:
        if self.away:
            raise HostUnreachable("nobody there")
        if self.overtaken:
            self.overtaken -= 1
            self.kept = Kept(self.kept.document, f"other {self.overtaken}")
        if expected != self.kept.revision:
            raise EtagMismatch("it was changed meanwhile")
        self.kept = Kept(document, str(hash(document)))
        return self.kept.revision


@pytest.fixture
def keeper() -> FakeKeeper:
    return FakeKeeper()


class TestStoreOfAFake(PortStoreContract):
    """The fake keeps the contract itself."""

    @pytest.fixture
    def again(self, keeper: FakeKeeper, tmp_path: Path) -> Callable[[], PortStore]:
        return lambda: RegistryStore(keeper, FileCopy(tmp_path / "copy.json"))

    @pytest.fixture
    def store(self, again: Callable[[], PortStore]) -> PortStore:
        return again()


def test_while_the_spooler_is_away_the_copy_serves_and_nothing_is_changed(
    keeper: FakeKeeper, tmp_path: Path
) -> None:
    copy = FileCopy(tmp_path / "copy.json")
    RegistryStore(keeper, copy).add(COM1)
    keeper.away = True
    store = RegistryStore(keeper, copy)
    assert store.ports() == [COM1]
    assert isinstance(store.away, HostUnreachable)
    with pytest.raises(StoreUnavailable):
        store.delete("COM1:")
    assert store.ports() == [COM1]
    keeper.away = False
    store.delete("COM1:")
    assert store.ports() == []
    assert RegistryStore(keeper, copy).away is None


def test_who_is_overtaken_tries_again_and_gives_up_in_the_end(keeper: FakeKeeper, tmp_path: Path) -> None:
    store = RegistryStore(keeper, FileCopy(tmp_path / "copy.json"))
    keeper.overtaken = 3
    store.add(COM1)
    assert store.ports() == [COM1]
    keeper.overtaken = 100
    with pytest.raises(StoreUnavailable):
        store.delete("COM1:")
    assert store.ports() == [COM1]


@pytest.mark.parametrize(
    "document", [b"no json", b'{"version": 9}', b'{"version": 1, "ports": 7}', b"[]", b'{"ports": []}']
)
def test_what_is_not_ours_is_refused(keeper: FakeKeeper, tmp_path: Path, document: bytes) -> None:
    keeper.kept = Kept(document, "r")
    with pytest.raises(StoreUnavailable):
        RegistryStore(keeper, FileCopy(tmp_path / "copy.json"))
