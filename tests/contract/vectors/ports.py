"""Windows' calls about ports, replayed on WinspoolService, and SetPort on PortService."""

from __future__ import annotations

import asyncio
import re
import time

from printfabric.spooler.v1 import port_service_pb2 as ports
from printfabric.spooler.v1 import print_service_pb2 as jobs
from printfabric.types.v1 import job_pb2, port_pb2
from tests.contract.vectors.names import caller_of, port_named
from tests.contract.vectors.rows import Got, Row
from tests.contract.vectors.spooler import any_call, submit, with_given
from tests.contract.vectors.world import HOST, World, outcome


async def ports_of_api(world: World, row: Row) -> Got:
    """ConfigurePort and DeletePort, with ports under the names that the row has in its store."""
    given = row.input
    stored = given.get("stored") or given.get("port") or ""
    first = re.fullmatch(r"(COM|LPT)0*1?:", stored, re.IGNORECASE)
    if row.base != "DeletePort" or first is None or given.get("server"):
        return await any_call(world, row)
    # Not a port that others need: the same spelling with another number.
    swap = f"{first[1].upper()}9:"
    await _delete_port(world, swap)
    request = ports.AddPortRequest(parent=f"hosts/{HOST}", port_id=swap, monitor="Local Port")
    request.settings = b'{"device": "/dev/null"}'
    await world.ports.AddPort(request)
    return await any_call(world, with_given(row, port=re.sub(r"1?:$", "9:", given["port"])))


async def _delete_port(world: World, name: str) -> None:
    await outcome(world.ports.DeletePort(ports.DeletePortRequest(name=f"hosts/{HOST}/ports/{name}")))


async def set_port(world: World, row: Row) -> Got:
    """SetPort on PortService: who reports an ERROR stops the jobs of a port until it is cleared."""
    given = row.input
    name = port_named(world, given.get("port", "IP_1"))
    request = ports.SetPortRequest(name=f"hosts/{HOST}/ports/{name}", level=given.get("level", 3))
    severity = str(given.get("severity", "INFO")).upper()
    request.status.severity = port_pb2.Severity.Value(f"SEVERITY_{severity}")
    request.status.condition = port_pb2.PORT_CONDITION_OFFLINE
    got, answer = await outcome(world.ports.SetPort(request, metadata=caller_of(given)))
    if answer is None or "effect" not in row.out:
        return got
    try:
        job = await submit(world)
        await asyncio.sleep(0.3)
        job = (await world.jobs.GetJob(jobs.GetJobRequest(name=job.name))).job
        kept = job.state in (job_pb2.JOB_STATE_PENDING, job_pb2.JOB_STATE_PENDING_HELD)
    finally:
        request.status.condition = port_pb2.PORT_CONDITION_CLEAR
        request.status.severity = port_pb2.SEVERITY_INFO
        await world.ports.SetPort(request)
    deadline = time.monotonic() + 30
    while job.state != job_pb2.JOB_STATE_COMPLETED and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        job = (await world.jobs.GetJob(jobs.GetJobRequest(name=job.name))).job
    if kept and job.state == job_pb2.JOB_STATE_COMPLETED:
        got.out["effect"] = row.out["effect"]
    return got
