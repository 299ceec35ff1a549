"""`printfabric up`: a whole fabric on this machine, a first print, and then it runs until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from printfabric_client.address import DEFAULT_ADDRESS, state_dir
from printfabric_client.aio import Client
from printfabric_client.command import words
from printfabric_client.command.exits import Exit
from printfabric_client.command.following import bars, last_words, verdict
from printfabric_client.command.options import Session, command
from printfabric_client.command.up_story import Story
from printfabric_client.retry import Retry
from printfabric_client.spec import new_job
from printfabric_client.status import error_from_item
from printfabric_client.up import demo_setup, samples, traffic
from printfabric_client.up.demo_fleet import BASE, FLEET, HOSTS
from printfabric_client.up.fabric import LocalFabric
from printfabric_client.up.place import Place

if TYPE_CHECKING:
    from printfabric.types.v1.job_pb2 import Job
    from printfabric_client.up.demo import Demo

# A simulated printer takes a second; a minute says that something is wrong.
_SAMPLE_S = 60.0


@command("up")
@click.option(
    "--listen", default=DEFAULT_ADDRESS, show_default=True, metavar="HOST:PORT", help="The spooler's address."
)
@click.option("--no-simulators", is_flag=True, help="No simulated printers: your own ports only.")
@click.option("--demo/--no-demo", "lively", help="Three simulated hosts, whose printers print all the time.")
@click.option("--once", is_flag=True, help="Start, print, look whether it came out, and end: for tests.")
def up_command(session: Session, listen: str, no_simulators: bool, lively: bool, once: bool) -> None:
    """Run a whole fabric on this machine: spooler, port monitor, configuration service, simulated printers.

    Everything is kept in one directory (--state-dir) and listens on this machine only. Ctrl-C ends it; what was
    accepted and not printed is printed at the next start.
    """
    place = Place(session.state_dir or state_dir())
    more = FLEET if lively and not no_simulators else ()
    hosts = HOSTS if more else ()
    fleet = None if no_simulators else (lambda: demo_setup.fleet_of(place, more))
    story = Story(session.output, place)
    with place.taken():
        demo_setup.prepare(place, hosts)
        fabric = LocalFabric(place, listen=listen, fleet=fleet, hosts=hosts)
        raise SystemExit(asyncio.run(_run(fabric, story, more, once=once)))


async def _run(fabric: LocalFabric, story: Story, more: Sequence[Demo], *, once: bool) -> int:
    with _told_to_stop(fabric.kill) as stop:
        story.begin()
        work = asyncio.create_task(_serve(fabric, story, more, stop, once=once))
        stopping = asyncio.create_task(stop.wait())
        # Ctrl-C while things still start ends the start.
        await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not work.done() and not fabric.settled:
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await work
        return Exit.OK


async def _serve(
    fabric: LocalFabric, story: Story, more: Sequence[Demo], stop: asyncio.Event, *, once: bool
) -> int:
    code: int = Exit.OK
    try:
        async with fabric.running(story.step, story.news):
            if fabric.simulated:
                code = await _first_print(fabric, story, more)
            if once:
                return code
            story.ready(fabric)
            fabric.settled = True
            async with _alive(fabric, more):
                await stop.wait()
            story.stopping()
    finally:
        story.ended()
    return Exit.OK


@contextlib.asynccontextmanager
async def _alive(fabric: LocalFabric, more: Sequence[Demo]) -> AsyncIterator[None]:
    """Let the further printers print while the block runs."""
    if not more:
        yield
        return
    async with Client(fabric.spooler, retry=Retry(total_s=10)) as client:
        work = [
            asyncio.create_task(traffic.keep_printing(client, more), name="traffic"),
            asyncio.create_task(traffic.keep_loaded(fabric.control, more), name="rolls"),
        ]
        try:
            yield
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)


async def _first_print(fabric: LocalFabric, story: Story, more: Sequence[Demo]) -> int:
    """Add what is missing of ports and printers, and print the sample labels meanwhile."""
    async with Client(fabric.spooler, retry=Retry(total_s=10)) as client:
        began = time.monotonic()
        await demo_setup.add_missing(client, fabric.place, BASE)
        story.step("printers", _names(more), time.monotonic() - began)
        added = asyncio.create_task(demo_setup.add_missing(client, fabric.place, more))
        try:
            code = await _print_samples(client, fabric, story)
            await added
        finally:
            added.cancel()
    return code


def _names(more: Sequence[Demo]) -> str:
    others = len({each.printer for each in more if each.port})
    return ", ".join(each.printer for each in BASE) + (f" and {others} more" if others else "")


async def _print_samples(client: Client, fabric: LocalFabric, story: Story) -> int:
    token = f"PF-{secrets.token_hex(3).upper()}"
    jobs = await _submit_samples(client, token)
    story.note(f"Printing {len(jobs)} sample labels on labels: jobs {jobs[0]} to {jobs[-1]}")
    ended = await _follow_samples(client, jobs, story)
    worst = max(ended, key=verdict)
    paper = None
    if verdict(worst) == Exit.OK:
        paper = await samples.find_paper(fabric.paper, "labels", f"{token}-{len(jobs)}")
    story.printed(ended, worst, paper)
    if paper is None:
        why = await client.explain(worst)
        story.note(f"  {words.clean(why.headline)} {words.clean(why.loss)}".rstrip())
        return verdict(worst) or Exit.NOT_PRINTED
    return Exit.OK


async def _submit_samples(client: Client, token: str) -> list[str]:
    labels = [
        new_job(content, printer="labels", document_name=f"sample label {number}")
        for number, content in enumerate(samples.sample_labels(token), 1)
    ]
    names: list[str] = []
    async for result in client.submit_many(labels):
        if result.error.reason:
            raise error_from_item(result.error)
        names.append(result.job.removeprefix("jobs/"))
    return sorted(names, key=int)


async def _follow_samples(client: Client, names: list[str], story: Story) -> list[Job]:
    """Show label after label coming out; a job that does not end in time is returned as it is."""
    with bars(story.output) as progress:
        task = progress.add_task("printing", total=len(names), note="") if progress else None

        async def follow(name: str) -> Job:
            try:
                job = await client.wait(name, timeout_s=_SAMPLE_S, or_decision=True)
            except TimeoutError:
                return await client.get(name)
            if progress is not None and task is not None:
                progress.update(task, advance=1, note=f"job {job.number} {words.job_state(job.state)}")
            else:
                story.note(f"  {last_words(job)}")
            return job

        return await asyncio.gather(*map(follow, names))


@contextlib.contextmanager
def _told_to_stop(at_once: Callable[[], None]) -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        # Who presses Ctrl-C twice means it.
        at_once() if stop.is_set() else stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
