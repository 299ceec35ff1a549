"""`printfabric up`: a whole fabric on this machine, a first print, and then it runs until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from printfabric_client.address import DEFAULT_ADDRESS, state_dir
from printfabric_client.aio import Client
from printfabric_client.command import words
from printfabric_client.command.exits import Exit
from printfabric_client.command.following import bars, last_words, verdict
from printfabric_client.command.options import Session, command
from printfabric_client.retry import Retry
from printfabric_client.spec import new_job
from printfabric_client.status import error_from_item
from printfabric_client.up import demo, traffic
from printfabric_client.up.fabric import HOST, LocalFabric
from printfabric_client.up.place import Place

if TYPE_CHECKING:
    from printfabric.types.v1.job_pb2 import Job
    from printfabric_client.command.output import Output

# A simulated printer takes a second; a minute says that something is wrong.
_SAMPLE_S = 60.0


@command("up")
@click.option(
    "--listen", default=DEFAULT_ADDRESS, show_default=True, metavar="HOST:PORT", help="The spooler's address."
)
@click.option("--no-simulators", is_flag=True, help="No simulated printers: your own ports only.")
@click.option("--demo/--no-demo", "lively", help="Nine more simulated printers, printing all the time.")
@click.option("--once", is_flag=True, help="Start, print, look whether it came out, and end: for tests.")
def up_command(session: Session, listen: str, no_simulators: bool, lively: bool, once: bool) -> None:
    """Run a whole fabric on this machine: spooler, port monitor, configuration service, simulated printers.

    Everything is kept in one directory (--state-dir) and listens on this machine only. Ctrl-C ends it; what was
    accepted and not printed is printed at the next start.
    """
    place = Place(session.state_dir or state_dir())
    more = traffic.FLEET if lively else ()
    fleet = None if no_simulators else (lambda: demo.fleet_of(place, more, traffic.MISHAPS, traffic.DAY_S))
    story = _Story(session.output, place)
    with place.taken():
        raise SystemExit(
            asyncio.run(_run(LocalFabric(place, listen=listen, fleet=fleet), story, more, once=once))
        )


async def _run(fabric: LocalFabric, story: _Story, more: Sequence[demo.Demo], *, once: bool) -> int:
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
    fabric: LocalFabric, story: _Story, more: Sequence[demo.Demo], stop: asyncio.Event, *, once: bool
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
async def _alive(fabric: LocalFabric, more: Sequence[demo.Demo]) -> AsyncIterator[None]:
    """Let the further printers print while the block runs."""
    if not more or not fabric.simulated:
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


async def _first_print(fabric: LocalFabric, story: _Story, more: Sequence[demo.Demo]) -> int:
    token = f"PF-{secrets.token_hex(3).upper()}"
    async with Client(fabric.spooler, retry=Retry(total_s=10)) as client:
        await demo.add_missing(client, fabric.place, more)
        story.step(
            "printers",
            ", ".join(each.printer for each in demo.DEMOS) + (f" and {len(more)} more" if more else ""),
        )
        jobs = await _submit_samples(client, token)
        story.note(f"Printing {len(jobs)} sample labels on labels: jobs {jobs[0]} to {jobs[-1]}")
        ended = await _follow_samples(client, jobs, story)
        worst = max(ended, key=verdict)
        paper = None
        if verdict(worst) == Exit.OK:
            paper = await demo.find_paper(fabric.paper, "labels", f"{token}-{len(jobs)}")
        story.printed(ended, worst, paper)
        if paper is None:
            why = await client.explain(worst)
            story.note(f"  {words.clean(why.headline)} {words.clean(why.loss)}".rstrip())
            return verdict(worst) or Exit.NOT_PRINTED
    return Exit.OK


async def _submit_samples(client: Client, token: str) -> list[str]:
    labels = [
        new_job(content, printer="labels", document_name=f"sample label {number}")
        for number, content in enumerate(demo.sample_labels(token), 1)
    ]
    names: list[str] = []
    async for result in client.submit_many(labels):
        if result.error.reason:
            raise error_from_item(result.error)
        names.append(result.job.removeprefix("jobs/"))
    return sorted(names, key=int)


async def _follow_samples(client: Client, names: list[str], story: _Story) -> list[Job]:
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


def _as_typed() -> str:
    """Return how a person who stands here calls the command: by its name, or by where it lies (`make run`)."""
    if shutil.which("printfabric"):
        return "printfabric"
    called = Path(sys.argv[0])
    return str(called) if called.name == "printfabric" else f"{sys.executable} -m printfabric_client.command"


class _Story:
    """What the person at the terminal is told, in order; with --json an object a line."""

    def __init__(self, output: Output, place: Place) -> None:
        self.output = output
        self._place = place
        self._since = time.monotonic()
        self._stopping = 0.0

    def begin(self) -> None:
        self._tell(
            {"event": "starting", "state_dir": str(self._place.root)}, f"Print fabric in {self._place.root}"
        )

    def step(self, what: str, where: str) -> None:
        now = time.monotonic()
        took_s, self._since = now - self._since, now
        self._tell(
            {"event": "started", "part": what, "address": where, "seconds": round(took_s, 3)},
            f"  {what:22} {where or '-':40} {took_s:4.1f} s",
        )

    def note(self, text: str) -> None:
        self._tell({"event": "note", "text": text.strip()}, text)

    def news(self, text: str) -> None:
        if self.output.as_json:
            self.output.value({"event": "news", "text": text}, live=True)
        else:
            # Said however quiet it shall be: something has gone wrong.
            click.echo(f"{time.strftime('%H:%M:%S')}  {text}", err=True)

    def printed(self, ended: list[Job], worst: Job, paper: Path | None) -> None:
        """Say what has become of the samples, in the words of the one that fared worst."""
        good = sum(verdict(job) == Exit.OK for job in ended)
        text = f"{good} of {len(ended)} {words.came_out(worst.ledger)}, {words.proof(worst.ledger)}"
        if good < len(ended):
            text = f"{good} of {len(ended)} printed; {last_words(worst)}"
        picture = paper.with_suffix(".png") if paper else None
        self._tell({"event": "printed", "text": text, "paper": str(picture or "")}, f"  {text}")
        if paper is not None and not self.output.as_json and not self.output.quiet:
            self.output.line(f"  the last label came out here: {picture}")
            for line in paper.read_text("utf-8", "replace").splitlines()[:8]:
                if line.strip():
                    self.output.line(f"    | {words.clean(line)}")

    def ready(self, fabric: LocalFabric) -> None:
        if self.output.as_json:
            self.output.value({"event": "ready", **self._place.remembered("address.json")}, live=True)
            return
        printer = "labels" if fabric.simulated else "NAME"
        found = self._place.root == state_dir().absolute() or fabric.spooler == DEFAULT_ADDRESS
        how = _as_typed() if found else f"{_as_typed()} --state-dir {self._place.root}"
        lines = ["", f"The console, in a browser: {fabric.console}"] if fabric.console else []
        lines += ["", "Print the next one, from another terminal:", f"  {how} print -P {printer} --wait FILE"]
        if fabric.simulated:
            lines += [f"  printf '^XA^FO50,50^A0N,60,60^FDHello^FS^XZ' | {how} print -P labels -"]
            lines += ["What the simulated printers print lies in", f"  {fabric.paper}"]
            lines += [
                "Cut a printer's power for ten seconds; the second line lists what else can happen to it:"
            ]
            lines += [f'  curl -d \'{{"fault": "power-cut=10"}}\' {fabric.control}/printers/labels/faults']
            lines += [f"  curl {fabric.control}/faults"]
        else:
            lines += ["A port and a printer come first:"]
            lines += [f"  {how} ports add {HOST}/IP_10.0.0.7 -m 'Standard TCP/IP Port' host=10.0.0.7"]
            lines += [f"  {how} printers add NAME --port {HOST}/IP_10.0.0.7"]
        lines += ["Look at it:", f"  {how} jobs -a", f"  {how} watch", f"  {how} explain JOB"]
        lines += ["Metrics:", *(f"  {url}  ({name})" for name, url in fabric.metrics.items())]
        lines += ["", "Everything runs. Ctrl-C ends it."]
        for line in lines if not self.output.quiet else [f"ready: {fabric.spooler}"]:
            self.output.line(line)

    def stopping(self) -> None:
        self._stopping = time.monotonic()
        self._tell({"event": "stopping"}, "\nStopping: what is not printed yet stays in the spool.")

    def ended(self) -> None:
        if self._stopping:
            took_s = time.monotonic() - self._stopping
            self._tell({"event": "ended", "seconds": round(took_s, 3)}, f"Ended after {took_s:.1f} s.")

    def _tell(self, event: dict[str, object], text: str) -> None:
        if self.output.as_json:
            self.output.value(event, live=True)
        elif not self.output.quiet:
            self.output.line(text)
