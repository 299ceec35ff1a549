"""`printfabric printers`: the queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from printfabric.spooler.v1.printer_service_pb2 import Printer, PrinterPort
from printfabric_client.command import words
from printfabric_client.command.options import (
    FabricGroup,
    Session,
    command,
    complete_ports,
    complete_printers,
)
from printfabric_client.command.printer_data import data_command
from printfabric_client.command.printer_settings import printer_of, settings_options, shown_settings
from printfabric_client.names import port_name, port_text

if TYPE_CHECKING:
    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output

_name = click.argument("name", metavar="PRINTER", shell_complete=complete_printers)
_ports = click.option(
    "-p",
    "--port",
    "ports",
    metavar="HOST/PORT",
    multiple=True,
    shell_complete=complete_ports,
    help="A port it may use, preferred first; may be given several times.",
)
_standby = click.option(
    "--standby",
    metavar="HOST/PORT",
    multiple=True,
    shell_complete=complete_ports,
    help="A port that is used only while no other one works; may be given several times.",
)
_later = click.option("--allow-unknown-ports", is_flag=True, help="Take ports whose host may come later.")


@click.group("printers", cls=FabricGroup, invoke_without_command=True)
@click.pass_context
def printers_command(context: click.Context) -> None:
    """List, add and change printers (queues)."""
    if context.invoked_subcommand is None:
        context.invoke(list_printers)


@command("list")
def list_printers(session: Session) -> None:
    """List the printers."""

    async def ask(fabric: Client) -> None:
        found = [printer async for printer in fabric.printers.list()]
        output = session.output
        if output.as_json:
            for printer in found:
                output.value(printer, live=True)
        elif not found:
            output.note("no printers; `printfabric printers add labels --port HOST/PORT` adds one")
        else:
            output.table(("PRINTER", "STATE", "JOBS", "PORTS", "DESCRIPTION"), map(_row, found))

    session.run(ask)


@command("show")
@_name
def show_printer(session: Session, name: str) -> None:
    """Show a printer and its settings."""
    session.run(lambda fabric: _show_when_done(session.output, fabric.printers.get(name)))


@command("add")
@_name
@_ports
@_standby
@settings_options
@_later
def add_printer(
    session: Session,
    name: str,
    ports: tuple[str, ...],
    standby: tuple[str, ...],
    allow_unknown_ports: bool,
    **settings: Any,
) -> None:
    """Add a printer: `printfabric printers add labels --port edge-7/COM1: --language-monitor ZPL`."""
    printer, _ = printer_of(settings)
    if "accepting" not in settings or settings["accepting"] is None:
        printer.accepting = True
    if not ports:
        raise click.UsageError("a printer needs at least one --port; `printfabric ports` lists them")

    async def add(fabric: Client) -> None:
        printer.ports.extend(_ports_of(ports, standby))
        made = await fabric.printers.create(name, settings=printer, allow_unknown_ports=allow_unknown_ports)
        _say(session.output, made, "added")

    session.run(add)


@command("set")
@_name
@_ports
@_standby
@settings_options
@_later
def set_printer(
    session: Session,
    name: str,
    ports: tuple[str, ...],
    standby: tuple[str, ...],
    allow_unknown_ports: bool,
    **settings: Any,
) -> None:
    """Change a printer. Only what is named changes; --port names all its ports anew, --standby those beside them."""
    if standby and not ports:
        raise click.UsageError("--standby goes with --port: all ports are named anew")
    changes, fields = printer_of(settings)

    async def change(fabric: Client) -> None:
        printer = await fabric.printers.get(name)
        paths = list(fields)
        for path in paths:
            _take(printer, changes, path)
        if ports:
            paths.append("ports")
            del printer.ports[:]
            printer.ports.extend(_ports_of(ports, standby))
        if not paths:
            raise click.UsageError("nothing to change; `printfabric printers set --help` lists what can be")
        changed = await fabric.printers.update(printer, *paths, allow_unknown_ports=allow_unknown_ports)
        _say(session.output, changed, "changed")

    session.run(change)


@command("pause")
@_name
@click.option("-r", "--reason", default="", metavar="TEXT", help="Why, for people.")
def pause_printer(session: Session, name: str, reason: str) -> None:
    """Stop scheduling: the present job goes on, jobs are still accepted."""
    session.run(lambda fabric: _say_when_done(session.output, fabric.printers.pause(name, reason=reason)))


@command("resume")
@_name
@click.option("-r", "--reason", default="", metavar="TEXT", help="Why, for the record.")
def resume_printer(session: Session, name: str, reason: str) -> None:
    """Schedule again."""
    session.run(lambda fabric: _say_when_done(session.output, fabric.printers.resume(name, reason=reason)))


@command("purge")
@_name
@click.option("--current", is_flag=True, help="The job that prints as well.")
@click.option("-r", "--reason", default="", metavar="TEXT", help="Why, for the record.")
def purge_printer(session: Session, name: str, current: bool, reason: str) -> None:
    """Cancel all jobs of a printer but the one that prints."""

    async def purge(fabric: Client) -> None:
        count = await fabric.printers.purge(name, include_current=current, reason=reason)
        if session.json:
            session.output.value({"canceled_jobs": count}, live=True)
        elif not session.quiet:
            session.output.line(f"{count} job{'' if count == 1 else 's'} canceled")

    session.run(purge)


@command("delete")
@_name
@click.option("--cancel-jobs", is_flag=True, help="Cancel its jobs too.")
def delete_printer(session: Session, name: str, cancel_jobs: bool) -> None:
    """Delete a printer; the jobs it has print first."""

    async def delete(fabric: Client) -> None:
        pending = await fabric.printers.delete(name, cancel_jobs=cancel_jobs)
        if session.json:
            session.output.value({"pending": pending}, live=True)
        elif not session.quiet:
            how = "goes when its jobs have printed" if pending else "deleted"
            session.output.line(f"printer {words.short(name)}: {how}")

    session.run(delete)


for _command in (
    list_printers,
    show_printer,
    add_printer,
    set_printer,
    pause_printer,
    resume_printer,
    purge_printer,
    delete_printer,
    data_command,
):
    printers_command.add_command(_command)


def _ports_of(ports: tuple[str, ...], standby: tuple[str, ...]) -> list[PrinterPort]:
    preferred = [PrinterPort(port=port_name(port)) for port in ports]
    return [*preferred, *(PrinterPort(port=port_name(port), standby=True) for port in standby)]


def _row(printer: Printer) -> tuple[str, ...]:
    reasons = ", ".join(one for one in printer.state_reasons if one != "none")
    why = words.told(printer.pause_reason) if printer.paused else reasons
    state = words.printer_state(printer) + (f" ({why})" if why else "")
    ports = ", ".join(port_text(port.port) for port in printer.ports)
    return (words.short(printer.name), state, str(printer.queued_jobs), ports or "-", printer.description)


async def _show_when_done(output: Output, work: Any) -> None:
    printer = await work
    if output.as_json:
        output.value(printer)
        return
    output.fields(
        (
            ("printer", words.short(printer.name)),
            ("state", _row(printer)[1]),
            ("jobs", str(printer.queued_jobs)),
            *(
                ("port", port_text(port.port) + (" (standby)" if port.standby else ""))
                for port in printer.ports
            ),
            ("declared by", printer.managed_by),
            *shown_settings(printer),
        )
    )


async def _say_when_done(output: Output, work: Any) -> None:
    printer = await work
    _say(output, printer, words.printer_state(printer))


def _say(output: Output, printer: Printer, what: str) -> None:
    if output.as_json:
        output.value(printer, live=True)
    elif not output.quiet:
        output.line(f"printer {words.short(printer.name)}: {what}")


def _take(printer: Printer, changes: Printer, path: str) -> None:
    printer.ClearField(path)  # type: ignore[arg-type]
    only = Printer()
    value = getattr(changes, path)
    if changes.DESCRIPTOR.fields_by_name[path].message_type is not None:
        getattr(only, path).MergeFrom(value)
    else:
        setattr(only, path, value)
    printer.MergeFrom(only)
