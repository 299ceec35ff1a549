"""What `printfabric up` tells the person at the terminal, in order; with --json an object a line."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from printfabric_client.address import DEFAULT_ADDRESS, state_dir
from printfabric_client.command import words
from printfabric_client.command.exits import Exit
from printfabric_client.command.following import last_words, verdict
from printfabric_client.up.fabric import HOME, LocalFabric
from printfabric_client.up.place import Place

if TYPE_CHECKING:
    from printfabric.types.v1.job_pb2 import Job
    from printfabric_client.command.output import Output


class Story:
    """Says it as it happens."""

    def __init__(self, output: Output, place: Place) -> None:
        self.output = output
        self._place = place
        self._stopping = 0.0

    def begin(self) -> None:
        """Say where it lives."""
        self._tell(
            {"event": "starting", "state_dir": str(self._place.root)}, f"Print fabric in {self._place.root}"
        )

    def step(self, what: str, where: str, took_s: float) -> None:
        """Say that a part serves, where, and after how long."""
        self._tell(
            {"event": "started", "part": what, "address": where, "seconds": round(took_s, 3)},
            f"  {what:22} {where or '-':40} {took_s:4.1f} s",
        )

    def note(self, text: str) -> None:
        """Say something by the way."""
        self._tell({"event": "note", "text": text.strip()}, text)

    def news(self, text: str) -> None:
        """Say that something has gone wrong, or right again."""
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
        """Say that everything runs, and what can be done now."""
        if self.output.as_json:
            self.output.value({"event": "ready", **self._place.remembered("address.json")}, live=True)
            return
        for line in self._hints(fabric) if not self.output.quiet else [f"ready: {fabric.spooler}"]:
            self.output.line(line)

    def _hints(self, fabric: LocalFabric) -> list[str]:
        """Return what may be typed next."""
        found = self._place.root == state_dir().absolute() or fabric.spooler == DEFAULT_ADDRESS
        how = as_typed() if found else f"{as_typed()} --state-dir {self._place.root}"
        printer = "labels" if fabric.simulated else "NAME"
        lines = ["", f"The console, in a browser: {fabric.console}"] if fabric.console else []
        lines += ["", "Print the next one, from another terminal:", f"  {how} print -P {printer} --wait FILE"]
        lines += _to_break(fabric, how) if fabric.simulated else _to_begin(how)
        lines += ["Look at it:", f"  {how} jobs -a", f"  {how} watch", f"  {how} explain JOB"]
        lines += ["Metrics:", *(f"  {url}  ({name})" for name, url in fabric.metrics.items())]
        return [*lines, "", "Everything runs. Ctrl-C ends it."]

    def stopping(self) -> None:
        """Say that it ends."""
        self._stopping = time.monotonic()
        self._tell({"event": "stopping"}, "\nStopping: what is not printed yet stays in the spool.")

    def ended(self) -> None:
        """Say that it has ended, and how long that took."""
        if self._stopping:
            took_s = time.monotonic() - self._stopping
            self._tell({"event": "ended", "seconds": round(took_s, 3)}, f"Ended after {took_s:.1f} s.")

    def _tell(self, event: dict[str, object], text: str) -> None:
        if self.output.as_json:
            self.output.value(event, live=True)
        elif not self.output.quiet:
            self.output.line(text)


def _to_break(fabric: LocalFabric, how: str) -> list[str]:
    """Return where the simulated printers print to, and how they and their hosts are broken."""
    lines = [f"  printf '^XA^FO50,50^A0N,60,60^FDHello^FS^XZ' | {how} print -P labels -"]
    lines += ["What the simulated printers print lies in", f"  {fabric.paper}"]
    lines += ["Cut a printer's power for ten seconds; the second line lists what else can happen to it:"]
    lines += [f'  curl -d \'{{"fault": "power-cut=10"}}\' {fabric.control}/printers/labels/faults']
    lines += [f"  curl {fabric.control}/faults"]
    for host in fabric.hosts:
        if pid := fabric.process_of(host):
            lines += [f"Pull the plug of the host {host}, and put it in again:"]
            lines += [f"  kill -STOP {pid}", f"  kill -CONT {pid}"]
            break
    return lines


def _to_begin(how: str) -> list[str]:
    """Return how somebody gets a port and a printer who has none yet."""
    return [
        "A port and a printer come first:",
        f"  {how} ports add {HOME}/IP_10.0.0.7 -m 'Standard TCP/IP Port' host=10.0.0.7",
        f"  {how} printers add NAME --port {HOME}/IP_10.0.0.7",
    ]


def as_typed() -> str:
    """Return how a person who stands here calls the command: by its name, or by where it lies (`make run`)."""
    if shutil.which("printfabric"):
        return "printfabric"
    called = Path(sys.argv[0])
    return str(called) if called.name == "printfabric" else f"{sys.executable} -m printfabric_client.command"
