"""The sixteen answers to "why is it stuck?": each is injected and read back, and gone when cleared.

The spooler is whole, its wall included; the host is a fake that breaks as told. How soon they are there, tests/faults tell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import AccessDenied, ConnectionRefused, DeviceFault, DeviceNotConnected, FabricError
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import watch_service_pb2 as pb
from printfabric.types.v1 import port_pb2
from spooler.explain.facts import Patience
from spooler.port import Phase, Progress
from spooler.printer import PortName
from tests.fabric.spooler_rig import SpoolerRig, eventually, spooler_running, verdict_series

P1 = PortName("edge", "P1:")
Case = Callable[[SpoolerRig], AbstractAsyncContextManager[str]]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SpoolerRig]:
    async with spooler_running(tmp_path, patience=Patience(0.4, 2.0)) as rig:
        await rig.add_printer()
        yield rig


@asynccontextmanager
async def held(rig: SpoolerRig) -> AsyncIterator[str]:
    job = (await rig.submit(hold=True)).job
    yield job.name
    await rig.print.ReleaseJob(print_pb.ReleaseJobRequest(name=job.name))


@asynccontextmanager
async def shut(rig: SpoolerRig) -> AsyncIterator[str]:
    printer = (await rig.printers.GetPrinter(printer_pb.GetPrinterRequest(name="labels"))).printer
    minute = _minute_of_day()
    printer.window.start_minute, printer.window.until_minute = (minute - 120) % 1440, (minute - 60) % 1440
    changed = (await rig.printers.UpdatePrinter(printer_pb.UpdatePrinterRequest(printer=printer))).printer
    yield (await rig.submit()).job.name
    changed.ClearField("window")
    await rig.printers.UpdatePrinter(printer_pb.UpdatePrinterRequest(printer=changed))


@asynccontextmanager
async def paused(rig: SpoolerRig) -> AsyncIterator[str]:
    await rig.printers.PausePrinter(printer_pb.PausePrinterRequest(name="labels"))
    yield (await rig.submit()).job.name
    await rig.printers.ResumePrinter(printer_pb.ResumePrinterRequest(name="labels"))


@asynccontextmanager
async def no_port(rig: SpoolerRig) -> AsyncIterator[str]:
    await rig.add_printer("pool", "P1:", "P2:")
    rig.host.ports["P1:"].refuses, rig.host.ports["P2:"].busy = ConnectionRefused("refused"), True
    yield (await rig.submit(printer="printers/pool")).job.name
    rig.host.ports["P1:"].refuses, rig.host.ports["P2:"].busy = None, False
    rig.dispatcher.port_ready(P1)


@asynccontextmanager
async def jobs_ahead(rig: SpoolerRig) -> AsyncIterator[str]:
    await rig.add_printer("pool", "P2:", "P3:")
    for name in ("P2:", "P3:"):
        rig.host.ports[name].paused.clear()
    jobs = [(await rig.submit(printer="printers/pool")).job for _ in range(4)]
    yield jobs[3].name
    for name in ("P2:", "P3:"):
        rig.host.ports[name].paused.set()


@asynccontextmanager
async def upload_incomplete(rig: SpoolerRig) -> AsyncIterator[str]:
    begin = print_pb.UploadBegin(request_id="r-1", spec=print_pb.JobSpec(printer="labels"))

    async def half() -> AsyncIterator[print_pb.UploadJobRequest]:
        yield print_pb.UploadJobRequest(begin=begin, data=b"^XA^FDhalf")

    async def rest() -> AsyncIterator[print_pb.UploadJobRequest]:
        yield print_pb.UploadJobRequest(begin=begin, offset=10, data=b"^FS^XZ")
        yield print_pb.UploadJobRequest(finish=print_pb.UploadFinish(size_bytes=16), offset=16)

    await rig.print.UploadJob(half())
    yield "uploads/r-1"
    await rig.print.UploadJob(rest())


@asynccontextmanager
async def host_silent(rig: SpoolerRig) -> AsyncIterator[str]:
    rig.host.down = True
    rig.hosts.set_state("edge", "silent", "connection refused")
    yield (await rig.submit()).job.name
    rig.host.down = False
    rig.hosts.set_state("edge", "online")
    rig.dispatcher.host_up("edge")


@asynccontextmanager
async def port_held(rig: SpoolerRig) -> AsyncIterator[str]:
    rig.host.ports["P1:"].busy = True
    yield (await rig.submit()).job.name
    rig.host.ports["P1:"].busy = False
    rig.dispatcher.port_ready(P1)


def refused(error: FabricError) -> Case:
    @asynccontextmanager
    async def case(rig: SpoolerRig) -> AsyncIterator[str]:
        rig.host.ports["P1:"].refuses = error
        yield (await rig.submit()).job.name
        rig.host.ports["P1:"].refuses = None
        rig.dispatcher.port_ready(P1)

    return case


@asynccontextmanager
async def unplugged(rig: SpoolerRig) -> AsyncIterator[str]:
    rig.hosts.tell(P1, device="/dev/usb/lp0")
    async with refused(DeviceNotConnected("gone"))(rig) as name:
        yield name


def reported(**report: Any) -> Case:
    @asynccontextmanager
    async def case(rig: SpoolerRig) -> AsyncIterator[str]:
        rig.host.ports["P1:"].paused.clear()
        job = (await rig.submit()).job
        rig.hosts.tell(P1, port_pb2.PortStatus(**report))
        yield job.name
        rig.hosts.tell(P1)
        rig.host.ports["P1:"].paused.set()

    return case


@asynccontextmanager
async def stalled(rig: SpoolerRig) -> AsyncIterator[str]:
    rig.host.ports["P1:"].paused.clear()
    yield (await rig.submit()).job.name
    rig.host.ports["P1:"].paused.set()


@asynccontextmanager
async def all_sent(rig: SpoolerRig) -> AsyncIterator[str]:
    port = rig.host.ports["P1:"]
    port.paused.clear()
    job = (await rig.submit()).job

    async def documents() -> list[Any]:
        return list(port.documents.values())

    [doc] = await eventually(documents, bool, 2.0)
    assert port.session is not None
    port.session.news.put_nowait(Progress(doc.key, Phase.SENT, accepted=job.size_bytes))
    yield job.name
    port.paused.set()


def _minute_of_day() -> int:
    now = datetime.now(UTC)
    return now.hour * 60 + now.minute


CASES: list[tuple[str, Case, int, str]] = [
    ("1 held", held, pb.EXPLAIN_VERDICT_HELD, "since"),
    ("1 scheduled", shut, pb.EXPLAIN_VERDICT_HELD, "prints at"),
    ("2 printer paused", paused, pb.EXPLAIN_VERDICT_PRINTER_PAUSED, "is paused by"),
    ("3 no port", no_port, pb.EXPLAIN_VERDICT_NO_PORT, "No port can take it"),
    ("4 jobs ahead", jobs_ahead, pb.EXPLAIN_VERDICT_JOBS_AHEAD, "fourth in line"),
    ("5 upload", upload_incomplete, pb.EXPLAIN_VERDICT_UPLOAD_INCOMPLETE, "10 bytes came"),
    ("6 host silent", host_silent, pb.EXPLAIN_VERDICT_HOST_SILENT, "Host edge does not answer"),
    ("7 port held", port_held, pb.EXPLAIN_VERDICT_PORT_HELD, "in use"),
    ("8 device", unplugged, pb.EXPLAIN_VERDICT_DEVICE_MISSING, "is not there"),
    ("9 refused", refused(AccessDenied("taken")), pb.EXPLAIN_VERDICT_DEVICE_REFUSED, "refuses"),
    ("10 network", refused(ConnectionRefused("no")), pb.EXPLAIN_VERDICT_NO_CONNECTION, "10.0.0.7:9100"),
    ("11 line", reported(
        severity=port_pb2.SEVERITY_WARNING, cause_id="line-errors", text="3 of 100 bytes had framing errors",
        condition=port_pb2.PORT_CONDITION_USER_INTERVENTION, source=port_pb2.STATUS_SOURCE_TRANSPORT,
    ), pb.EXPLAIN_VERDICT_LINE_ERRORS, "3 of 100 bytes"),
    ("12 printer says", reported(
        severity=port_pb2.SEVERITY_ERROR, condition=port_pb2.PORT_CONDITION_DOOR_OPEN,
        source=port_pb2.STATUS_SOURCE_PRINTER,
    ), pb.EXPLAIN_VERDICT_PRINTER_SAYS, "A door is open"),
    ("13 stalled", stalled, pb.EXPLAIN_VERDICT_STALLED, "asks to wait"),
    ("14 retry", refused(DeviceFault("broken")), pb.EXPLAIN_VERDICT_RETRY, "tried again"),
    ("15 awaiting proof", all_sent, pb.EXPLAIN_VERDICT_AWAITING_PROOF, "proof is awaited"),
    ("16 unknown", all_sent, pb.EXPLAIN_VERDICT_UNKNOWN, "We do not know"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "verdict", "words"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
async def test_each_answer_is_there_with_its_fault_and_gone_with_it(
    rig: SpoolerRig, case: Case, verdict: int, words: str
) -> None:
    async with case(rig) as name:

        async def answer() -> pb.ExplainResponse:
            return await rig.watch.Explain(pb.ExplainRequest(name=name))  # type: ignore[no-any-return]

        found = await eventually(answer, lambda answer: answer.verdict == verdict, within_s=30.0)
        assert words in found.headline
        assert found.loss.startswith("Nothing is lost")
        assert found.facts
        for fact in found.facts:
            assert fact.text
            assert fact.source
            assert fact.HasField("time")
            assert fact.age.ToMilliseconds() < 60_000
        if verdict != pb.EXPLAIN_VERDICT_AWAITING_PROOF:
            assert found.actions
            assert any(action.method for action in found.actions)
        await eventually(lambda: alert_and_answers(rig), agree, within_s=30.0)
        if case not in (held, upload_incomplete, jobs_ahead):  # these keep no printer from printing
            assert await verdict_series(rig)
    await eventually(answer, lambda answer: answer.verdict != verdict, within_s=30.0)


def agree(both: tuple[dict[str, str], dict[str, str]]) -> bool:
    return both[0] == both[1]


async def alert_and_answers(rig: SpoolerRig) -> tuple[dict[str, str], dict[str, str]]:
    """Return the words that an alert has about each printer, and as many of the sentence that explain gives for it."""
    said, answers = {printer: says for printer, says, _ in await verdict_series(rig)}, {}
    for printer, says in said.items():
        answer = await rig.watch.Explain(pb.ExplainRequest(name=f"printers/{printer}"))
        answers[printer] = answer.headline[: len(says)]
    return said, answers
