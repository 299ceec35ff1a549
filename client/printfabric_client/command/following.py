"""Following jobs to their end: bars on a terminal, plain lines otherwise, and the exit code that says how it went."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric_client.command import words
from printfabric_client.command.exits import Exit
from printfabric_client.jobs import ENDED, awaits_decision

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output


async def follow_all(fabric: Client, jobs: list[Job], output: Output, timeout_s: float | None) -> Exit:
    """Follow `jobs` until each has ended or waits for a person, and return the worst of their exit codes.

    Raises:
        TimeoutError: they have not ended in time.
    """
    with bars(output) as progress:
        try:
            async with asyncio.timeout(timeout_s):
                ended = await asyncio.gather(
                    *(show_until_ended(fabric, job, output, progress) for job in jobs)
                )
        except TimeoutError:
            raise TimeoutError(
                f"not on paper after {timeout_s:g} s; the job goes on, see `printfabric jobs`"
            ) from None
    for job in ended:
        if output.as_json:
            output.value(job, live=True)
        elif not output.quiet:
            output.line(last_words(job))
            if awaits_decision(job):
                output.note(f"`printfabric explain {job.number}` says what to do")
    return max((verdict(job) for job in ended), default=Exit.OK)


def verdict(job: Job) -> Exit:
    """Return the exit code for how a job ended."""
    if job.outcome == Outcome.OUTCOME_UNKNOWN:
        return Exit.UNKNOWN
    printed = job.state == JobState.JOB_STATE_COMPLETED and job.outcome == Outcome.OUTCOME_PRINTED
    return Exit.OK if printed else Exit.NOT_PRINTED


def last_words(job: Job) -> str:
    """Return one line about a job: where it stands, what is on paper, what went wrong."""
    facts = [words.job_state(job.state), words.outcome(job.outcome, job.ledger)]
    if job.outcome != Outcome.OUTCOME_PRINTED and job.last_error.message:
        facts.append(job.last_error.message)
    if job.state == JobState.JOB_STATE_PENDING_HELD and job.hold_reason:
        facts.append(f"held: {job.hold_reason}")
    return f"job {job.number} on {words.short(job.printer)}: " + words.clean(
        "; ".join(fact for fact in facts if fact)
    )


@contextlib.contextmanager
def bars(output: Output) -> Iterator[Progress | None]:
    """Show progress bars while the block runs, if somebody sits there; they are gone when it ends."""
    if not output.bars:
        yield None
        return
    # Rich costs 50 ms, and only a terminal needs it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress


async def show_until_ended(fabric: Client, job: Job, output: Output, progress: Progress | None) -> Job:
    """Show a job until it has ended or waits for a person, and return it."""
    shown = _Shown(job, output, progress)
    async with contextlib.aclosing(fabric.follow(job)) as states:
        async for state in states:
            job = state
            shown.update(job)
            if job.state in ENDED or awaits_decision(job):
                break
    return job


class _Shown:
    """What has been shown of one job so far."""

    def __init__(self, job: Job, output: Output, progress: Progress | None) -> None:
        self._output, self._progress = output, progress
        self._said: set[str] = (
            set()
        )  # since it last got further: a printer that is tried for hours is one line
        self._reached = 0
        self._task: TaskID | None = None
        if progress is not None:
            name = words.clean(job.document_name)[:30]
            self._task = progress.add_task(f"job {job.number} {name}", total=_whole(job), note="")

    def update(self, job: Job) -> None:
        """Show a job as it is now; off a terminal only when its state has changed."""
        if self._progress is not None and self._task is not None:
            note = words.progress(job) if job.ledger.units.total > 1 else ""
            self._progress.update(
                self._task,
                total=_whole(job),
                completed=_whole(job) if job.state in ENDED else words.reached_bytes(job),
                note=f"{words.job_state(job.state)} {note}".strip(),
            )
            return
        text = (
            last_words(job) if job.last_error.message else f"job {job.number}: {words.job_state(job.state)}"
        )
        # The last line is the caller's: the result.
        reached = words.reached_bytes(job)
        if reached != self._reached:
            self._said.clear()
        self._reached = reached
        if job.state in ENDED or awaits_decision(job) or text in self._said:
            return
        self._said.add(text)
        self._output.note(text)


def _whole(job: Job) -> int:
    return max(1, job.size_bytes)
