"""`printfabric jobs`: what waits, prints, and has printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric_client.command import words
from printfabric_client.command.options import Session, command, printer_option
from printfabric_client.jobs import ENDED, job_filter

if TYPE_CHECKING:
    from printfabric_client.aio import Client

_STATES = {words.job_state(value): value for value in JobState.values() if value}
_HEADS = ("JOB", "PRINTER", "STATE", "SIZE", "AGE", "DOCUMENT", "RESULT")


@command("jobs")
@printer_option
@click.option("-a", "--all", "everything", is_flag=True, help="Also jobs that have ended.")
@click.option(
    "--state", "states", type=click.Choice(list(_STATES)), multiple=True, help="Only in this state."
)
@click.option("--user", default="", metavar="NAME", help="Only this person's.")
@click.option("--request-id", default="", metavar="ID", help="Only the job of this request id.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
def jobs_command(
    session: Session, printer: str | None, everything: bool, states: tuple[str, ...], limit: int, **who: str
) -> None:
    """List jobs that have not ended, newest first."""
    where = job_filter(
        printers=[printer] if printer else [],
        states=[_STATES[state] for state in states],
        active_only=not (everything or states or who["request_id"]),
        user=who["user"],
        request_id=who["request_id"],
    )

    async def ask(fabric: Client) -> None:
        output = session.output
        if output.as_json:
            async for job in fabric.list(where, limit=limit):
                output.value(job, live=True)
            return
        found = [job async for job in fabric.list(where, limit=limit)]
        if not found:
            output.note(
                "no jobs"
                if everything or states
                else "no jobs are waiting; --all shows those that have ended"
            )
            return
        output.table(_HEADS, (_row(job) for job in found))
        if len(found) == limit:
            output.note(f"the newest {limit}; --limit shows more")

    session.run(ask)


def _row(job: Job) -> tuple[str, ...]:
    result = words.outcome(job.outcome, job.ledger) or words.progress(job)
    if job.state not in ENDED and job.last_error.message:
        result = f"{result}; {job.last_error.message}" if result else job.last_error.message
    copies = f"{job.copies} x " if job.copies > 1 else ""
    return (
        str(job.number),
        words.short(job.printer),
        words.job_state(job.state),
        f"{copies}{words.size(job.size_bytes)}",
        words.age(job.create_time),
        words.clean(job.document_name)[:30] or "-",
        result or (f"held: {job.hold_reason}" if job.hold_reason else ""),
    )
