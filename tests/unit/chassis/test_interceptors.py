from __future__ import annotations

import asyncio
import io
import json

import grpc.aio
import pytest

from chassis import errors, logs
from chassis.client import Channels
from chassis.errors import FabricError, Verdict
from chassis.identity import ANYBODY, Identity, MethodRoles, Role
from chassis.metrics import REGISTRY
from tests.unit.chassis.echo import NAME, EchoService, EchoStub, echo_server

CLASSES = sorted(
    (cls for cls in errors.known_errors().values() if cls.__module__ == "chassis.errors"),
    key=lambda cls: cls.reason,
)


def make(cls: type[FabricError]) -> FabricError:
    if cls is errors.WrongOffset:
        return errors.WrongOffset("gap before 20", expected=10)
    if cls is errors.NotBuiltYet:
        return errors.NotBuiltYet("TapPort")
    return cls("port COM1: is held by job 4711", port="COM1:", job=4711, name="Bürodrucker é\u2028")


async def failure(call) -> FabricError:
    with pytest.raises(FabricError) as caught:
        await call
    return caught.value


async def failure_of_stream(call) -> tuple[int, FabricError]:
    seen = 0
    try:
        async for _message in call:
            seen += 1
    except FabricError as error:
        return seen, error
    pytest.fail("the stream ended well")


@pytest.fixture
def lines():
    """The log lines of the test, as JSON."""
    out = io.StringIO()
    logs.configure("test", log_format="json", stream=out)
    return lambda: [json.loads(line) for line in out.getvalue().splitlines()]


async def test_every_error_survives_a_real_channel_unary_and_in_mid_stream():
    service = EchoService()
    async with echo_server(service) as (stub, _server):
        for cls in CLASSES:
            sent = make(cls)
            service.raises = lambda error=sent: error
            unary = await failure(stub.Fail(b""))
            seen, streamed = await failure_of_stream(stub.Count(b"3"))
            uploaded = await failure(stub.Join(iter([b"x"])))
            chat = stub.Chat()
            await chat.write(b"a")
            assert await chat.read() == b"a"
            await chat.write(b"fail")
            chatted = await failure(chat.read())
            assert seen == 3
            for back in (unary, streamed, uploaded, chatted):
                assert type(back) is cls
                assert (back.message, back.metadata) == (sent.message, sent.metadata)
                assert (back.win32, back.code, back.verdict) == (sent.win32, sent.code, sent.verdict)


async def test_the_worst_error_gets_through_to_a_client_with_default_limits():
    service = EchoService()
    service.raises = lambda: errors.InvalidArgument(
        "é" * 10_000,
        fields=[("f" * 300, "x" * 10_000)] * 100,
        verdict=Verdict.HOLD,
        data="\x00\udcff" * 5_000,
    )
    async with echo_server(service) as (stub, _server):
        back = await failure(stub.Fail(b""))
    assert type(back) is errors.InvalidArgument
    assert back.fields


async def test_an_unexpected_exception_is_internal_with_an_id_and_the_traceback_stays_here(lines):
    service = EchoService()
    service.raises = lambda: ValueError("secret of the server")
    async with echo_server(service) as (stub, _server):
        unary = await failure(stub.Fail(b""))
        _seen, streamed = await failure_of_stream(stub.Count(b"1"))
    for back in (unary, streamed):
        assert type(back) is errors.Internal
        assert "secret" not in back.message
        assert "ValueError" not in back.message
    logged = [line for line in lines() if line["event"] == "unexpected error"]
    assert {line["error_id"] for line in logged} == {
        unary.metadata["error_id"],
        streamed.metadata["error_id"],
    }
    assert "secret of the server" in json.dumps(logged[0]["exception"])
    assert logged[0]["request_id"]


async def test_an_error_inside_a_task_group_keeps_its_name():
    async def fail_in_group():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing())

    async def failing():
        raise errors.PortBusy("held")

    class Grouped(EchoService):
        async def Fail(self, request, context):
            await fail_in_group()

    async with echo_server(Grouped()) as (stub, _server):
        assert type(await failure(stub.Fail(b""))) is errors.PortBusy


async def test_a_handler_that_is_cancelled_from_inside_still_answers():
    service = EchoService()
    service.raises = asyncio.CancelledError
    async with echo_server(service) as (stub, _server):
        assert type(await failure(stub.Fail(b"", timeout=2))) is errors.CallCanceled


async def test_a_handlers_own_abort_passes():
    class Aborting(EchoService):
        async def Fail(self, request, context):
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as it likes")

    async with echo_server(Aborting()) as (stub, _server):
        back = await failure(stub.Fail(b""))
    assert (back.code, back.message) == ("FAILED_PRECONDITION", "as it likes")


async def test_an_upstreams_error_is_passed_on():
    far = EchoService()
    far.raises = lambda: errors.OutOfPaper("no labels", port="COM1:")
    async with echo_server(far) as (far_stub, _far):

        class Between(EchoService):
            async def Fail(self, request, context):
                return await far_stub.Fail(b"")

        async with echo_server(Between()) as (stub, _server):
            back = await failure(stub.Fail(b""))
    assert type(back) is errors.OutOfPaper
    assert back.metadata == {"port": "COM1:"}


async def test_a_stream_is_cleaned_up_at_once_when_its_client_goes_away():
    service = EchoService()
    async with echo_server(service) as (stub, _server):
        call = stub.Forever(b"")
        await call.read()
        call.cancel()
        await asyncio.wait_for(service.cleaned_up.wait(), 30)


async def test_handlers_that_read_and_write_work_as_generators_do():
    service = EchoService()
    service.raises = lambda: errors.StaleFence("fence 3 is old")
    async with echo_server(service) as (stub, _server):
        chat = stub.ChatByWriting()
        for word in (b"a", b"b"):
            await chat.write(word)
            assert await chat.read() == word
        await chat.write(b"fail")
        assert type(await failure(chat.read())) is errors.StaleFence


async def test_the_callers_request_id_goes_through_all_hops_and_back_with_a_failure():
    async with echo_server() as (far_stub, _far):

        class Between(EchoService):
            async def About(self, request, context):
                return await far_stub.About(request)

        async with echo_server(Between()) as (stub, _server):
            given = (("x-request-id", "order-66"),)
            assert (await stub.About(b"", metadata=given)).split()[0] == b"order-66"
            failed = stub.Fail(b"", metadata=given)
            await failure(failed)
            assert given[0] in tuple(await failed.trailing_metadata())


@pytest.mark.parametrize("bad", ["a b", "x" * 200, '"}{'])
async def test_a_request_id_unfit_for_logs_is_replaced(bad):
    async with echo_server() as (stub, _server):
        given = (await stub.About(b"", metadata=(("x-request-id", bad),))).split()[0].decode()
    assert given != bad
    assert len(given) < 40


@pytest.mark.alone
async def test_what_is_left_of_the_deadline_goes_to_the_next_hop():
    async with echo_server() as (far_stub, _far):

        class Between(EchoService):
            async def About(self, request, context):
                return await far_stub.About(request)

        async with echo_server(Between()) as (stub, _server):
            left = float((await stub.About(b"", timeout=3)).split()[1])
            default = float((await stub.About(b"")).split()[1])
    assert 2 < left < 3.1  # grpc rounds time-outs up on the wire
    assert 9 < default < 10.2


async def test_one_log_line_per_rpc_and_the_facts_of_the_call_in_every_line(lines):
    class Talking(EchoService):
        async def Echo(self, request, context):
            logs.get("demo").info("echoing", size=len(request))
            return request

    service = Talking()
    service.raises = lambda: errors.PortBusy("held")
    async with echo_server(service) as (stub, _server):
        await stub.Echo(b"x", metadata=(("x-request-id", "one"),))
        await failure_of_stream(stub.Count(b"2", metadata=(("x-request-id", "two"),)))
        call = stub.Forever(b"", metadata=(("x-request-id", "three"),))
        await call.read()
        call.cancel()
        await service.cleaned_up.wait()
        await asyncio.sleep(0.05)
    said = [line for line in lines() if "request_id" in line]
    rpcs = [(line["request_id"], line["code"], line.get("reason")) for line in said if line["event"] == "rpc"]
    assert rpcs == [("one", "OK", None), ("two", "ABORTED", "PORT_BUSY"), ("three", "CANCELLED", "")]
    echoing = next(line for line in said if line["event"] == "echoing")
    assert (echoing["request_id"], echoing["caller"], echoing["method"]) == (
        "one",
        "loopback",
        f"/{NAME}/Echo",
    )


async def test_calls_are_counted_by_code_and_reason():
    def count(**labels):
        return REGISTRY.get_sample_value("printfabric_rpc_handled_total", labels) or 0

    ok = {"method": f"/{NAME}/Echo", "code": "OK", "reason": ""}
    busy = {"method": f"/{NAME}/Fail", "code": "ABORTED", "reason": "PORT_BUSY"}
    before = count(**ok), count(**busy)
    service = EchoService()
    service.raises = lambda: errors.PortBusy("held")
    async with echo_server(service) as (stub, _server):
        for _ in range(5):
            await stub.Echo(b"")
        await failure(stub.Fail(b""))
        slow = asyncio.ensure_future(stub.Slow(b""))
        await service.entered.wait()
        assert REGISTRY.get_sample_value("printfabric_rpc_in_flight", {"method": f"/{NAME}/Slow"}) == 1
        service.release.set()
        await slow
    assert (count(**ok), count(**busy)) == (before[0] + 5, before[1] + 1)
    assert REGISTRY.get_sample_value("printfabric_rpc_in_flight", {"method": f"/{NAME}/Slow"}) == 0
    buckets = [
        sample.value
        for family in REGISTRY.collect()
        if family.name == "printfabric_rpc_seconds"
        for sample in family.samples
        if sample.labels.get("method") == f"/{NAME}/Echo" and sample.name.endswith("_bucket")
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] >= 5


async def test_rights_are_checked_before_the_handler_sees_anything():
    asked: list[tuple[Identity, str]] = []

    def nobody_may(caller: Identity, method: str) -> None:
        asked.append((caller, method))
        raise errors.AccessDenied("not today")

    service = EchoService()
    async with echo_server(service, authorize=nobody_may) as (stub, _server):
        assert type(await failure(stub.Echo(b""))) is errors.AccessDenied
        _seen, error = await failure_of_stream(stub.Forever(b""))
        assert type(error) is errors.AccessDenied
    assert [method for _caller, method in asked] == [f"/{NAME}/Echo", f"/{NAME}/Forever"]
    assert not service.entered.is_set()


def test_a_methods_own_rule_wins_and_what_is_not_listed_is_the_administrators():
    rules = MethodRoles({"/a.B/*": {Role.OPERATOR}, "/a.B/Get": {Role.VIEWER}, "/a.C/*": ANYBODY})
    assert rules.allowed("/a.B/Get") == {Role.VIEWER}
    assert rules.allowed("/a.B/Set") == {Role.OPERATOR}
    assert rules.allowed("/a.C/Any") == ANYBODY
    assert rules.allowed("/x.Y/Any") == {Role.ADMINISTRATOR}


async def test_a_method_that_does_not_exist_is_not_supported():
    async with echo_server() as (stub, _server):
        assert type(await failure(stub.Nothing(b""))) is errors.NotSupported


def test_a_blocking_handler_is_refused_when_it_is_added():
    class Blocking(EchoService):
        def Echo(self, request, context):  # not async
            return request

    async def serve():
        async with echo_server(Blocking()):
            pass

    with pytest.raises(TypeError, match="is not async"):
        asyncio.run(serve())


async def test_writing_to_a_call_that_ended_says_how_it_ended():
    service = EchoService()
    service.raises = lambda: errors.LeaseExpired("silent for 30 s")
    async with echo_server(service) as (stub, _server):
        upload = stub.Join()
        await upload.write(b"x")
        await asyncio.sleep(0.1)
        with pytest.raises(errors.LeaseExpired):
            await upload.write(b"x")
        chat = stub.ChatByWriting()
        await chat.write(b"stop")
        assert await chat.read() is grpc.aio.EOF
        with pytest.raises(errors.CallCanceled):
            await chat.write(b"x")


async def test_a_deadline_that_passes_is_named():
    async with echo_server() as (stub, _server):
        assert type(await failure(stub.Slow(b"", timeout=0.1))) is errors.DeadlineExceeded


async def test_nobody_there_is_named():
    async with Channels() as channels:
        stub = EchoStub(channels.get("127.0.0.1:9"))
        back = await failure(stub.Echo(b""))
        _seen, streamed = await failure_of_stream(stub.Forever(b""))
    assert type(back) is type(streamed) is errors.HostUnreachable
    assert back.verdict is Verdict.REROUTE
