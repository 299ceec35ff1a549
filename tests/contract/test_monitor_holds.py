"""Who has a port: handles, fences, leases, take-over, grace, with a real peer and real time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import (
    DeviceNotConnected,
    InvalidHandle,
    LeaseExpired,
    PortBusy,
    PortInUse,
    PortNotFound,
    StaleFence,
    StoreUnavailable,
)
from chassis.tasks import Tasks
from portmon.document import Disposition, DocInfo, DocKey, Phase, Progress, Slice
from portmon.errand import Errand
from portmon.handles import Handles
from portmon.hold import Hold, Owner
from portmon.host_port import HostPort
from portmon.monitor import MonitorInit, PortMonitor
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_rigs import FifoRig
from tests.rig.until import until

A, A2, B = Owner("fabric-a", "spooler-1"), Owner("fabric-a", "spooler-2"), Owner("fabric-b", "spooler-9")
BIG = os.urandom(1 << 20)


class Straight:
    """A way that adds nothing, and is another than none."""

    name = "straight"

    def tells_end(self, _port: HostPort) -> bool:
        return False

    def over(self, port: HostPort) -> PortMonitor[Any]:
        return port.monitor


class Host:
    """The ports of a host with one FIFO printer, and its handles."""

    def __init__(self, folder: Path, tasks: Tasks, lease_s: float = 30.0) -> None:
        self.rig = FifoRig(folder)
        self.folder = folder
        self.tasks = tasks
        self.lease_s = lease_s
        self.start()

    def start(self) -> None:
        registry = Registry(MonitorInit("edge-7", self.folder / "files"), [])
        self.ports = Ports(registry, LocalPortStore(self.folder / "ports.json"), self.folder)
        self.handles = Handles(self.ports, self.tasks, lease_s=self.lease_s)
        self.tasks.spawn("expire", self.handles.expire())

    async def open(self, fence: int, owner: Owner = A, port: str = "LPT1:") -> Hold:
        return await self.handles.open(port, owner, fence, "labels", None)


@pytest.fixture
async def host(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Host]:
    async with Tasks("test") as tasks:
        found = Host(tmp_path, tasks, getattr(request, "param", 30.0))
        await found.ports.add("LPT1:", "Local Port", found.rig.settings())
        await found.ports.add("FILE:", "Local Port", {})
        yield found
        await found.handles.shutdown(None, 0)
        found.ports.close()
        found.rig.go_on()
        found.rig.stop()


async def do(hold: Hold, key: DocKey, **what: Any) -> Progress:
    return await hold.session.call(Slice(key, lambda _progress, _last: None, **what))


async def test_one_holder_at_a_time_and_another_fabric_hears_busy(host: Host) -> None:
    await host.open(5)
    with pytest.raises(PortBusy) as refused:
        await host.open(99, B)
    assert refused.value.win32 == 170
    found = await asyncio.gather(*(host.open(6, B) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(one, PortBusy) for one in found)


async def test_a_repeat_of_the_same_opening_gets_the_same_handle(host: Host) -> None:
    first, second = await host.open(5), await host.open(5)
    assert first is second
    assert host.ports.get("lpt1:").counters.opens == 1


async def test_a_fence_that_is_not_higher_is_stale_also_after_close_and_after_a_restart(host: Host) -> None:
    hold = await host.open(5)
    for fence in (4, 5):
        with pytest.raises(StaleFence):
            await host.open(fence, A2)
    await host.handles.close(hold)
    with pytest.raises(StaleFence):
        await host.open(5)
    host.ports.close()
    host.start()
    with pytest.raises(StaleFence):
        await host.open(5, A2)
    assert (await host.open(6)).fence == 6


async def test_a_device_that_is_away_uses_no_fence_up(host: Host) -> None:
    host.rig.break_off()
    with pytest.raises(DeviceNotConnected):
        await host.open(5)
    host.rig.mend()
    assert (await host.open(5)).fence == 5


async def test_a_port_whose_device_is_gone_at_a_take_over_is_free_for_everybody(host: Host) -> None:
    old = await host.open(5)
    host.rig.break_off()
    with pytest.raises(DeviceNotConnected):  # another way needs the device anew
        await host.handles.open("LPT1:", A2, 6, "labels", None, Straight())
    with pytest.raises(InvalidHandle):
        host.handles.check(old.token, 5)
    assert old.port.hold is None
    host.rig.mend()
    new = await host.open(6, B)
    await host.handles.close(old)
    assert new.is_current
    await host.handles.close(new)
    await host.ports.delete("LPT1:")


async def test_a_closed_handle_is_dead_and_says_so_and_so_is_one_that_never_was(host: Host) -> None:
    hold = await host.open(5)
    await host.handles.close(hold)
    for token in (hold.token, b"", b"garbage" * 10):
        with pytest.raises(InvalidHandle) as refused:
            host.handles.check(token, 5)
        assert refused.value.win32 == 6
    assert (await host.open(6, B)).fence == 6


async def test_a_new_process_of_the_fabric_takes_over_and_goes_on_in_the_middle_of_the_document(
    host: Host,
) -> None:
    old = await host.open(5)
    key = new_key()
    await do(old, key, start=DocInfo())
    assert (await do(old, key, offset=0, data=BIG[:30_000])).accepted == 30_000
    new = await host.open(6, A2)
    assert new.session is old.session
    with pytest.raises(StaleFence) as refused:
        host.handles.check(old.token, old.fence)
    assert refused.value.win32 == 6
    known = new.port.journal.unsettled("fabric-a")
    assert [(one.key, one.phase, one.accepted) for one in known] == [(key, Phase.IN_PROGRESS, 30_000)]
    assert (await do(new, key, start=DocInfo())).accepted == 30_000
    await do(new, key, offset=20_000, data=BIG[20_000:90_000])
    assert (await do(new, key, end=Disposition.COMPLETE, size=90_000)).error is None
    assert host.rig.received(90_000) == BIG[:90_000]


async def test_traffic_keeps_a_lease_alive(host: Host) -> None:
    hold = await host.open(5)
    for _ in range(3):
        before = hold.deadline
        await asyncio.sleep(0.01)
        host.handles.check(hold.token, 5)
        assert hold.deadline > before


@pytest.mark.parametrize("host", [0.3], indirect=True)
async def test_a_silent_owner_loses_the_port_and_its_document_is_broken_off_at_its_offset(host: Host) -> None:
    hold = await host.open(5)
    host.handles.stream_began(hold)  # however long this takes
    key = new_key()
    await do(hold, key, start=DocInfo())
    await do(hold, key, offset=0, data=b"x" * 100)
    host.handles.stream_ended(hold)
    await until(lambda: hold.port.hold is None, "the lease never ran out")
    with pytest.raises(LeaseExpired) as refused:
        host.handles.check(hold.token, 5)
    assert refused.value.win32 == 6
    known = hold.port.journal.outcome(key, "fabric-a")
    assert (known.phase, known.accepted, known.resumable) == (Phase.ENDED, 100, True)
    assert (await host.open(6, B)).owner == B


@pytest.mark.parametrize("host", [0.3], indirect=True)
async def test_a_stream_keeps_the_lease(host: Host) -> None:
    hold = await host.open(5)
    host.handles.stream_began(hold)
    await asyncio.sleep(0.6)
    assert host.handles.check(hold.token, 5) is hold
    assert hold.port.hold is hold


async def test_the_end_of_a_stream_starts_the_grace_time_of_its_document(host: Host) -> None:
    await host.ports.configure("LPT1:", {**host.rig.settings(), "graceS": 0.1})
    hold = await host.open(5)
    key = new_key()
    host.handles.stream_began(hold)
    await do(hold, key, start=DocInfo())
    host.handles.stream_ended(hold)
    assert await until(lambda: hold.port.hold is None) < hold.lease_s / 2, (
        "it waited for the lease, which is longer"
    )
    assert hold.port.journal.outcome(key, "fabric-a").phase is Phase.ENDED


async def test_closing_breaks_a_document_off_and_a_later_attempt_goes_on_at_its_byte(host: Host) -> None:
    hold = await host.open(5)
    key = new_key()
    await do(hold, key, start=DocInfo())
    await do(hold, key, offset=0, data=BIG[:5000])
    await host.handles.close(hold)
    known = hold.port.journal.outcome(key, "fabric-a")
    assert (known.phase, known.accepted, known.resumable) == (Phase.ENDED, 5000, True)
    again = await host.open(6)
    second = key._replace(attempt=2)
    await do(again, second, start=DocInfo(), resume_offset=5000, offset=5000, data=BIG[5000:9000])
    assert (await do(again, second, end=Disposition.COMPLETE, size=9000)).error is None
    assert host.rig.received(9000) == BIG[:9000]


async def test_bytes_sent_before_a_resumed_payload_are_not_counted(host: Host) -> None:
    hold = await host.open(5)
    found = await do(
        hold, new_key(), start=DocInfo(), resume_offset=10, resume_prefix=b"^XA", offset=10, data=b"rest",
        end=Disposition.COMPLETE, size=14,
    )  # fmt: skip
    assert (found.error, found.accepted, found.acked, found.resume_offset) == (None, 14, 14, 10)
    assert host.rig.received(7) == b"^XArest"


async def test_file_colon_is_a_port_of_its_own_for_everybody_who_opens_it(host: Host) -> None:
    one, two = await host.open(5, A, "FILE:"), await host.open(6, B, "file:")
    assert one.token != two.token
    for n, hold in enumerate((one, two)):
        found = await do(
            hold, new_key(), start=DocInfo(output_file=f"{n}.prn"), data=b"x" * n, end=Disposition.COMPLETE
        )
        assert found.error is None
        assert (host.folder / "files" / f"{n}.prn").read_bytes() == b"x" * n
    refused = await do(one, new_key(), start=DocInfo())
    assert refused.error is not None
    assert refused.error.win32 == 87


async def test_what_passes_through_file_colon_is_told_apart_by_its_document(host: Host) -> None:
    recorder = host.ports.get("FILE:").counters.recorder
    holds = [await host.open(fence, A, "FILE:") for fence in (5, 6)]
    keys = [new_key(), new_key()]
    for n, (hold, key) in enumerate(zip(holds, keys, strict=True)):
        await do(hold, key, start=DocInfo(output_file=f"{n}.prn"))
    for hold, key, data in zip(holds, keys, (b"one", b"two"), strict=True):
        assert (await do(hold, key, offset=0, data=data, end=Disposition.COMPLETE)).error is None
    noted = [(one.data, one.document) for one in recorder.recorded() if one.data]
    assert noted == [(b"one", keys[0]), (b"two", keys[1])]
    counters = host.ports.get("FILE:").counters
    assert (counters.in_documents, counters.busy_since) == (0, None)


async def test_file_colon_is_not_deleted_while_anybody_has_it_open(host: Host) -> None:
    holds = [await host.open(fence, A, "FILE:") for fence in (5, 6)]
    key = new_key()
    await do(holds[0], key, start=DocInfo(output_file="kept.prn"), data=b"half, ")
    for hold in reversed(holds):
        with pytest.raises(PortInUse) as refused:
            await host.ports.delete("FILE:")
        assert refused.value.win32 == 170
        if hold is holds[0]:
            end = await do(hold, key, offset=6, data=b"whole", end=Disposition.COMPLETE, size=11)
            assert end.error is None
        await host.handles.close(hold)
    assert (host.folder / "files" / "kept.prn").read_bytes() == b"half, whole"
    await host.ports.delete("FILE:")
    with pytest.raises(PortNotFound):
        await host.open(7, A, "FILE:")


async def test_an_opening_of_file_colon_that_is_repeated_is_the_same_one(host: Host) -> None:
    assert await host.open(5, A, "FILE:") is await host.open(5, A, "file:")
    with pytest.raises(StaleFence):
        await host.open(5, B, "FILE:")


async def test_fences_rise_on_a_port_whoever_opens_it(host: Host) -> None:
    for name in ("LPT1:", "FILE:"):
        await host.handles.close(await host.open(500, A, name))
        with pytest.raises(StaleFence) as refused:
            await host.open(499, B, name)
        assert refused.value.metadata == {"port": name, "fence": "499", "seen": "500", "held": "false"}
        await host.handles.close(await host.open(501, B, name))
        with pytest.raises(StaleFence):
            await host.open(501, A, name)


async def test_one_fence_is_one_path(host: Host) -> None:
    hold = await host.open(5)
    with pytest.raises(PortBusy) as refused:
        await host.handles.open("LPT1:", A, 5, "labels", None, Straight())
    assert refused.value.win32 == 170
    assert await host.open(5) is hold
    assert hold.is_current


async def test_a_port_in_use_is_not_deleted_and_a_free_one_is_gone_for_good(host: Host) -> None:
    hold = await host.open(5)
    with pytest.raises(PortInUse):
        await host.ports.delete("LPT1:")
    await host.handles.close(hold)
    await host.ports.delete("lpt1:")
    assert "LPT1:" not in host.ports
    assert "LPT1:" not in [record.name for record in LocalPortStore(host.folder / "ports.json").ports()]


async def test_new_settings_wait_for_the_end_of_the_document(host: Host) -> None:
    hold = await host.open(5)
    key = new_key()
    await do(hold, key, start=DocInfo())
    await host.ports.configure("LPT1:", {**host.rig.settings(), "writeTimeoutS": 7})
    await do(hold, key, offset=0, data=b"x")
    assert hold.session._work.port.write_timeout_s == 45
    assert (await do(hold, key, end=Disposition.COMPLETE)).error is None
    # Closed, then open with the new settings: what is asked next waits for that by itself.
    assert (await do(hold, new_key(), start=DocInfo(), data=b"y", end=Disposition.COMPLETE)).error is None
    assert hold.session._work.port.write_timeout_s == 7
    assert host.rig.received(2) == b"xy"


async def test_a_handle_without_its_fence_is_stale(host: Host) -> None:
    hold = await host.open(5)
    for fence in (0, 4, 6):
        with pytest.raises(StaleFence) as refused:
            host.handles.check(hold.token, fence)
        assert refused.value.win32 == 6
    assert host.handles.check(hold.token, 5) is hold


async def test_a_fence_that_cannot_be_remembered_opens_nothing_and_keeps_no_device(
    host: Host,
) -> None:
    port = host.ports.get("LPT1:")
    full = Owner("f" * 4000, "spooler-1")  # the journal's header has no room for it
    with pytest.raises(StoreUnavailable):
        await host.open(5, full)
    assert (port.hold, port.session) == (None, None)
    await host.open(5)  # nobody has the device


async def test_time_outs_that_were_set_outlive_an_errand_with_the_device(host: Host) -> None:
    hold = await host.open(5)
    hold.session.set_write_timeout(3.5)
    errand = Errand(lambda _: "done", lambda _: None, 30)
    assert await hold.session.borrow(errand, hold.port.settings) == "done"
    # Once this is answered the device is open again.
    assert (await do(hold, new_key(), start=DocInfo(), data=b"x", end=Disposition.COMPLETE)).error is None
    assert hold.session._work.port.write_timeout_s == 3.5
    errand.close()


async def test_a_drain_lets_the_document_end_and_begins_no_other(host: Host) -> None:
    hold = await host.open(5)
    first, second = new_key(), new_key()
    await do(hold, first, start=DocInfo(), data=b"first")
    draining = asyncio.create_task(host.handles.shutdown(None, 30))
    await until(lambda: hold.session._work.draining)
    refused = await do(hold, second, start=DocInfo(), data=b"second", end=Disposition.COMPLETE)
    assert refused.phase is Phase.NEVER_SEEN
    assert (await do(hold, first, end=Disposition.COMPLETE, size=5)).error is None
    assert await asyncio.wait_for(draining, 30) == []
    assert hold.port.hold is None
    assert host.rig.received(5) == b"first"


async def test_a_drain_that_takes_too_long_breaks_the_document_off_at_a_known_byte(host: Host) -> None:
    hold = await host.open(5)
    key = new_key()
    await do(hold, key, start=DocInfo(), data=b"half")
    assert await host.handles.shutdown(A, 0.1) == [hold]
    assert hold.port.journal.outcome(key, "fabric-a").accepted == 4


async def test_questions_and_openings_at_once_share_one_journal(host: Host) -> None:
    port = host.ports.get("LPT1:")
    port.forget_journal()
    found = await asyncio.gather(*(asyncio.to_thread(lambda: port.journal) for _ in range(8)))
    assert len({id(one) for one in found}) == 1


async def test_a_port_that_comes_back_in_other_letters_keeps_its_journal(host: Host) -> None:
    hold = await host.open(5)
    key = new_key()
    await do(hold, key, start=DocInfo(), data=b"x", end=Disposition.COMPLETE)
    await host.handles.close(hold)
    await host.ports.delete("LPT1:")
    await host.ports.add("lpt1:", "device", host.rig.settings())
    assert host.ports.get("LPT1:").journal.outcome(key, "fabric-a").phase is Phase.ENDED
