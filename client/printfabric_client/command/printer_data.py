"""`printfabric printers data`: what a printer says when it is asked itself (GetPrinterData)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from printfabric_client.command import words
from printfabric_client.command.options import Session, command, complete_ports, complete_printers

if TYPE_CHECKING:
    from printfabric.spooler.v1.printer_service_pb2 import GetPrinterDataResponse
    from printfabric_client.aio import Client

_DWORD_BYTES = 4
# usbprint.h; the numbers of others are given as they are.
_CONTROLS = {
    "lpt-status": 0x220030,
    "1284-id": 0x220034,
    "vendor-set": 0x220038,
    "vendor-get": 0x22003C,
    "soft-reset": 0x220040,
    "get-protocol": 0x220044,
    "set-protocol": 0x220048,
    "interface-type": 0x22004C,
}
_NUMBERS = frozenset({"lpt-status", "get-protocol", "interface-type", "Installed Memory", "Available Memory"})


@command("data")
@click.argument("name", metavar="PRINTER", shell_complete=complete_printers)
@click.argument("value", metavar="[VALUE]", default="")
@click.option("--control", default="", metavar="NAME", help="A device control instead: a name or a number.")
@click.option("--input", "data", default="", metavar="HEX", help="Input of the control.")
@click.option("-p", "--port", default="", metavar="HOST/PORT", shell_complete=complete_ports)
def data_command(session: Session, name: str, value: str, control: str, data: str, port: str) -> None:
    r"""Ask a printer itself: a value of its language monitor by name, or a device control.

    \b
    printfabric printers data office "Installed Memory"
    printfabric printers data labels --control 1284-id

    Controls: lpt-status, 1284-id, get-protocol, interface-type; for administrators soft-reset, set-protocol,
    vendor-get and vendor-set, the last three where the port allows them (vendorRequests).
    """
    if bool(value) == bool(control):
        raise click.UsageError("name a value, or a control with --control")
    code, given = _control(control) if control else 0, _bytes(data)

    async def ask(fabric: Client) -> None:
        answer = await fabric.printers.data(name, value, control_id=code, data=given, port=port or None)
        _show(session, value or control, answer)

    session.run(ask)


def _control(text: str) -> int:
    try:
        return _CONTROLS[text] if text in _CONTROLS else int(text, 0)
    except ValueError:
        raise click.BadParameter(
            f"there is no control {text!r}: {', '.join(_CONTROLS)}, or a number"
        ) from None


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise click.BadParameter("the input is not in hexadecimal digits") from None


def _show(session: Session, asked: str, answer: GetPrinterDataResponse) -> None:
    if session.json:
        session.output.value(answer)
        return
    if answer.HasField("kept_time"):
        when = words.clean(answer.kept_time.ToJsonString())
        session.output.note(f"the printer cannot be asked now; this is what it said at {when}")
    if answer.output:
        session.output.line(_text(asked, answer.output))


def _text(asked: str, output: bytes) -> str:
    if asked in _NUMBERS and len(output) == _DWORD_BYTES:
        return str(int.from_bytes(output, "little"))
    body = output[2:].rstrip(b"\0") if asked == "1284-id" else output  # behind its length
    text = body.decode("utf-8", "replace")
    return text if text.isprintable() else output.hex(" ")
