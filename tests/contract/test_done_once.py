"""Device controls and what is set by bidi: a repeat with the same request id has the same answer, and does nothing again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
from typing_extensions import override

from chassis.errors import DeviceFault, RequestIdReused
from portmon.document import DocInfo, DocKey, Evidence
from portmon.facts import Fact
from portmon.monitor import OpenContext, Port, PortMonitor, PortSettings
from portmon.once import Once
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.monitor_host import OWNER, Host, refusal, served_host

FAILS = 7
NAME = r"\Printer.DeviceInfo:Location"


class CountingPort(Port):
    """A port that numbers the controls it is given."""

    done: ClassVar[list[int]] = []

    @override
    def fileno(self) -> int | None:
        return None

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        """A document is nothing here."""

    @override
    def write(self, data: memoryview) -> int:
        return len(data)

    @override
    def acked(self) -> int:
        return 0

    @override
    def end_doc(self) -> Evidence:
        return Evidence.DEVICE_WRITE

    @override
    def abort_doc(self, keep: bool) -> bool:
        return True

    @override
    def close(self) -> None:
        """There is nothing to let go."""

    @override
    def control(self, code: int, data: bytes) -> bytes:
        self.done.append(code)
        if code == FAILS:
            raise DeviceFault("the device does not want to")
        return len(self.done).to_bytes(4, "little")

    @override
    def facts(self) -> Mapping[str, Fact]:
        return {}


class CountingMonitor(PortMonitor[PortSettings]):
    """Its ports count."""

    scheme, name, description = "counting", "Counting Port", "A port that counts"
    readable = controls = True
    settings = PortSettings

    @override
    def device(self, port: str, settings: PortSettings) -> str:
        return "a counter"

    @override
    def open_port(self, port: str, settings: PortSettings, context: OpenContext) -> Port:
        return CountingPort()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    CountingPort.done.clear()
    entry = EntryPoint("counting", f"{__name__}:CountingMonitor", "portmon.monitors")
    async with served_host(tmp_path, third_parties=[entry]) as found:
        await found.ports.add("N1", "counting", {})
        yield found


async def opened(host: Host, fence: int) -> pb.PortHandle:
    return (await host.monitor.OpenPort(pb.OpenPortRequest(owner=OWNER, port="N1", fence=fence))).handle


async def test_a_control_is_done_once_for_a_request_id_also_behind_another_opening(host: Host) -> None:
    first, ask = await opened(host, 1), host.monitor.GetPrinterDataFromPort
    request = pb.GetPrinterDataFromPortRequest(handle=first, control_id=3, input=b"x", request_id="r-1")
    answers = await asyncio.gather(*(ask(request) for _ in range(4)))
    request.handle.CopyFrom(await opened(host, 2))
    answers.append(await ask(request))
    assert {one.output for one in answers} == {b"\1\0\0\0"}
    assert CountingPort.done == [3]
    request.input = b"y"
    assert (await refusal(ask(request)))[2] == "REQUEST_ID_REUSED"
    request.request_id = ""
    assert (await ask(request)).output != (await ask(request)).output, "without an id each is its own"


async def test_a_control_that_failed_is_tried_again(host: Host) -> None:
    handle, ask = await opened(host, 1), host.monitor.GetPrinterDataFromPort
    request = pb.GetPrinterDataFromPortRequest(handle=handle, control_id=FAILS, request_id="r-1")
    for _ in range(2):
        assert (await refusal(ask(request)))[2] == "DEVICE_FAULT"
    assert CountingPort.done == [FAILS, FAILS]


async def test_what_is_set_by_bidi_is_set_once_for_a_request_id(host: Host) -> None:
    def setting(text: str, request_id: str) -> pb.SendRecvBidiDataFromPortRequest:
        request = pb.SendRecvBidiDataFromPortRequest(
            port="IP_1", action=pb.BIDI_ACTION_SET, access=1, request_id=request_id
        )
        request.items.add(request_number=1, schema=NAME).data.string_value = text
        return request

    ask = host.monitor.SendRecvBidiDataFromPort
    assert (await ask(setting("dock 1", "r-1"))).items[0].result == 0
    assert (await ask(setting("dock 2", "r-2"))).items[0].result == 0
    assert (await ask(setting("dock 1", "r-1"))).items[0].result == 0, "late, and answered as it was"
    look = pb.SendRecvBidiDataFromPortRequest(port="IP_1", action=pb.BIDI_ACTION_GET)
    look.items.add(request_number=1, schema=NAME)
    assert (await ask(look)).items[0].data.string_value == "dock 2"
    assert (await refusal(ask(setting("dock 3", "r-1"))))[2] == "REQUEST_ID_REUSED"


async def test_work_goes_on_when_its_caller_hangs_up_and_old_answers_make_room() -> None:
    once, go, done = Once[str, int](2), asyncio.Event(), []

    async def work() -> int:
        await go.wait()
        done.append(1)
        return len(done)

    caller = asyncio.ensure_future(once.do("a", work))
    await asyncio.sleep(0)
    caller.cancel()
    go.set()
    assert await once.do("a", work) == 1
    with pytest.raises(RequestIdReused):
        await once.do("a", work, "other words")
    assert [await once.do(key, work) for key in ("b", "c", "a")] == [2, 3, 4], "a made room"
