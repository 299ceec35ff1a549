"""An end that the sender has not meant is no end: what it leaves is garbled, its job is not completed."""

from __future__ import annotations

import asyncio

import pytest

from printfabric_sim.connections.ipp_jobs import JobState
from tests.simulators.lives import make_unit, wrapped
from tests.simulators.test_farewell import until
from tests.simulators.test_zpl import label

CASES = [("escpos", {}), ("pjl", {}), ("plain", {}), ("plain", {"eject_on_close": "yes"}), ("zpl", {})]
KINDS = ["tcp", "lpd", "ipp", "rfc2217"]


async def converse(printer, kind, data) -> bytes:
    """Send all of it, say that no more comes, and return the answer to its end."""
    (plug,) = (plug for plug in printer.connections if kind in plug.address())
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", plug.port)
        writer.write(data)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        await until(lambda: not plug.links)
        await printer.wait_idle()
    return answer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("personality", "options"), CASES)
async def test_what_a_fin_of_the_printer_cuts_in_two_is_not_called_printed(start, kind, personality, options):
    unit = make_unit(personality, 1, 60, 1)
    half = len(unit) // 2
    printer = await start(personality, faults=f"fin@byte:{half}", options=options, **{kind: 0})
    head, tail, _ = wrapped(kind, unit)
    await converse(printer, kind, head + unit + tail)
    await converse(printer, kind, head + unit + tail)
    printed = [entry for entry in printer.record.units if entry.outcome.value == "printed"]
    assert all(entry.spans[0].inlet == entry.spans[-1].inlet == 2 for entry in printed), printed
    cut = next(event for event in printer.record.events if event["event"] == "disconnected")
    assert (cut["how"], cut["received"]) == ("closed", half)
    spans = [span for event in printer.record.events for span in event.get("spans", ())]
    assert [1, half, len(unit)] in spans, "what came after it is told"


@pytest.mark.parametrize("personality", ["escpos", "pjl", "plain"])
async def test_an_lpd_data_file_shorter_than_announced_leaves_no_clean_unit(start, personality):
    unit = make_unit(personality, 1, 60, 1)
    printer = await start(personality, lpd=0)
    for document in (unit[: len(unit) // 2], unit):
        head, _, _ = wrapped("lpd", unit)
        await converse(printer, "lpd", head + document)
    first = printer.record.units[0]
    assert first.outcome.value == "garbled"


@pytest.mark.parametrize("framing", ["length", "chunked", "chunk-size"])
async def test_an_ipp_job_that_is_cut_short_is_aborted(start, framing):
    printer = await start("zpl", ipp=0)
    document = b"".join(label(n) for n in range(10))
    head, _, _ = wrapped("ipp", document)
    lines, _, message = head.partition(b"\r\n\r\n")
    body = message + document[:100]
    if framing != "length":
        lines = lines.rpartition(b"\r\n")[0] + b"\r\nTransfer-Encoding: chunked"
        body = b"%x\r\n" % len(body) + body + (b"\r\n" if framing == "chunk-size" else b"")
    await converse(printer, "ipp", lines + b"\r\n\r\n" + body)
    (plug,) = (plug for plug in printer.connections if "ipp" in plug.address())
    assert printer.record.printed == 100 // len(label(0))
    assert plug.jobs[1].state(printer.core) is JobState.ABORTED


async def test_an_ipp_job_that_the_printers_fin_cuts_short_is_aborted(start):
    printer = await start("zpl", ipp=0, faults="fin@byte:100")
    document = b"".join(label(n) for n in range(10))
    await converse(printer, "ipp", wrapped("ipp", document)[0] + document)
    (plug,) = (plug for plug in printer.connections if "ipp" in plug.address())
    assert printer.record.printed == 100 // len(label(0))
    assert plug.jobs[1].state(printer.core) is JobState.ABORTED
