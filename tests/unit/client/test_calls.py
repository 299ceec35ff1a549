"""Seeing and steering: lists over pages, jobs, printers, ports, management sessions; with and without asyncio."""

import threading

import pytest

from chassis.errors import InvalidSettings
from printfabric.spooler.v1 import port_service_pb2 as portpb
from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric.types.v1 import job_pb2
from printfabric_client import (
    Client,
    Retry,
    UncertainDecision,
    errors,
    job_filter,
    new_job,
    ports,
    printers,
    sync,
)
from printfabric_client.names import job_name, port_resource, port_text, printer_name, subject_name

QUICK = Retry(total_s=10, first_s=0.01, cap_s=0.05)


def client(spooler, **kwargs) -> Client:
    return Client(spooler.address, **{"retry": QUICK, **kwargs})


async def test_a_list_fetches_pages_as_it_needs_them(spooler):
    spooler.faults.page_size = 7
    async with client(spooler) as fabric:
        for n in range(30):
            await fabric.submit(b"%d" % n, printer="labels")
        numbers = [job.number async for job in fabric.list()]
        assert numbers == list(range(4740, 4710, -1))
        assert spooler.calls.count("ListJobs") == 5
        spooler.calls.clear()
        some = [job.number async for job in fabric.list(oldest_first=True, limit=10)]
        assert some == list(range(4711, 4721))
        assert spooler.calls.count("ListJobs") == 2
        assert [j async for j in fabric.list(limit=0)] == []


async def test_a_list_is_narrowed_by_a_filter(spooler):
    async with client(spooler) as fabric:
        await fabric.submit(b"1", printer="labels")
        job = await fabric.submit(b"2", printer="receipts")
        await fabric.cancel(await fabric.submit(b"3", printer="receipts"))
        where = job_filter(printers=["receipts"], active_only=True)
        assert [found.number async for found in fabric.list(where)] == [job.number]


async def test_a_page_that_breaks_is_asked_for_again(spooler):
    spooler.faults.page_size = 2
    async with client(spooler) as fabric:
        for n in range(6):
            await fabric.submit(b"%d" % n, printer="labels")
        found = []
        async for job in fabric.list():
            found.append(job.number)
            spooler.faults.unavailable = 1
    assert found == list(range(4716, 4710, -1))


async def test_jobs_are_steered(spooler):
    async with client(spooler) as fabric:
        job = await fabric.submit(b"1", printer="labels")
        assert (await fabric.hold(job, reason="wrong roll")).hold_reason == "wrong roll"
        assert (await fabric.release(job.number)).state == job_pb2.JOB_STATE_PENDING
        assert (await fabric.move("4711", "receipts")).printer == "printers/receipts"
        assert (await fabric.restart("jobs/4711", mark=True)).number == 4711
        assert (await fabric.resume(job, offset=0)).number == 4711
        await fabric.resolve(job, UncertainDecision.UNCERTAIN_DECISION_SKIP, units=(3, 5))
        assert (spooler.decisions[0].units.first, spooler.decisions[0].units.last) == (3, 5)
        assert [e.kind async for e in fabric.events(job)] == ["accepted"]
        assert [a async for a in fabric.attempts(job)] == []
        assert (await fabric.cancel(job)).state == job_pb2.JOB_STATE_CANCELED
        with pytest.raises(ValueError, match="either a unit or an offset"):
            await fabric.resume(job)
        with pytest.raises(errors.JobNotFound):
            await fabric.get(1)


async def test_a_document_is_read_back_over_a_broken_line(spooler):
    content = bytes(range(256)) * 40
    spooler.faults.break_stream_after = [3, 2, 0]
    async with client(spooler) as fabric:
        job = await fabric.submit(content, printer="labels")
        assert b"".join([piece async for piece in fabric.read_document(job)]) == content
        part = [piece async for piece in fabric.read_document(job, offset=100, limit=2500)]
    assert b"".join(part) == content[100:2600]


async def test_printers_are_made_and_changed(spooler):
    async with client(spooler) as fabric:
        made = await fabric.printers.create(
            "bands", ["edge-7/COM1:", "edge-8/COM1:"], settings=Printer(description="wristbands")
        )
        assert [port_text(p.port) for p in made.ports] == ["edge-7/COM1:", "edge-8/COM1:"]
        assert made.description == "wristbands"
        with pytest.raises(errors.PrinterExists):
            await fabric.printers.create("bands", ["edge-7/COM1:"])
        assert (await fabric.printers.pause("bands", reason="lunch")).pause_reason == "lunch"
        assert not (await fabric.printers.resume("bands")).paused
        assert await fabric.printers.purge("bands") == 3
        made.location = "gate 4"
        assert (await fabric.printers.update(made, "location")).location == "gate 4"
        assert [p.name async for p in fabric.printers.list()] == [
            "printers/bands",
            "printers/labels",
            "printers/receipts",
        ]
        assert not await fabric.printers.delete("bands")


async def test_ports_are_added_configured_and_asked(spooler):
    spooler.hosts.append(portpb.Host(name="hosts/edge-7", state=portpb.HOST_STATE_ONLINE))
    async with client(spooler) as fabric:
        port = await fabric.ports.add("edge-7/COM1:", "Local Port", {"baud": 9600})
        assert port.name == "hosts/edge-7/ports/COM1:"
        with pytest.raises(errors.PortExists):
            await fabric.ports.add("edge-7/com1:", "Local Port", {"baud": 9600})
        assert (await fabric.ports.configure(port, {"baud": 9600}))[1] is False
        assert (await fabric.ports.configure("edge-7/COM1:", {"baud": 19200}))[1] is True
        with pytest.raises(errors.InvalidSettings) as caught:
            await fabric.ports.configure(port, {"baud": "nonsense"})
        assert caught.value.fields == (errors.FieldViolation("/baud", "is no number"),)
        assert [h.name async for h in fabric.hosts.list()] == ["hosts/edge-7"]
        assert [p.name async for p in fabric.ports.list()] == ["hosts/edge-7/ports/COM1:"]
        async with fabric.ports.xcv(port) as xcv:
            answer = await xcv.data("GetConfigInfo", {"a": 1})
            assert (answer.status, answer.output_data) == (0, b'{"a": 1}')
            assert (await xcv.data("Nonsense")).status == 87
        await fabric.ports.delete(port)
    assert spooler.calls[-2:] == ["XcvClose", "DeletePort"]


async def test_everything_not_found_is_a_not_found(spooler):
    async with client(spooler) as fabric:
        for call in (fabric.get(1), fabric.printers.get("x"), fabric.ports.get("a/b")):
            with pytest.raises(errors.NotFound):
                await call


async def test_the_token_goes_with_every_call_and_is_read_anew(spooler):
    tokens = iter(["one", "two"])
    async with client(spooler, token=lambda: next(tokens)) as fabric:
        await fabric.printers.get("labels")
        assert spooler.metadata["authorization"] == "Bearer one"
        await fabric.printers.get("labels")
        assert spooler.metadata["authorization"] == "Bearer two"


async def test_a_token_never_leaves_the_machine_in_the_clear():
    with pytest.raises(ValueError, match="in the clear"):
        async with Client("print.example.com:26151", token="secret"):
            pass


async def test_nobody_there_is_an_error_with_the_address():
    async with Client("127.0.0.1:1", retry=Retry(total_s=0)) as fabric:
        with pytest.raises(errors.HostUnreachable) as caught:
            await fabric.printers.get("labels")
    assert caught.value.metadata["address"] == "127.0.0.1:1"


def test_names_are_taken_as_people_write_them():
    assert job_name(4711) == job_name("4711") == job_name("jobs/4711") == "jobs/4711"
    assert printer_name("labels") == printer_name(Printer(name="printers/labels")) == "printers/labels"
    assert (
        port_resource("edge-7/COM1:")
        == port_resource("hosts/edge-7/ports/COM1:")
        == "hosts/edge-7/ports/COM1:"
    )
    assert port_resource("edge-7//dev/lp0") == "hosts/edge-7/ports//dev/lp0"
    assert [subject_name(s) for s in (4711, "4711", "labels", "edge-7/COM1:", "hosts/e/ports/p")] == [
        "jobs/4711",
        "jobs/4711",
        "printers/labels",
        "hosts/edge-7/ports/COM1:",
        "hosts/e/ports/p",
    ]
    for wrong in ("COM1:", "/COM1:", "edge-7/", ""):
        with pytest.raises(ValueError, match="is not a port"):
            port_resource(wrong)


# --- Without asyncio


def test_the_synchronous_client_does_the_same(spooler):
    with sync.Client(spooler.address, retry=QUICK) as fabric:
        job = fabric.submit(b"^XA^XZ", printer="labels", copies=2)
        assert (job.number, job.copies) == (4711, 2)
        assert [j.number for j in fabric.list()] == [4711]
        assert fabric.printers.get("labels").name == "printers/labels"
        assert sorted(
            r.index for r in fabric.submit_many(new_job(b"x", printer="labels") for _ in range(5))
        ) == [*range(5)]
        timer = threading.Timer(0.1, spooler.finish, [4711])
        timer.start()
        assert fabric.wait(job, timeout_s=5).state == job_pb2.JOB_STATE_COMPLETED
        timer.join()
        with fabric.ports.xcv("edge-7/COM1:") as xcv:
            assert xcv.data("GetConfigInfo").status == 0
        with pytest.raises(errors.PrinterNotFound):
            fabric.submit(b"", printer="nowhere")


def test_leaving_a_synchronous_watch_closes_it(spooler):
    with sync.Client(spooler.address, retry=QUICK) as fabric:
        for change in fabric.watch():
            assert change.snapshot
            break
        assert fabric.printers.get("labels").accepting


def test_a_fault_inside_a_session_closes_it_and_stays_the_callers(spooler):
    with (
        sync.Client(spooler.address, retry=QUICK) as fabric,
        pytest.raises(KeyError),
        fabric.ports.xcv("edge-7/COM1:"),
    ):
        raise KeyError("mine")
    assert spooler.calls[-1] == "XcvClose"


def test_both_clients_have_the_same_methods():
    def public(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(sync.Client) == public(Client)
    for mine, twin in (
        (sync.Printers, printers.Printers),
        (sync.Ports, ports.Ports),
        (sync.Hosts, ports.Hosts),
        (sync.Xcv, ports.Xcv),
    ):
        assert public(mine) == public(twin)


def test_an_error_of_the_services_is_what_the_synchronous_client_raises(spooler):
    spooler.faults.refuse = InvalidSettings("wrong", fields=[("/a", "b")])
    with sync.Client(spooler.address, retry=QUICK) as fabric, pytest.raises(errors.InvalidSettings):
        fabric.printers.get("labels")
