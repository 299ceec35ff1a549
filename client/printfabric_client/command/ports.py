"""`printfabric ports`: what the hosts have, and how it is set up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from printfabric.types.v1.port_pb2 import Port
from printfabric_client.command import words
from printfabric_client.command.options import FabricGroup, Session, command, complete_ports
from printfabric_client.command.parsing import parse_settings
from printfabric_client.command.tap import tap_port
from printfabric_client.command.xcv import TESTS
from printfabric_client.failure import FabricError
from printfabric_client.names import port_text

if TYPE_CHECKING:
    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output

_name = click.argument("name", metavar="HOST/PORT", shell_complete=complete_ports)
_settings = click.argument("settings", metavar="[NAME=VALUE]...", nargs=-1)
_file = click.option(
    "--settings", "file", type=click.File("rb"), metavar="FILE", help="Settings as a JSON object."
)
_check = click.option("--check", is_flag=True, help="Check everything, change nothing.")


@click.group("ports", cls=FabricGroup, invoke_without_command=True)
@click.pass_context
def ports_command(context: click.Context) -> None:
    """List, add and configure ports."""
    if context.invoked_subcommand is None:
        context.invoke(list_ports, host="-")


@command("list")
@click.argument("host", default="-", metavar="[HOST]")
def list_ports(session: Session, host: str) -> None:
    """List the ports of all hosts, or of one."""

    async def ask(fabric: Client) -> None:
        found = [port async for port in fabric.ports.list(host)]
        output = session.output
        if output.as_json:
            for port in found:
                output.value(port, live=True)
        elif not found:
            output.note("no ports; `printfabric ports add --help` shows how to add one")
        else:
            output.table(("PORT", "STATE", "DEVICE", "PRINTERS", "MONITOR", "WHY"), map(_row, found))

    session.run(ask)


@command("show")
@_name
def show_port(session: Session, name: str) -> None:
    """Show a port: who has it open, what it has done, what is the matter."""

    async def ask(fabric: Client) -> None:
        port = await fabric.ports.get(name)
        if session.json:
            session.output.value(port)
            return
        _show(session.output, port)
        try:
            async with fabric.ports.xcv(name) as xcv:
                found = await xcv.data("GetConfigInfo", {})
        except FabricError as error:
            session.output.fields([("settings", words.clean(error.message))])
            return
        session.output.fields(settings_rows(found.output_data))

    session.run(ask)


@command("add")
@_name
@_settings
@_file
@click.option(
    "-m", "--monitor", required=True, metavar="NAME", help='"Local Port", "Standard TCP/IP Port", …'
)
@_check
def add_port(
    session: Session, name: str, settings: tuple[str, ...], file: Any, monitor: str, check: bool
) -> None:
    r"""Add a port.

    \b
    printfabric ports add edge-7/IP_10.0.0.7 -m "Standard TCP/IP Port" host=10.0.0.7
    printfabric ports add edge-7/COM1: -m "Local Port" baud=19200

    `printfabric hosts` lists the monitors of each host.
    """
    given = parse_settings(settings, file)

    async def add(fabric: Client) -> None:
        port = await fabric.ports.add(name, monitor, given, validate_only=check)
        _say(session, port, "fits; nothing was added" if check else "added")

    session.run(add)


@command("configure")
@_name
@_settings
@_file
@_check
def configure_port(session: Session, name: str, settings: tuple[str, ...], file: Any, check: bool) -> None:
    """Change settings of a port; those not named stay. They hold from the next document on."""
    given = parse_settings(settings, file)
    if not given:
        raise click.UsageError("nothing to change; give NAME=VALUE or --settings FILE")

    async def configure(fabric: Client) -> None:
        port, changed = await fabric.ports.configure(name, given, validate_only=check)
        _say(
            session,
            port,
            "fits; nothing was changed" if check else "changed" if changed else "was so already",
        )

    session.run(configure)


@command("delete")
@_name
def delete_port(session: Session, name: str) -> None:
    """Delete a port that no printer uses."""

    async def delete(fabric: Client) -> None:
        await fabric.ports.delete(name)
        if session.json:
            session.output.value({"deleted": name}, live=True)
        elif not session.quiet:
            session.output.line(f"port {words.before(words.short(name))} deleted")

    session.run(delete)


@command("pause")
@_name
@click.option("-r", "--reason", default="", metavar="TEXT", help="Why, for people.")
def pause_port(session: Session, name: str, reason: str) -> None:
    """Send it no more jobs until it is resumed."""

    async def pause(fabric: Client) -> None:
        _say(session, await fabric.ports.pause(name, reason=reason), "paused")

    session.run(pause)


@command("resume")
@_name
@click.option("-r", "--reason", default="", metavar="TEXT", help="Why, for the record.")
def resume_port(session: Session, name: str, reason: str) -> None:
    """Send it jobs again."""

    async def resume(fabric: Client) -> None:
        _say(session, await fabric.ports.resume(name, reason=reason), "resumed")

    session.run(resume)


_STEERING = (pause_port, resume_port, tap_port)
for _command in (list_ports, show_port, add_port, configure_port, delete_port, *_STEERING):
    ports_command.add_command(_command)
for _test in TESTS:
    ports_command.add_command(_test)


def _row(port: Port) -> tuple[str, ...]:
    return (
        port_text(port),
        words.port_state(port.state),
        port.device or "-",
        ", ".join(words.short(name) for name in port.printers) or "-",
        port.monitor,
        _why(port),
    )


def _why(port: Port) -> str:
    return ", ".join(report.text or words.condition(report.condition) for report in port.status)


def _show(output: Output, port: Port) -> None:
    hold, done = port.hold, port.counters
    held = f"{hold.spooler_id} since {words.clock(hold.open_time)}" if port.HasField("hold") else ""
    output.fields(
        (
            ("port", port_text(port)),
            ("state", words.port_state(port.state)),
            ("why", _why(port)),
            ("monitor", port.monitor),
            ("description", port.description),
            ("declared by", port.managed_by),
            ("device", port.device),
            ("printers", ", ".join(words.short(name) for name in port.printers)),
            ("open by", held),
            ("path", hold.language_monitor),
            ("documents", f"{done.documents} well, {done.broken_documents} broken off"),
            ("bytes", f"{words.size(done.written_bytes)} written, {words.size(done.read_bytes)} read"),
            ("busy", words.span(done.busy_seconds)),
            ("stalled", words.span(done.stall_seconds) if done.stall_seconds else ""),
        )
    )


def settings_rows(document: bytes) -> list[tuple[str, str]]:
    """Return a port's settings as a monitor answers them, one a line; hostile data like all of a monitor's."""
    try:
        found = json.loads(document)
        settings, revision = dict(found["settings"]), str(found["revision"])
    except (ValueError, KeyError, TypeError):
        return [("settings", "")]
    rows = [(words.clean(str(name)), words.clean(_as_text(value))) for name, value in settings.items()]
    return [*rows, ("revision", words.clean(revision))]


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _say(session: Session, port: Port, what: str) -> None:
    if session.json:
        session.output.value(port, live=True)
    elif not session.quiet:
        session.output.line(f"port {words.before(words.clean(port_text(port)))} {what}")
