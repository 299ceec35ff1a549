"""`printfabric xcv`: management commands of port monitors by their names, and the tests of ports that they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import click

from printfabric_client.command import words
from printfabric_client.command.options import Session, command, complete_ports
from printfabric_client.command.parsing import parse_settings
from printfabric_client.failure import FabricError

if TYPE_CHECKING:
    from printfabric.monitor.v1.xcv_service_pb2 import XcvDataPortResponse
    from printfabric_client.aio import Client
    from printfabric_client.ports import Xcv


class CommandRefused(FabricError):
    """A monitor answered a command with a code."""

    reason, win32, code = "COMMAND_FAILED", 31, "INTERNAL"


@command("xcv")
@click.argument("where", metavar="HOST[/PORT]", shell_complete=complete_ports)
@click.argument("data_name", metavar="COMMAND")
@click.argument("members", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("-m", "--monitor", default="", metavar="NAME", help="The monitor, where no port is named.")
@click.option("-i", "--input", "document", default=None, metavar="JSON", help="The whole input as JSON.")
@click.option("--admin", is_flag=True, help="Open the session for administering.")
def xcv_command(
    session: Session,
    where: str,
    data_name: str,
    members: tuple[str, ...],
    monitor: str,
    document: str | None,
    admin: bool,
) -> None:
    r"""Ask a port monitor by a management command (XcvData), as docs/xcv.md has them.

    \b
    printfabric xcv edge-7/COM1: GetConfigInfo -i '{}'
    printfabric xcv edge-7 EnumDevices -m serial
    printfabric xcv edge-7/COM1: AutoBaud --admin speeds=[9600,19200]

    Names of commands are case-sensitive. The answer is printed as JSON; a code other than 0 is an error.
    """
    value = _input(members, document)
    _ask(session, _opener(where, monitor, admin=admin), data_name, value, _whole)


def _input(members: tuple[str, ...], document: str | None) -> object:
    if document is None:
        return parse_settings(members) if members else None
    if members:
        raise click.UsageError("give NAME=VALUE or --input, not both")
    try:
        return json.loads(document)
    except ValueError as error:
        raise click.BadParameter(f"the input is no JSON: {error}") from None


def _opener(
    where: str, monitor: str, *, admin: bool, use: bool = False
) -> Callable[[Client], AbstractAsyncContextManager[Xcv]]:
    host, slash, port = where.partition("/")
    if slash and port and not monitor:
        return lambda fabric: fabric.ports.xcv(where, administer=admin, use=use)
    if not monitor:
        raise click.UsageError("name a port, HOST/PORT, or a monitor with -m")
    return lambda fabric: fabric.ports.xcv_monitor(host, monitor, administer=admin, use=use)


def _ask(
    session: Session,
    opener: Callable[[Client], AbstractAsyncContextManager[Xcv]],
    data_name: str,
    value: object,
    show: Callable[[Session, Any], None],
) -> None:
    async def ask(fabric: Client) -> None:
        result: XcvDataPortResponse | None = None
        async with opener(fabric) as xcv:
            async for step in xcv.stream(data_name, value):
                if step.HasField("result"):
                    result = step.result
                elif session.json:
                    found = json.loads(step.step_data) if step.step_data else None
                    row = {"fraction": step.fraction, "text": step.text, "data": found}
                    session.output.value(row, live=True)
                else:
                    session.output.note(words.clean(step.text))
        _conclude(session, data_name, result, show)

    session.run(ask)


def _conclude(
    session: Session,
    data_name: str,
    result: XcvDataPortResponse | None,
    show: Callable[[Session, Any], None],
) -> None:
    if result is None:
        raise CommandRefused(f"{data_name} ended without an answer")
    output = json.loads(result.output_data) if result.output_data else None
    if result.status:
        text = words.clean(result.message) or "no reason given"
        raise CommandRefused(f"{data_name}: {text} (code {result.status})", win32=result.status)
    if session.json:
        session.output.value({"status": 0, "output": output}, live=True)
    else:
        show(session, output)


def _whole(session: Session, output: Any) -> None:
    if output is not None:
        session.output.line(json.dumps(output, indent=2, ensure_ascii=True))


# --- tests of ports, below `printfabric ports`

_port = click.argument("name", metavar="HOST/PORT", shell_complete=complete_ports)
_ask_option = click.option(
    "--ask", default=None, metavar="QUESTION", help="escpos-dle-eot, zpl-hs, zpl-hi, pjl-info-id, or listen."
)


def _sentence(session: Session, output: Any) -> None:
    session.output.line(words.clean(str(output.get("text", "") if isinstance(output, dict) else output)))


def _members(**given: object) -> dict[str, object]:
    return {name: value for name, value in given.items() if value is not None}


@command("devices")
@click.argument("host", metavar="HOST")
@click.option("-m", "--monitor", default="serial", metavar="NAME", help="serial (the default) or device.")
def devices_command(session: Session, host: str, monitor: str) -> None:
    """List the devices of a host: in use, found, and missing."""

    def show(session: Session, output: Any) -> None:
        rows = output.get("devices", []) if isinstance(output, dict) else []
        cells = [_device_row(row) for row in rows if isinstance(row, dict)]
        if not cells:
            session.output.note("no devices")
        else:
            session.output.table(("STATE", "PORT", "DEVICE", "WHAT", "TROUBLE"), cells)

    opener = _opener(host, monitor, admin=False)
    _ask(session, opener, "EnumDevices", {"scheme": monitor}, show)


def _device_row(row: dict[str, Any]) -> tuple[str, ...]:
    cells = (
        str(row.get("state", "")).replace("_", " "),
        row.get("port") or (f"({row['suggestedName']})" if row.get("suggestedName") else "-"),
        row.get("path", ""),
        row.get("description", ""),
        row.get("problem", ""),
    )
    return tuple(words.clean(str(cell)) for cell in cells)


@command("detect")
@_port
@_ask_option
def detect_command(session: Session, name: str, ask: str | None) -> None:
    """Find a serial line's settings by listening: switch the printer off and on meanwhile. Sends nothing.

    With --ask it is asked at each speed. At a wrong one it hears other bytes, and may print them.
    """

    def show(session: Session, output: Any) -> None:
        _sentence(session, output)
        fills = output.get("fills") if isinstance(output, dict) else None
        if fills:
            pairs = " ".join(f"{key}={value}" for key, value in fills.items())
            session.output.note(words.clean(f"set it with: printfabric ports configure {name} {pairs}"))

    _ask(session, _opener(name, "", admin=True), "AutoBaud", _members(ask=ask), show)


@command("loopback")
@_port
def loopback_command(session: Session, name: str) -> None:
    """Test a serial line with a loopback plug (pins 2 and 3 joined)."""
    _ask(session, _opener(name, "", admin=True), "Loopback", {}, _sentence)


@command("probe")
@_port
@_ask_option
def probe_command(session: Session, name: str, ask: str | None) -> None:
    """Ask who is there, without printing."""
    _ask(session, _opener(name, "", admin=True), "Probe", _members(ask=ask), _sentence)


@command("test")
@_port
@click.option(
    "--language", default=None, metavar="NAME", help="zpl, escpos, pjl or text; else as it answers."
)
def test_command(session: Session, name: str, language: str | None) -> None:
    """Print one label, receipt or page that names the port."""
    opener = _opener(name, "", admin=False, use=True)
    _ask(session, opener, "TestPage", _members(language=language), _sentence)


TESTS = (devices_command, detect_command, loopback_command, probe_command, test_command)
