"""What an IPP printer says of its jobs."""

from __future__ import annotations

import asyncio

from printfabric_sim import SimulatedPrinter
from printfabric_sim.connections.ipp import IppConnection
from tests.simulators.lives import UEL, ipp_request

WRAPPED = (
    UEL + b'@PJL JOB NAME="x"\r\n@PJL ENTER LANGUAGE=PCL\r\npage 1\n\x0cpage 2\n\x0cpage 3\n\x0c'
    + UEL + b'@PJL EOJ NAME="x"\r\n' + UEL
)  # fmt: skip


async def test_pages_are_counted_for_the_job_whatever_jobs_are_inside_of_its_document():
    printer = SimulatedPrinter("pjl")
    plug = IppConnection(printer.core)
    printer.connect(lambda _core: plug)
    async with printer:
        reader, writer = await asyncio.open_connection("127.0.0.1", plug.port)
        writer.write(ipp_request(2, WRAPPED) + WRAPPED)
        assert await reader.readexactly(12) == b"HTTP/1.1 200"
        await printer.wait_units(3)
        told = plug.jobs[1].attributes(printer.core, 0, 1)["job-impressions-completed"]
        assert [value.value for value in told] == [3]
        writer.close()
