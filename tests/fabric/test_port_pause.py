"""Ports that people pause: durable, told of everywhere, in the port's history; and what events say of their port."""

import pytest

from chassis.errors import PortNotFound
from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.types.v1 import job_pb2, port_pb2
from tests.fabric.spooler_rig import access_of_people, eventually, spooler_running

P1 = "hosts/edge/ports/P1:"


async def history(rig, port=P1):
    answer = await rig.watch.ListHistory(watch_pb.ListHistoryRequest(parent=port))
    return [(entry.kind, entry.actor, entry.text) for entry in answer.entries]


async def test_a_pause_survives_a_restart_and_says_who_when_and_why_until_somebody_resumes(tmp_path):
    access = access_of_people(tmp_path)
    async with spooler_running(tmp_path, access=access) as rig, rig.as_caller("olga", tmp_path) as olga:
        await rig.add_printer("labels", "P1:")
        await olga.ports.PausePort(pb.PausePortRequest(name=P1, reason="moved"))
    async with spooler_running(tmp_path, access=access) as rig, rig.as_caller("olga", tmp_path) as olga:
        (port,) = [
            port for port in (await olga.ports.ListPorts(pb.ListPortsRequest())).ports if port.name == P1
        ]
        assert port == (await olga.ports.GetPort(pb.GetPortRequest(name="EDGE/p1:"))).port
        assert port.state == port_pb2.PORT_STATE_PAUSED
        report = port.status[-1]
        assert (report.text, report.source) == (
            "paused by token:olga: moved",
            port_pb2.STATUS_SOURCE_OPERATOR,
        )
        assert report.report_time.seconds > 0

        job = (await olga.submit()).job
        assert rig.dispatcher.book.jobs[job.number].attempts == 0
        for name in (job.name, P1, "printers/labels"):
            said = await olga.watch.Explain(watch_pb.ExplainRequest(name=name))
            assert "paused by token:olga" in said.headline
            assert "moved" in said.headline
        assert await history(olga) == [("paused", "token:olga", "moved")]

        await olga.ports.ResumePort(pb.ResumePortRequest(name=P1))

        async def printed():
            return rig.host.ports["P1:"].printed

        await eventually(printed, bool)
    async with spooler_running(tmp_path, access=access) as rig, rig.as_caller("olga", tmp_path) as olga:
        port = (await olga.ports.GetPort(pb.GetPortRequest(name=P1))).port
        assert port.state != port_pb2.PORT_STATE_PAUSED
        assert [line[0] for line in await history(olga)] == ["resumed", "paused"]  # newest first
        with pytest.raises(PortNotFound):
            await history(olga, "hosts/edge/ports/NONE:")
        assert await history(olga, "hosts/edge/ports/P2:") == []


async def test_a_port_that_is_deleted_takes_its_pause_along(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.ports.PausePort(pb.PausePortRequest(name=P1))
        await rig.ports.DeletePort(pb.DeletePortRequest(name=P1))
        assert rig.dispatcher.paused_ports == {}
        assert (await rig.store.load()).paused_ports == []


async def test_the_lines_of_a_jobs_history_name_attempt_port_and_state(tmp_path):
    async with spooler_running(tmp_path) as rig:
        await rig.add_printer("labels", "P1:")
        rig.host.ports["P1:"].paused.clear()
        job = (await rig.submit()).job
        canceled = rig.print.CancelJob(print_pb.CancelJobRequest(name=job.name))
        await canceled
        held = (await rig.submit(hold=True)).job
        await rig.print.CancelJob(print_pb.CancelJobRequest(name=held.name))

        async def events(name):
            return (await rig.print.ListJobEvents(print_pb.ListJobEventsRequest(parent=name))).events

        lines = await eventually(
            lambda: events(job.name), lambda lines: lines and lines[-1].kind == "canceled"
        )
        place = port_pb2.PortName(host="edge", port="P1:")
        assert [(line.kind, line.attempt, line.port, line.state) for line in lines] == [
            ("cancel-requested", 1, place, job_pb2.JOB_STATE_PROCESSING),
            ("canceled", 1, place, job_pb2.JOB_STATE_CANCELED),
        ]
        (line,) = await events(held.name)
        assert (line.kind, line.attempt, line.HasField("port"), line.state) == (
            "canceled",
            0,
            False,
            job_pb2.JOB_STATE_CANCELED,
        )
