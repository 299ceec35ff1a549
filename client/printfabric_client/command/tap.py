"""`printfabric ports tap`: what passes through a port, as it passes, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from printfabric.monitor.v1.recorder_service_pb2 import TapDirection, TapPortResponse
from printfabric_client.command.options import Session, command, complete_ports

if TYPE_CHECKING:
    from printfabric_client.aio import Client

_ARROWS = {TapDirection.TAP_DIRECTION_OUT: ">", TapDirection.TAP_DIRECTION_IN: "<"}
_ROW_BYTES = 16
_MOST_ROWS = 16  # of one moment; --json has all of it


@command("tap")
@click.argument("name", metavar="HOST/PORT", shell_complete=complete_ports)
@click.option("--recorded", is_flag=True, help="Begin with what the recorder still holds of the past.")
@click.option("--mask", is_flag=True, help="Show dots for what documents say.")
@click.option("-c", "--count", type=int, default=0, metavar="N", help="End after N moments.")
def tap_port(session: Session, name: str, recorded: bool, mask: bool, count: int) -> None:
    """Show what passes through a port, both ways. Every look is written down."""

    async def tap(fabric: Client) -> None:
        seen = 0
        async for moment in fabric.ports.tap(name, recorded=recorded, mask=mask):
            if session.json:
                session.output.value(as_value(moment), live=True)
            else:
                for line in lines_of(moment):
                    session.output.line(line)
            seen += 1
            if seen == count:
                return

    session.run(tap)


def as_value(moment: TapPortResponse) -> dict[str, Any]:
    """Return a moment as JSON: bytes in hex."""
    return {
        "time": moment.time.ToJsonString(),
        "direction": TapDirection.Name(moment.direction).removeprefix("TAP_DIRECTION_").lower(),
        "data": moment.data.hex(),
        "annotations": list(moment.annotations),
        "signals": list(moment.signals),
        "skippedBytes": moment.skipped_bytes,
        "jobUid": moment.document.job_uid.hex(),
        "attempt": moment.document.attempt,
    }


def lines_of(moment: TapPortResponse) -> list[str]:
    """Return a moment as lines: time, direction, what it means, and its bytes in hex and as text."""
    at = moment.time.ToDatetime().strftime("%H:%M:%S.%f")[:-3]
    arrow = _ARROWS.get(moment.direction, "-")
    words = ", ".join(moment.annotations)
    if moment.signals:
        words += f"  [{' '.join(moment.signals)}]"
    found = [f"{at} ({moment.skipped_bytes} bytes skipped)"] if moment.skipped_bytes else []
    found.append(f"{at} {arrow} {f'{len(moment.data)} bytes  ' if moment.data else ''}{words}".rstrip())
    rows = range(0, len(moment.data), _ROW_BYTES)
    found += [_row(moment.data[begin : begin + _ROW_BYTES]) for begin in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        found.append(f"               … {len(moment.data) - _MOST_ROWS * _ROW_BYTES} more bytes")
    return found


def _row(data: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
    return f"               {data.hex(' '):47}  {text}"
