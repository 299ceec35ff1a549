"""What is asked is done once and to its end: whoever hangs up, asks again, or leaves no room for the answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import RequestIdReused
from portmon.monitor import MonitorInit
from portmon.port_record import PortRecord
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS
from portmon.xcv.session import ADMINISTER

SLOW_S = 0.15


class SlowStore(LocalPortStore):
    """A disk that takes its time."""

    def add_all(self, records: Sequence[PortRecord]) -> None:
        time.sleep(SLOW_S)
        super().add_all(records)

    def delete(self, name: str) -> None:
        time.sleep(SLOW_S)
        super().delete(name)


@pytest.fixture
async def xcv(tmp_path: Path) -> AsyncIterator[Xcv]:
    ports = Ports(Registry(MonitorInit("edge", tmp_path / "files"), []), SlowStore(tmp_path / "p"), tmp_path)
    yield Xcv(ports, COMMANDS)
    ports.close()


def _ask(xcv: Xcv, name: str, value: Any, **more: Any) -> asyncio.Future[Any]:
    handle = xcv.open(port="", monitor="sim", access=ADMINISTER, who="ada")
    return asyncio.ensure_future(xcv.data(handle, name, json.dumps(value).encode(), **more))


@pytest.mark.parametrize("there", [True, False])
async def test_a_change_whose_caller_hangs_up_is_made_whole(xcv: Xcv, there: bool) -> None:
    port = {"name": "SIM1", "scheme": "sim"}
    if there:
        assert (await _ask(xcv, "AddPort", port)).status == 0
    asked = _ask(xcv, "DeletePort" if there else "AddPort", "SIM1" if there else port)
    await asyncio.sleep(SLOW_S / 3)
    asked.cancel()
    await _until(lambda: ("SIM1" in xcv.ports) is not there)
    again = await _ask(xcv, "DeletePort" if there else "AddPort", "SIM1" if there else port)
    assert again.status == (2 if there else 183)


async def test_the_same_request_twice_at_once_is_done_once(xcv: Xcv) -> None:
    handle = xcv.open(port="", monitor="sim", access=ADMINISTER, who="ada")
    port = json.dumps({"name": "SIM1", "scheme": "sim"}).encode()
    answers = await asyncio.gather(
        *(xcv.data(handle, "AddPort", port, request_id="r") for _ in range(2)),
        xcv.data(handle, "AddPort", port, request_id="other"),
    )
    first, again, other = (one.status for one in answers)
    assert first == again, "one request, one answer"
    assert sorted((first, other)) == [0, 183], "of two, whichever came first"


async def test_a_request_id_stands_for_one_command_and_its_input(xcv: Xcv) -> None:
    handle = xcv.open(port="", monitor="sim", access=ADMINISTER, who="ada")
    port = b'{"name": "SIM1", "scheme": "sim"}'
    assert (await xcv.data(handle, "AddPort", port, request_id="1")).status == 0
    for name, data in (("DeletePort", b'"SIM1"'), ("AddPort", b'{"name": "SIM2", "scheme": "sim"}')):
        with pytest.raises(RequestIdReused):
            await xcv.data(handle, name, data, request_id="1")
    assert "SIM1" in xcv.ports
    assert "SIM2" not in xcv.ports


async def test_what_was_not_done_is_done_when_it_is_asked_for_again(xcv: Xcv) -> None:
    handle = xcv.open(port="", monitor="sim", access=ADMINISTER, who="ada")
    assert (await xcv.data(handle, "DeletePort", b'"SIM1"', request_id="d")).status == 2
    assert (await _ask(xcv, "AddPort", {"name": "SIM1", "scheme": "sim"})).status == 0
    short = await xcv.data(handle, "MonitorUI", b"", 1, request_id="u")
    assert short.status == 122
    whole = await xcv.data(handle, "MonitorUI", b"", short.needed, request_id="u")
    assert (whole.status, len(whole.output)) == (0, short.needed)
    assert (await xcv.data(handle, "DeletePort", b'"SIM1"', request_id="d")).status == 0


async def test_one_stored_port_that_no_longer_loads_leaves_the_others(tmp_path: Path) -> None:
    store = LocalPortStore(tmp_path / "p")
    for name, scheme in (("X1", "third-party"), ("SIM1", "sim")):
        store.add(PortRecord(name, scheme, {}))
    ports = Ports(Registry(MonitorInit("edge", tmp_path / "files"), []), store, tmp_path)
    try:
        assert [port.name for port in ports] == ["SIM1"]
        assert {record.name for record in store.ports()} == {"X1", "SIM1"}
    finally:
        ports.close()


async def _until(good: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not good():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
