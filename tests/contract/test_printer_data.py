"""GetPrinterDataFromPort by name: values that a printer tells in its own language, between documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import DeadlineExceeded, InvalidArgument
from portmon.facts import Kind
from portmon.language import Language
from portmon.languages.escpos import Escpos
from portmon.languages.pjl import Pjl
from portmon.languages.zpl import Zpl
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.language_bench import LanguageBench, language_bench
from tests.contract.monitor_host import OWNER, Host, refusal, served_host

INSTALLED, AVAILABLE = "Installed Memory", "Available Memory"
PAGE = b"Page\x0c"


async def value(bench: LanguageBench, name: str) -> int:
    """Ask for a DWORD."""
    assert bench.hold is not None
    found = await bench.hold.session.ask(lambda port: port.printer_data(name))
    assert len(found) == 4
    return int.from_bytes(found, "little")


@pytest.mark.parametrize("pipe", [False, True], ids=["tcp", "line"])
@pytest.mark.parametrize(
    ("kind", "personality", "name", "bytes_"),
    [
        (Pjl, "pjl", INSTALLED, 33554432),
        (Pjl, "pjl", AVAILABLE, 16777216),
        (Zpl, "zpl", INSTALLED, 8176 * 1024),
    ],
)
async def test_memory_is_asked_of_the_printer(
    tmp_path: Path, kind: type[Language], personality: str, name: str, bytes_: int, pipe: bool
) -> None:
    async with language_bench(tmp_path, kind, personality, pipe=pipe) as bench:
        await bench.open()
        assert await value(bench, name) == bytes_
        assert not bench.printer.record.units
        assert (await bench.print(PAGE if kind is Pjl else b"^XA^FDx^FS^XZ")).error is None
        assert await value(bench, name) == bytes_


async def test_what_was_told_is_also_device_data(tmp_path: Path) -> None:
    async with language_bench(tmp_path, Pjl, "pjl", pipe=True) as bench:
        await bench.open()
        await bench.print(PAGE)
        facts = bench.port.facts.now()
        size = facts["\\Printer.Configuration.Memory:Size"]
        duplex = facts["\\Printer.Configuration.DuplexUnit:Installed"]
        assert (size.kind, size.value) == (Kind.INT, 32768)
        assert (duplex.kind, duplex.value) == (Kind.BOOL, True)


async def test_a_value_waits_for_the_document_in_progress(tmp_path: Path) -> None:
    async with language_bench(tmp_path, Pjl, "pjl", pipe=True, units_per_second=10) as bench:
        await bench.open()
        printing = bench.begin(PAGE * 3)
        await bench.until(lambda: bench.hold is not None and bench.hold.session.in_progress(), 30)
        assert await value(bench, INSTALLED) == 33554432
        assert printing.done() or (await asyncio.wait_for(printing, 30)).error is None
        assert len(bench.printer.record.units) == 3


@pytest.mark.parametrize(("kind", "personality"), [(Pjl, "pjl"), (Zpl, "zpl"), (Escpos, "escpos")])
async def test_a_name_that_a_language_does_not_know_is_refused(
    tmp_path: Path, kind: type[Language], personality: str
) -> None:
    async with language_bench(tmp_path, kind, personality) as bench:
        await bench.open()
        for name in ("", "installed memory", "Price"):
            with pytest.raises(InvalidArgument) as refused:
                await value(bench, name)
            assert refused.value.win32 == 87


async def test_a_printer_that_does_not_answer_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async with language_bench(tmp_path, Pjl, "plain", pipe=True) as bench:
        bench.answer_s = 0.2
        await bench.open()
        with pytest.raises(DeadlineExceeded) as late:
            await value(bench, INSTALLED)
        assert late.value.win32 == 1460


# --- over gRPC


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def _through_pjl(host: Host) -> pb.PortHandle:
    ask = pb.OpenPortRequest(owner=OWNER, port="IP_1", fence=1, printer="office")
    request = pb.OpenPortExRequest(open=ask, language_monitor="PJL", bidirectional=True)
    return (await host.monitor.OpenPortEx(request)).open.handle


def by_name(
    handle: pb.PortHandle, name: str, most: int | None = None, control_id: int = 0
) -> pb.GetPrinterDataFromPortRequest:
    return pb.GetPrinterDataFromPortRequest(
        handle=handle, value_name=name, control_id=control_id, max_output_bytes=most
    )


async def test_an_answer_that_is_larger_than_its_buffer_has_code_122_and_its_size(host: Host) -> None:
    handle = await _through_pjl(host)
    answer = b"@PJL INFO CONFIG\r\nIN TRAYS [1 ENUMERATED]\r\n\tINTRAY1 MP\r\nMEMORY=2097152\r\n\f"

    async def ask(most: int) -> pb.GetPrinterDataFromPortResponse:
        asking = asyncio.ensure_future(host.monitor.GetPrinterDataFromPort(by_name(handle, INSTALLED, most)))
        await asyncio.to_thread(host.rig.say, answer)
        return await asking

    found = await ask(4)
    assert (int.from_bytes(found.output, "little"), found.needed_bytes) == (2097152, 4)
    assert (await refusal(ask(3)))[:2] == ("OUT_OF_RANGE", 122)


async def test_a_port_monitor_has_no_values_and_a_language_hands_controls_on(host: Host) -> None:
    ask = host.monitor.GetPrinterDataFromPort
    handle = await _through_pjl(host)
    assert (await refusal(ask(by_name(handle, "Price"))))[:2] == ("INVALID_ARGUMENT", 87)
    assert (await refusal(ask(by_name(handle, "", control_id=0x220034))))[:2] == ("UNIMPLEMENTED", 50)
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    host.fence = 1
    straight = (await host.open()).handle
    assert (await refusal(ask(by_name(straight, INSTALLED))))[:2] == ("INVALID_ARGUMENT", 87)
