"""Replays vectors: every row on its own call, on one fabric of real processes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.contract.vectors import language, monitor, ports, spooler, ui, xcv
from tests.contract.vectors.rows import Got, Row, Verdict, judge
from tests.contract.vectors.world import World, world

Replay = Callable[[World, Row], Awaitable[Got]]
_ROW_S = 90.0

# By the function's name; a name with what stands in parentheses behind it wins.
REPLAYS: dict[str, Replay] = {
    "InitializePrintMonitor": monitor.initialize,
    "InitializePrintMonitor2": monitor.initialize,
    "EnumPorts": monitor.enum_ports,
    "EnumPorts (API)": spooler.any_call,
    "OpenPort": monitor.open_port,
    "OpenPortEx": language.open_port_ex,
    "ClosePort": monitor.close_port,
    "StartDocPort": monitor.start_doc,
    "WritePort": monitor.write_port,
    "ReadPort": monitor.read_port,
    "EndDocPort": monitor.end_doc,
    "GetPrinterDataFromPort": monitor.printer_data,
    "SetPortTimeOuts": monitor.time_outs,
    "NotifyUsedPorts": monitor.notify,
    "NotifyUnusedPorts": monitor.notify,
    "PowerEvent": monitor.notify,
    "Shutdown": monitor.notify,
    "SendRecvBidiDataFromPort": language.bidi,
    "pjl-status": language.pjl_status,
    "XcvOpenPort": xcv.open_port,
    "XcvDataPort": xcv.data,
    "XcvClosePort": xcv.close_port,
    "XcvData": xcv.api_data,
    "defaults (TCPMON)": xcv.tcp_defaults,
    "InitializePrintMonitorUI": ui.table,
    "AddPortUI": ui.add,
    "ConfigurePortUI": ui.configure,
    "DeletePortUI": ui.delete,
    "AddMonitor": spooler.monitors,
    "DeleteMonitor": spooler.monitors,
    "OpenPrinter": spooler.open_printer,
    "ConfigurePort": ports.ports_of_api,
    "DeletePort": ports.ports_of_api,
    "GetPrinter": spooler.get_printer,
    "ScheduleJob": spooler.jobs_of_api,
    "AddJob": spooler.jobs_of_api,
    "StartDocPrinter": spooler.jobs_of_api,
    "EndDocPrinter": spooler.jobs_of_api,
    "WritePrinter": spooler.jobs_of_api,
    "SetJob": spooler.set_job,
    "SetPort": ports.set_port,
    "SetPrinterData": spooler.printer_data,
    "SetPrinterDataEx": spooler.printer_data,
    "AddPrinter": spooler.add_printer,
    "AddPrinter..DeletePrinter": spooler.printer_life,
}


async def replay(rows: Sequence[Row]) -> list[Verdict]:
    """Replay rows in order and say how each fared."""
    async with world() as found:
        return [await _one(found, row) for row in rows]


async def _one(found: World, row: Row) -> Verdict:
    how = REPLAYS.get(row.function) or REPLAYS.get(row.base) or spooler.any_call
    try:
        async with asyncio.timeout(_ROW_S):
            got = await how(found, row)
    except Exception as error:  # noqa: BLE001 - a row that cannot be replayed is a result, and the others go on
        return Verdict(row, "fails", None, f"not replayed: {type(error).__name__}: {error}"[:300])
    finally:
        await found.tidy()
    return judge(row, got)


def report(verdicts: Sequence[Verdict]) -> str:
    """Return a line for every row, and how many there are of each kind."""
    lines = []
    for one in verdicts:
        code = "-" if one.got is None else f"{one.got.win32} {one.got.grpc}"
        reason = f"  ({one.why})" if one.why else ""
        lines.append(
            f"{one.row.id:9} {one.result:8} {one.row.function} {one.row.command or ''} -> {code}{reason}"
        )
    counts = Counter(one.result for one in verdicts)
    total = ", ".join(f"{counts[kind]} {kind}" for kind in ("holds", "differs", "fails"))
    return "\n".join([*lines, f"{len(verdicts)} vectors: {total}"])


def write(verdicts: Sequence[Verdict], path: Path) -> None:
    """Write build/vectors.json: by id, how each row fared, what was expected and what came."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({one.row.id: one.to_json() for one in verdicts}, indent=1) + "\n", "utf-8")
