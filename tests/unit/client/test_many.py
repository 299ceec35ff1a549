"""Many documents over one stream, over a bad line too."""

import asyncio

import pytest

from printfabric_client import Client, Retry, new_job
from printfabric_client.batch import IN_FLIGHT_BYTES
from printfabric_client.errors import StoreUnavailable

QUICK = Retry(total_s=10, first_s=0.01, cap_s=0.05)


def client(spooler, **kwargs) -> Client:
    return Client(spooler.address, **{"retry": QUICK, **kwargs})


async def test_many_jobs_are_answered_each_under_its_number(spooler):
    jobs = [new_job(b"%d" % n, printer="labels") for n in range(1000)]
    async with client(spooler) as fabric:
        results = [result async for result in fabric.submit_many(jobs)]
    assert sorted(r.index for r in results) == list(range(1000))
    assert {r.request_id for r in results} == {job.request_id for job in jobs}
    by_index = {r.index: spooler.documents[int(r.job.removeprefix("jobs/"))] for r in results}
    assert all(by_index[n] == b"%d" % n for n in range(1000))


@pytest.mark.parametrize("breaks", [[0], [1], [63, 64, 65], [300, 1, 0, 77]])
async def test_a_broken_stream_loses_and_doubles_nothing(spooler, breaks):
    spooler.faults.break_stream_after = list(breaks)
    jobs = [new_job(b"%d" % n, printer="labels") for n in range(500)]
    async with client(spooler) as fabric:
        results = [result async for result in fabric.submit_many(iter(jobs))]
    assert sorted(r.index for r in results) == list(range(500))
    assert sorted(spooler.documents.values(), key=int) == [b"%d" % n for n in range(500)]


async def test_jobs_refused_because_the_database_is_away_are_sent_again(spooler):
    spooler.faults.store_away = 5
    jobs = [new_job(b"%d" % n, printer="labels") for n in range(500)]
    async with client(spooler) as fabric:
        results = [result async for result in fabric.submit_many(jobs)]
    assert sorted(r.index for r in results) == list(range(500))
    assert not [r for r in results if r.HasField("error")]
    assert sorted(spooler.documents.values(), key=int) == [b"%d" % n for n in range(500)]


async def test_a_database_that_stays_away_ends_the_batch(spooler):
    spooler.faults.store_away = 1_000_000
    async with client(spooler, retry=Retry(total_s=0.2, first_s=0.01, cap_s=0.05)) as fabric:
        with pytest.raises(StoreUnavailable):
            _ = [result async for result in fabric.submit_many([new_job(b"1", printer="labels")])]


async def test_a_refused_job_is_an_answer_and_the_others_print(spooler):
    jobs = [
        new_job(b"a", printer="labels"),
        new_job(b"b", printer="nowhere"),
        new_job(b"c", printer="labels"),
    ]
    async with client(spooler) as fabric:
        results = {r.index: r async for r in fabric.submit_many(jobs)}
    assert [results[n].error.reason for n in range(3)] == ["", "PRINTER_NOT_FOUND", ""]
    assert results[1].job == ""


async def test_jobs_may_come_slowly_and_are_answered_as_they_come(spooler):
    answered = asyncio.Event()

    async def slowly():
        yield new_job(b"1", printer="labels")
        await asyncio.wait_for(answered.wait(), 30)
        yield new_job(b"2", printer="labels")

    async with client(spooler) as fabric:
        seen = []
        async for result in fabric.submit_many(slowly()):
            seen.append(result.index)
            answered.set()
    assert seen == [0, 1]


async def test_no_more_jobs_are_in_flight_than_allowed(spooler):
    sent = 0
    most = 0

    def counted():
        nonlocal sent
        for n in range(300):
            sent += 1
            yield new_job(b"%d" % n, printer="labels")

    async with client(spooler) as fabric:
        answered = 0
        async for _ in fabric.submit_many(counted(), in_flight=8):
            answered += 1
            most = max(most, len(spooler.jobs) - answered)
    assert answered == sent == 300
    assert most <= 8


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_no_more_bytes_are_read_than_may_be_in_flight(spooler, kind):
    large, given = bytes(1 << 20), 0

    def plain():
        nonlocal given
        for _ in range(100):
            given += 1
            yield new_job(large, printer="labels")

    async def later():
        for job in plain():
            yield job

    async with client(spooler) as fabric:
        results = fabric.submit_many(plain() if kind == "plain" else later())
        await anext(results)  # and no more of the answers for now
        seen = -1
        while seen != given:
            seen = given
            await asyncio.sleep(0.3)
        # In flight, in the queue, and in the hands of who fills it.
        assert given <= (IN_FLIGHT_BYTES >> 20) + 4
        assert len([result async for result in results]) == 99


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_fault_of_the_callers_own_iterable_reaches_the_caller(spooler, kind):
    def plain():
        yield new_job(b"1", printer="labels")
        raise RuntimeError("the database of labels is gone")

    async def later():
        for job in plain():
            yield job

    async with client(spooler) as fabric:
        with pytest.raises(RuntimeError, match="the database of labels is gone"):
            async for _ in fabric.submit_many(plain() if kind == "plain" else later()):
                pass


async def test_leaving_the_answers_early_leaves_nothing_running(spooler):
    async with client(spooler) as fabric:
        jobs = (new_job(b"x", printer="labels") for _ in range(100))
        stream = fabric.submit_many(jobs)
        async for _ in stream:
            break
        await stream.aclose()


async def test_no_jobs_are_no_call_that_hangs(spooler):
    async with client(spooler) as fabric:
        assert [r async for r in fabric.submit_many([])] == []
