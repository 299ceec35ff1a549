"""Faults of status reach what an IPP printer answers about itself and its jobs, as ipptool sees it."""

from __future__ import annotations

import asyncio
import re

import pytest

from printfabric_sim.fault_reach import NoEffectError
from tests.simulators.lives import ipp_request
from tests.simulators.test_farewell import until
from tests.simulators.test_zpl import label
from tests.surroundings import require_tool

# RFC 8011: the operations.
PRINT_JOB, GET_PRINTER_ATTRIBUTES = 0x0002, 0x000B


async def ask(printer, question="printer", job=0, *, patience_s=10.0) -> dict[str, str]:
    """Return the states that ipptool is told: attribute -> value; nothing if it is told nothing."""
    uri = printer.status()["address"]["ipp"] + (f"/jobs/{job}" if job else "")
    test = f"get-{question}-attributes.test" if question != "jobs" else "get-jobs.test"
    process = await asyncio.create_subprocess_exec(
        require_tool("ipptool"), "-tv", "-T", f"{patience_s}", uri, test, stdout=-1, stderr=-1
    )
    out, _ = await process.communicate()
    answer = out.decode().partition("RECEIVED")[2]
    return dict(
        re.findall(r"((?:printer|job)-state(?:-reasons)?) \((?:1setOf )?(?:enum|keyword)\) = (\S+)", answer)
    )


async def send_job(printer) -> None:
    """Print one label by hand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.connections[0].port)
    document = label(1)
    writer.write(ipp_request(PRINT_JOB, document) + document)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


def without_effect(printer) -> list[str]:
    return [e["fault"] for e in printer.record.events if e["event"] == "fault without effect"]


@pytest.mark.parametrize("personality", ["zpl", "plain"])
async def test_a_wrong_state_of_the_printer_is_another_valid_one_and_only_once(start, personality):
    printer = await start(personality, tcp=None, ipp=0)
    ready = {"printer-state": "idle", "printer-state-reasons": "none"}
    empty = {"printer-state": "stopped", "printer-state-reasons": "media-empty-error"}
    assert await ask(printer) == ready
    printer.fault("status-wrong")
    assert await ask(printer) == empty, "no paper, where there is some"
    assert await ask(printer) == ready
    printer.fault("media-out; status-wrong")
    assert await ask(printer) == ready, "paper, where there is none"
    assert await ask(printer) == empty
    assert without_effect(printer) == []


async def test_a_wrong_state_of_a_job_is_never_that_it_is_done(start):
    printer = await start("zpl", tcp=None, ipp=0, faults="media-out")
    await send_job(printer)
    going = {"job-state": "processing", "job-state-reasons": "job-printing"}
    stopped = {"job-state": "processing-stopped", "job-state-reasons": "printer-stopped"}
    assert await ask(printer, "job", 1) == stopped
    printer.fault("status-wrong")
    assert await ask(printer, "job", 1) == going
    printer.clear("media-out")
    done = {"job-state": "completed", "job-state-reasons": "job-completed-successfully"}
    assert await ask(printer, "job", 1) == done
    printer.fault("status-wrong")
    assert await ask(printer, "job", 1) == stopped
    printer.fault("status-wrong")
    assert await ask(printer, "jobs") == stopped, "a list says the same as the job"
    assert await ask(printer, "jobs") == {}
    assert without_effect(printer) == []


async def test_a_late_answer_comes_late(start):
    printer = await start("zpl", tcp=None, ipp=0, faults="status-late=1")
    began = asyncio.get_running_loop().time()
    assert await ask(printer)
    assert asyncio.get_running_loop().time() - began >= 1


async def test_a_printer_stops_while_an_answer_is_late(start):
    printer = await start("zpl", tcp=None, ipp=0, faults="status-late=3600")
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.connections[0].port)
    writer.write(ipp_request(GET_PRINTER_ATTRIBUTES, b""))
    await until(lambda: printer.engine.back_channel == [])
    async with asyncio.timeout(5):
        await printer.stop()
        with pytest.raises(ConnectionResetError):
            await reader.read()
    writer.close()


async def test_a_missing_answer_is_silence_on_a_connection_that_stays_open(start):
    printer = await start("zpl", tcp=None, ipp=0, faults="status-missing@reply:2")
    assert await ask(printer)
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.connections[0].port)
    again = ipp_request(GET_PRINTER_ATTRIBUTES, b"")
    writer.write(again)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await reader.read(1)
    writer.write(again)  # would be taken for the answer to the first question
    writer.write_eof()
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    lost = [e for e in printer.record.events if e.get("reason", "").startswith("came behind")]
    assert sum(e["bytes"] for e in lost) == len(again)
    assert await ask(printer), "on another connection it answers again"


async def test_ipptool_gives_up_on_a_missing_answer(start):
    printer = await start("zpl", tcp=None, ipp=0, faults="status-missing")
    assert await ask(printer, patience_s=1) == {}


async def test_an_answer_without_states_has_no_lie_and_that_is_told(start):
    printer = await start("zpl", tcp=None, ipp=0, faults="status-wrong")
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.connections[0].port)
    writer.write(ipp_request(GET_PRINTER_ATTRIBUTES, b"", (0x44, b"requested-attributes", b"printer-name")))
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    assert without_effect(printer) == ["status-wrong"]


async def test_a_request_is_not_answered_twice_and_that_is_told(start):
    alone = await start("zpl", tcp=None, ipp=0)
    with pytest.raises(NoEffectError, match="no way back .* nobody asks for its state by SNMP$"):
        alone.fault("status-twice")
    printer = await start("zpl", tcp=None, ipp=0, snmp=0, faults="status-twice")
    assert await ask(printer)
    assert without_effect(printer) == ["status-twice"]


async def test_what_is_sent_with_a_job_is_answered_whatever_lies_in_wait_for_questions(start):
    printer = await start("zpl", tcp=None, ipp=0, faults="status-missing")
    await send_job(printer)
    assert await ask(printer, patience_s=1) == {}


async def test_a_document_that_fills_the_buffer_to_the_byte_leaves_its_connection_open_for_questions(start):
    size = len(label(1))
    printer = await start("zpl", tcp=None, ipp=0, faults="pause", path_depth=1, buffer_bytes=2 * size)
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.connections[0].port)
    document = label(1) + label(2) + label(3)
    writer.write(ipp_request(PRINT_JOB, document) + document)
    async with asyncio.timeout(30):
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: printer.core.intake.received == 3 * size)
        printer.clear("pause")
        await printer.wait_units(3)
        writer.write(ipp_request(GET_PRINTER_ATTRIBUTES, b""))
        await reader.readuntil(b"printer-state")
    writer.close()
