"""StageDocument: documents that lie on the host whole, and are printed to the end whoever can be reached."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.tasks import Tasks
from portmon.finishing import Finishing
from portmon.handles import Handles
from portmon.journal.port_journal import Journal
from portmon.staging.state import StagedState
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import port_pb2
from tests.contract.monitor_contract import new_key
from tests.contract.monitor_host import OWNER, Host, ended, refusal, served_host
from tests.rig.until import until

Key = tuple[bytes, int]
DATA = bytes(range(256)) * 1200
BIG = DATA * 20  # more than a stalled connection takes


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


def first(key: Key, size: int, **start: Any) -> pb.StageDocumentRequest:
    found = pb.StageDocumentRequest(owner=OWNER, port="IP_1")
    found.document.job_uid, found.document.attempt = key
    found.start.info.size_bytes = size
    found.start.info.printer = "labels"
    for name, value in start.items():
        setattr(found.start, name, value)
    return found


def parts(data: bytes, offset: int = 0, *, digest: bytes | None = None) -> Iterator[pb.StageDocumentRequest]:
    for at in range(0, len(data), 100_000):
        yield pb.StageDocumentRequest(offset=offset + at, data=data[at : at + 100_000])
    yield pb.StageDocumentRequest(
        offset=offset + len(data),
        finish_size_bytes=offset + len(data),
        digest=digest or hashlib.sha256(data).digest(),
    )


async def stage(host: Host, key: Key, data: bytes = DATA, **more: Any) -> pb.StageDocumentResponse:
    head = first(key, len(data), **more)
    return await host.monitor.StageDocument(iter([head, *parts(data)]))


def begin(key: Key, size: int) -> pb.DocumentSlice:
    found = pb.DocumentSlice()
    found.document.job_uid, found.document.attempt = key
    found.start.staged = True
    found.start.info.size_bytes = found.end.size_bytes = size
    return found


async def progress_of(host: Host, key: Key) -> pb.DocumentProgress:
    request = pb.QueryDocumentsRequest(owner=OWNER, port="IP_1")
    document = request.documents.add()
    document.job_uid, document.attempt = key
    return (await host.monitor.QueryDocuments(request)).documents[0]


async def has_ended(host: Host, key: Key) -> pb.DocumentProgress:
    deadline = asyncio.get_running_loop().time() + 30
    while (found := await progress_of(host, key)).phase != pb.DOCUMENT_PHASE_ENDED:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.02)
    return found


async def began(host: Host, *slices: pb.DocumentSlice) -> Any:
    stream: Any = host.monitor.StreamDocuments()
    handle = (await host.open()).handle
    await stream.write(pb.StreamDocumentsRequest(handle=handle, slices=slices))
    await stream.read()
    return stream


async def came_out(host: Host, data: bytes) -> None:
    await until(lambda: sum(map(len, host.rig.connections)) >= len(data), "it does not come out")
    same = b"".join(map(bytes, host.rig.connections)) == data
    assert same


async def test_a_document_is_staged_durably_and_printed_when_its_start_comes(host: Host) -> None:
    key = new_key()
    answer = await stage(host, key)
    assert (answer.staged_bytes, answer.complete) == (len(DATA), True)
    assert (await progress_of(host, key)).phase == pb.DOCUMENT_PHASE_NEVER_SEEN
    assert host.rig.connections == []
    stream = await began(host, begin(key, len(DATA)))
    found = await has_ended(host, key)
    assert (found.accepted, found.HasField("error")) == (len(DATA), False)
    await came_out(host, DATA)
    assert len(host.ports.staging) == 0 or not host.ports.staging.documents()
    stream.cancel()


async def test_staging_goes_on_where_it_was_cut(host: Host) -> None:
    key, head = new_key(), first(new_key(), len(DATA))
    head.document.job_uid, head.document.attempt = key
    half = [head, pb.StageDocumentRequest(offset=0, data=DATA[:150_000])]
    assert (await host.monitor.StageDocument(iter(half))).staged_bytes == 150_000
    asked = await host.monitor.StageDocument(iter([head]))
    assert (asked.staged_bytes, asked.complete) == (150_000, False)
    rest = list(parts(DATA[100_000:], 100_000, digest=hashlib.sha256(DATA).digest()))
    assert (await host.monitor.StageDocument(iter([head, *rest]))).complete
    assert (await host.monitor.StageDocument(iter([head]))).complete


async def test_gaps_wrong_digests_and_wrong_sizes_are_refused(host: Host) -> None:
    gap = [first(new_key(), len(DATA)), pb.StageDocumentRequest(offset=5, data=b"x")]
    assert await refusal(host.monitor.StageDocument(iter(gap))) == ("OUT_OF_RANGE", 25, "WRONG_OFFSET")
    key = new_key()
    wrong = [first(key, len(DATA)), *parts(DATA, digest=bytes(32))]
    assert await refusal(host.monitor.StageDocument(iter(wrong))) == ("DATA_LOSS", 23, "DIGEST_MISMATCH")
    assert (await stage(host, key)).complete, "nothing of the wrong bytes was kept"
    short = [first(new_key(), len(DATA) + 1), *parts(DATA)]
    assert (await refusal(host.monitor.StageDocument(iter(short))))[0] == "INVALID_ARGUMENT"
    none: list[pb.StageDocumentRequest] = []
    for requests in (none, [pb.StageDocumentRequest(owner=OWNER, port="IP_1")]):
        assert (await refusal(host.monitor.StageDocument(iter(requests))))[0] == "INVALID_ARGUMENT"
    unknown = first(new_key(), 1)
    unknown.port = "IP_9"
    assert (await refusal(host.monitor.StageDocument(iter([unknown]))))[0] == "NOT_FOUND"


async def test_a_full_quota_says_so_and_has_room_again_when_a_document_has_come_out(host: Host) -> None:
    host.ports.staging.quota_bytes = len(DATA)
    key = new_key()
    await stage(host, key)
    refused = await refusal(stage(host, new_key()))
    assert refused[0] == "RESOURCE_EXHAUSTED"
    assert refused[2] == "SPOOL_FULL"
    stream = await began(host, begin(key, len(DATA)))
    await has_ended(host, key)
    assert (await stage(host, new_key())).complete
    stream.cancel()


async def test_what_is_not_staged_is_not_begun(host: Host) -> None:
    key, other = new_key(), new_key()
    await host.monitor.StageDocument(iter([first(key, len(DATA)), pb.StageDocumentRequest(data=DATA[:99])]))
    await stage(host, other)
    stream = await began(host, begin(key, len(DATA)), begin(other, len(DATA) - 1))
    reasons = set[str]()
    while len(reasons) < 2:
        for one in (await stream.read()).progress:
            assert one.phase == pb.DOCUMENT_PHASE_NEVER_SEEN
            reasons.add(f"{one.error.reason} {one.document.job_uid.hex()}")
    assert {reason.split()[0] for reason in reasons} == {"NOT_STAGED"}
    assert host.rig.connections == []
    stream.cancel()
    no_end = begin(other, len(DATA))
    no_end.ClearField("end")
    stream = await began(host, no_end)
    assert (await ended(stream)).code().name == "INVALID_ARGUMENT"


async def test_a_cut_in_the_middle_changes_nothing_and_the_next_owner_hears_how_far_it_is(host: Host) -> None:
    for hold in host.ports:
        hold.settings = hold.settings.model_copy(update={"grace_s": 0.0})
    host.rig.stall()
    key, behind = new_key(), new_key()
    await stage(host, key, BIG)
    await stage(host, behind)
    stream = await began(host, begin(key, len(BIG)), begin(behind, len(DATA)))
    port = host.ports.get("IP_1")
    await until(lambda: port.session is not None and port.session.in_progress() is not None)
    await until(lambda: len(host.ports.staging.ordered("ip_1", "fabric")) == 2)
    stream.cancel()
    await until(lambda: port.hold is not None and not port.hold.streams)
    assert port.hold is not None
    port.hold.deadline = 0.0  # neither lease nor grace time ends what lies here whole
    host.rig.go_on()
    await until(lambda: port.hold is None)
    await came_out(host, BIG + DATA)
    opened = await host.open()
    assert {(one.phase, one.accepted) for one in opened.documents} == {
        (pb.DOCUMENT_PHASE_ENDED, len(BIG)),
        (pb.DOCUMENT_PHASE_ENDED, len(DATA)),
    }


async def test_a_higher_fence_takes_a_document_over_and_hears_its_progress_at_once(host: Host) -> None:
    host.rig.stall()
    key = new_key()
    await stage(host, key, BIG)
    first_stream = await began(host, begin(key, len(BIG)))
    port = host.ports.get("IP_1")
    await until(lambda: port.session is not None and port.session.in_progress() is not None)
    first_stream.cancel()
    (await began(host, begin(key, len(BIG)))).cancel()
    stream = await began(host, begin(key, len(BIG)))
    host.rig.go_on()
    phases: list[int] = []
    while not phases or phases[-1] != pb.DOCUMENT_PHASE_ENDED:
        phases += [one.phase for one in (await stream.read()).progress]
    assert pb.DOCUMENT_PHASE_IN_PROGRESS in phases
    await came_out(host, BIG)
    stream.cancel()


async def test_a_document_that_waits_can_be_taken_back_and_is_gone(host: Host) -> None:
    host.rig.stall()
    key, behind = new_key(), new_key()
    await stage(host, key, BIG)
    await stage(host, behind)
    opened = await host.open()
    stream: Any = host.monitor.StreamDocuments()
    slices = [begin(key, len(BIG)), begin(behind, len(DATA))]
    await stream.write(pb.StreamDocumentsRequest(handle=opened.handle, slices=slices))
    await until(lambda: len(host.ports.staging.ordered("ip_1", "fabric")) == 2)
    for one, phase in ((behind, pb.DOCUMENT_PHASE_NEVER_SEEN), (key, pb.DOCUMENT_PHASE_ENDED)):
        request = pb.EndDocPortRequest(handle=opened.handle, disposition=pb.DISPOSITION_ABORT)
        request.document.job_uid, request.document.attempt = one
        assert (await host.monitor.EndDocPort(request)).progress.phase == phase
    assert host.ports.staging.documents() == []
    host.rig.go_on()
    assert BIG.startswith(host.rig.received())
    stream.cancel()


async def test_settling_forgets_what_will_not_be_printed(host: Host) -> None:
    key = new_key()
    await stage(host, key)
    request = pb.SettleDocumentsRequest(owner=OWNER, port="IP_1")
    document = request.documents.add()
    document.job_uid, document.attempt = key
    await host.monitor.SettleDocuments(request)
    assert host.ports.staging.documents() == []


@pytest.mark.parametrize("policy", [port_pb2.HOST_RESTART_POLICY_FINISH, port_pb2.HOST_RESTART_POLICY_HOLD])
async def test_a_host_that_starts_alone_prints_what_was_ordered_or_waits_as_it_was_told(
    host: Host, policy: port_pb2.HostRestartPolicy.ValueType
) -> None:
    keys = [new_key(), new_key()]
    for key in keys:
        head = first(key, len(DATA))
        head.on_host_restart = policy
        assert (await host.monitor.StageDocument(iter([head, *parts(DATA)]))).complete
        assert host.ports.staging.find(_doc_key(key)).put_in_order()  # type: ignore[union-attr]
    async with Tasks("finishing") as tasks:
        handles = Handles(host.ports, tasks)
        await Finishing(host.ports, handles, tasks, _no_way).start()
        if policy == port_pb2.HOST_RESTART_POLICY_HOLD:
            assert [one.state for one in host.ports.staging.documents()] == [StagedState.STAGED] * 2
            assert (await progress_of(host, keys[0])).phase == pb.DOCUMENT_PHASE_NEVER_SEEN
            return
        assert (await progress_of(host, keys[1])).phase != pb.DOCUMENT_PHASE_NEVER_SEEN
        for key in keys:
            assert (await has_ended(host, key)).accepted == len(DATA)
        await until(lambda: host.ports.get("IP_1").hold is None)
    await came_out(host, DATA * 2)


async def test_nothing_is_printed_alone_behind_half_a_document(host: Host) -> None:
    half, behind = new_key(), new_key()
    await stage(host, behind)
    found = host.ports.staging.find(_doc_key(behind))
    assert found is not None
    assert found.put_in_order()
    journal = host.ports.get("IP_1").journal
    at = journal.begin(_doc_key(half), "fabric", 0, pipe=False)
    journal.accept(at, 10)
    host.ports.get("IP_1").forget_journal()  # the next one that opens it is another run
    async with Tasks("finishing") as tasks:
        await Finishing(host.ports, Handles(host.ports, tasks), tasks, _no_way).start()
        assert found.state is StagedState.STAGED
    assert host.rig.connections == []


def test_after_a_power_cut_the_journal_claims_no_place_in_what_was_in_progress(tmp_path: Path) -> None:
    key = _doc_key(new_key())
    journal = Journal.open(tmp_path / "one.journal", "COM1:", slots=16)
    at = journal.begin(key, "fabric", 0, pipe=True, keeps=True)
    journal.intend(at, 500)
    journal.accept(at, 500)
    same_boot = Journal.open(tmp_path / "one.journal", "COM1:", slots=16)
    assert same_boot.known(key).resumable
    same_boot._words[4] ^= 1  # the kernel's boot id, as the last boot wrote it
    other_boot = Journal.open(tmp_path / "one.journal", "COM1:", slots=16)
    found = other_boot.known(key)
    assert not found.resumable
    assert found.uncertain_start == 500
    assert found.uncertain_end > 1 << 60


def _doc_key(key: Key) -> Any:
    return new_key()._replace(uid=key[0], attempt=key[1])


def _no_way(language: str, bidirectional: bool) -> Any:
    raise AssertionError(f"no language was asked for, not {language} {bidirectional}")
