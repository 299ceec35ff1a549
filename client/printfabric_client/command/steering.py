"""`cancel`, `hold`, `release`, `restart`, `move`, `change`: one verb on one or many jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from printfabric.types.v1.job_pb2 import Job
from printfabric_client.command import words
from printfabric_client.command.exits import Exit, exit_code
from printfabric_client.command.options import Session, command, complete_printers, jobs_argument
from printfabric_client.errors import FabricError

if TYPE_CHECKING:
    from printfabric_client.aio import Client

Verb = Callable[["Client", str], Awaitable[Job]]


def steer(session: Session, jobs: tuple[str, ...], verb: Verb) -> None:
    """Do `verb` to each job, say how it is now, go on after a refusal, and end with the first error's exit code."""

    async def each(fabric: Client) -> int:
        output = session.output
        first = Exit.OK
        for name in jobs:
            try:
                job = await verb(fabric, name)
            except FabricError as error:
                if len(jobs) == 1:
                    raise
                first = first or exit_code(error)
                click.echo(f"printfabric: {words.clean(error.message)}", err=True)
                continue
            if output.as_json:
                output.value(job, live=True)
            elif not output.quiet:
                held = f" ({job.hold_reason})" if job.hold_reason else ""
                result = words.outcome(job.outcome, job.ledger)
                output.line(
                    f"job {job.number} on {words.short(job.printer)}: {words.job_state(job.state)}"
                    + words.clean(f"{held}{f', {result}' if result else ''}")
                )
        return first

    raise SystemExit(session.run(each))


reason_option = click.option("-r", "--reason", default="", metavar="TEXT", help="Why, for the record.")
_mark = click.option(
    "--mark", is_flag=True, help="Put a visible mark on the paper where the language allows it."
)


@command("cancel")
@jobs_argument
@reason_option
def cancel_command(session: Session, jobs: tuple[str, ...], reason: str) -> None:
    """End jobs. What the device has taken cannot be called back; the ledger says how much that is."""
    steer(session, jobs, lambda fabric, job: fabric.cancel(job, reason=reason))


@command("hold")
@jobs_argument
@reason_option
def hold_command(session: Session, jobs: tuple[str, ...], reason: str) -> None:
    """Hold jobs until they are released."""
    steer(session, jobs, lambda fabric, job: fabric.hold(job, reason=reason))


@command("release")
@jobs_argument
@reason_option
def release_command(session: Session, jobs: tuple[str, ...], reason: str) -> None:
    """Release held jobs, or retry those that wait."""
    steer(session, jobs, lambda fabric, job: fabric.release(job, reason=reason))


@command("restart")
@jobs_argument
@_mark
@reason_option
def restart_command(session: Session, jobs: tuple[str, ...], mark: bool, reason: str) -> None:
    """Print jobs again from their beginning, whatever came out before."""
    steer(session, jobs, lambda fabric, job: fabric.restart(job, mark=mark, reason=reason))


@command("move")
@jobs_argument
@click.argument("printer", metavar="PRINTER", shell_complete=complete_printers)
@reason_option
def move_command(session: Session, jobs: tuple[str, ...], printer: str, reason: str) -> None:
    """Move jobs that are not printing to another printer: `printfabric move 4711 4712 labels-2`."""
    steer(session, jobs, lambda fabric, job: fabric.move(job, printer, reason=reason))


@command("change")
@jobs_argument
@click.option("--priority", type=click.IntRange(1, 99), help="1 (last) to 99 (first).")
@click.option("-n", "--copies", type=click.IntRange(1, 9999), help="Copies, those that came out included.")
@reason_option
def change_command(
    session: Session, jobs: tuple[str, ...], priority: int | None, copies: int | None, reason: str
) -> None:
    """Change jobs that have not ended: `printfabric change 4711 --priority 99` lets it go first."""
    fields = [name for name, value in (("priority", priority), ("copies", copies)) if value is not None]
    if not fields:
        raise click.UsageError("nothing to change; give --priority or --copies")
    wanted = {"priority": priority, "copies": copies}

    async def change(fabric: Client, name: str) -> Job:
        job = await fabric.get(name)
        for field in fields:
            setattr(job, field, wanted[field])
        return await fabric.update(job, *fields, reason=reason)

    steer(session, jobs, change)
