"""`printfabric up`: a whole fabric on this machine, a first print, and then it runs until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from printfabric_client.address import DEFAULT_ADDRESS, state_dir
from printfabric_client.aio import Client
from printfabric_client.command import words
from printfabric_client.command.exits import Exit
from printfabric_client.command.following import bars, last_words, show_until_ended, verdict
from printfabric_client.command.options import Session, command
from printfabric_client.retry import Retry
from printfabric_client.up import demo
from printfabric_client.up.fabric import HOST, LocalFabric
from printfabric_client.up.place import Place

if TYPE_CHECKING:
    from printfabric_client.command.output import Output

# A simulated printer takes a second; a minute says that something is wrong.
_SAMPLE_S = 60.0


@command("up")
@click.option(
    "--listen", default=DEFAULT_ADDRESS, show_default=True, metavar="HOST:PORT", help="The spooler's address."
)
@click.option("--no-simulators", is_flag=True, help="No simulated printers: your own ports only.")
@click.option("--once", is_flag=True, help="Start, print, look whether it came out, and end: for tests.")
def up_command(session: Session, listen: str, no_simulators: bool, once: bool) -> None:
    """Run a whole fabric on this machine: spooler, port monitor, configuration service, simulated printers.

    Everything is kept in one directory (--state-dir) and listens on this machine only. Ctrl-C ends it; what was
    accepted and not printed is printed at the next start.
    """
    place = Place(session.state_dir or state_dir())
    fleet = None if no_simulators else (lambda: demo.fleet_of(place))
    story = _Story(session.output, place)
    with place.taken():
        raise SystemExit(asyncio.run(_run(LocalFabric(place, listen=listen, fleet=fleet), story, once=once)))


async def _run(fabric: LocalFabric, story: _Story, *, once: bool) -> int:
    with _told_to_stop() as stop:
        story.begin()
        work = asyncio.create_task(_serve(fabric, story, stop, once=once))
        stopping = asyncio.create_task(stop.wait())
        # Ctrl-C while things still start ends the start.
        await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not work.done() and not fabric.settled:
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await work
        return Exit.OK


async def _serve(fabric: LocalFabric, story: _Story, stop: asyncio.Event, *, once: bool) -> int:
    code: int = Exit.OK
    try:
        async with fabric.running(story.step, story.news):
            if fabric.simulated:
                code = await _first_print(fabric, story)
            if once:
                return code
            story.ready(fabric)
            fabric.settled = True
            await stop.wait()
            story.stopping()
    finally:
        story.ended()
    return Exit.OK


async def _first_print(fabric: LocalFabric, story: _Story) -> int:
    token = f"PF-{secrets.token_hex(3).upper()}"
    async with Client(fabric.spooler, retry=Retry(total_s=10)) as client:
        await demo.add_missing(client, fabric.place)
        story.step("printers", ", ".join(each.printer for each in demo.DEMOS))
        job = await client.submit(
            demo.sample("labels", token), printer="labels", document_name="sample label"
        )
        story.note(f"Printing a sample label: job {job.number} on labels")
        with bars(story.output) as progress:
            try:
                async with asyncio.timeout(_SAMPLE_S):
                    job = await show_until_ended(client, job, story.output, progress)
            except TimeoutError:
                job = await client.get(job)
        paper = await demo.find_paper(fabric.paper, "labels", token) if verdict(job) == Exit.OK else None
        story.printed(last_words(job), job.number, paper)
        if paper is None:
            why = await client.explain(job)
            story.note(f"  {words.clean(why.headline)} {words.clean(why.loss)}".rstrip())
            return verdict(job) or Exit.NOT_PRINTED
    return Exit.OK


@contextlib.contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


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
        self._tell({"event": "news", "text": text}, f"{time.strftime('%H:%M:%S')}  {text}")

    def printed(self, text: str, number: int, paper: Path | None) -> None:
        picture = paper.with_suffix(".png") if paper else None
        shown = picture if picture and picture.exists() else paper
        self._tell({"event": "printed", "job": number, "text": text, "paper": str(shown or "")}, f"  {text}")
        if paper is not None and not self.output.as_json and not self.output.quiet:
            self.output.line(f"  it came out here: {shown}")
            for line in paper.read_text("utf-8", "replace").splitlines()[:8]:
                if line.strip():
                    self.output.line(f"    | {words.clean(line)}")

    def ready(self, fabric: LocalFabric) -> None:
        if self.output.as_json:
            self.output.value({"event": "ready", **self._place.remembered("address.json")}, live=True)
            return
        printer = "labels" if fabric.simulated else "NAME"
        found = self._place.root == state_dir().absolute() or fabric.spooler == DEFAULT_ADDRESS
        how = "printfabric" if found else f"printfabric --state-dir {self._place.root}"
        lines = ["", "Print the next one, from another terminal:", f"  {how} print -P {printer} --wait FILE"]
        if fabric.simulated:
            lines += [f"  printf '^XA^FO50,50^A0N,60,60^FDHello^FS^XZ' | {how} print -P labels -"]
            lines += ["What the simulated printers print lies in", f"  {fabric.paper}"]
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
