"""`printfabric watch`: a job to its end, or everything that happens, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from printfabric.spooler.v1.watch_service_pb2 import WatchResponse, WatchTopic
from printfabric_client.command import words
from printfabric_client.command.following import follow_all, last_words
from printfabric_client.command.options import Session, command, complete_jobs, printer_option
from printfabric_client.jobs import ENDED, job_filter

if TYPE_CHECKING:
    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output

# A watch outlives a spooler's restart, however long that takes.
_PATIENCE_S = 86400.0


@command("watch")
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=complete_jobs)
@printer_option
@click.option("--since", default="", metavar="POSITION", help="Go on behind a `position` of --json.")
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Follow jobs no longer than this."
)
def watch_command(
    session: Session, jobs: tuple[str, ...], printer: str | None, since: str, timeout: float | None
) -> None:
    """Follow JOBs to their end (exit codes as with print --wait), or show everything until Ctrl-C."""
    output = session.output

    async def ask(fabric: Client) -> list[str]:
        return [(await fabric.get(job)).name for job in jobs]

    async def follow(fabric: Client, names: list[str]) -> int:
        if names:
            return await follow_all(fabric, [await fabric.get(name) for name in names], output, timeout)
        await _show_all(fabric, output, printer, since)
        return 0

    raise SystemExit(session.run_twice(ask, follow, _PATIENCE_S))


async def _show_all(fabric: Client, output: Output, printer: str | None, since: str) -> None:
    said = _Said()
    jobs = job_filter(printers=[printer] if printer else [], active_only=False)
    topics = [WatchTopic.WATCH_TOPIC_JOBS] if printer else []
    async for change in fabric.watch(topics, jobs=jobs, since=since, skip_snapshot=not since):
        if output.as_json:
            output.value(change, live=True)
            continue
        now = datetime.now(tz=UTC).astimezone().strftime("%H:%M:%S")
        for text in said.fresh(change):
            output.line(f"{now}  {text}")


class _Said:
    """What was said of each job since it last got further: a printer that is tried for hours is one line."""

    def __init__(self) -> None:
        self._jobs: dict[str, tuple[int, set[str]]] = {}

    def fresh(self, change: WatchResponse) -> Iterator[str]:
        """Yield the lines of a change, but for jobs that go back and forth between the same two."""
        for job in list(change.jobs):
            reached, said = self._jobs.get(job.name, (-1, set()))
            if reached != job.ledger.offsets.accepted:
                said = set()
            self._jobs[job.name] = (job.ledger.offsets.accepted, said)
            text = last_words(job)
            if text in said and job.state not in ENDED:
                change.jobs.remove(job)
            said.add(text)
            if job.state in ENDED:
                del self._jobs[job.name]
        yield from lines_of(change)


def lines_of(change: WatchResponse) -> Iterator[str]:
    """Yield a line for each thing that has changed."""
    if change.gap:
        yield "some changes were missed; what follows is how things are now"
    for job in change.jobs:
        reached = words.progress(job)
        yield last_words(job) + (
            f" {reached}" if reached and not words.outcome(job.outcome, job.ledger) else ""
        )
    for printer in change.printers:
        why = words.told(printer.pause_reason) or ", ".join(printer.state_reasons)
        yield f"printer {words.short(printer.name)}: {words.printer_state(printer)}" + _because(why)
    for port in change.ports:
        why = ", ".join(item.text or words.condition(item.condition) for item in port.status)
        yield f"port {words.before(words.short(port.name))} {words.port_state(port.state)}" + _because(why)
    for host in change.hosts:
        yield f"host {words.short(host.name)}: {words.host_state(host.state)}" + _because(host.error)
    for name in change.deleted:
        yield f"{words.clean(name)} was deleted"


def _because(why: str) -> str:
    return f" ({words.clean(why)})" if why else ""
