"""Three cases in which stock CUPS breaks its word, and what this fabric does in them: `make versus`.

Both print to the same kind of printer by hand: raw TCP, a small receive buffer, labels that say their numbers.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Outcome
from printfabric_client.command.words import came_out
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric
from tests.rig.receivers import TcpReceiver, all_settled
from tests.simulators.cups import Cups

_LABEL = re.compile(rb"\^XA\^FDlabel (\d{5}) x{400}\^FS\^XZ")


class Row(NamedTuple):
    """What one system did in one case."""

    case: str
    system: str
    said: str
    on_paper: int
    of: int
    twice: int
    missing: int


class Pace(NamedTuple):
    """How long the cases take: `labels` at `rate` bytes a second, killed after `kill_s`."""

    labels: int
    rate: int
    kill_s: float
    clean_s: int  # CUPS' DirtyCleanInterval; 30 as shipped


FULL = Pace(labels=6000, rate=45_000, kill_s=45.0, clean_s=30)
QUICK = Pace(labels=1500, rate=200_000, kill_s=2.2, clean_s=1)


class System(Protocol):
    """A print system with one queue to one receiver."""

    name: str

    def submit(self, document: bytes) -> None:
        """Hand the document over; return when it was accepted."""

    def crash(self) -> None:
        """Kill the spooler without a warning and start it again."""

    def end(self, timeout_s: float) -> str:
        """Wait until nothing more happens by itself; return what the job says."""


def document(count: int) -> bytes:
    """Return so many labels."""
    return b"".join(b"^XA^FDlabel %05d %b^FS^XZ\n" % (number, b"x" * 400) for number in range(1, count + 1))


class OffPrinter(TcpReceiver):
    """A printer that is off: its port refuses until it is switched on."""

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self._address = self._listener.getsockname()
        self._listener.close()

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": self._address[0], "port": self._address[1]}

    def begin(self) -> None:
        """Stay off."""

    def switch_on(self) -> None:
        """Listen."""
        self._listener = socket.create_server(self._address)
        super().begin()


class OwnFabric:
    """This fabric; its person looks at the paper when asked."""

    name = "Print Fabric"

    def __init__(self, folder: Path, receiver: TcpReceiver) -> None:
        self.fabric = RealFabric(folder, [receiver])
        self.fabric.portmon.start()
        self.fabric.spooler.start()
        self._receiver = receiver
        self._client = self.fabric.client().__enter__()
        self._number = 0

    def submit(self, document: bytes) -> None:
        self._number = self._client.submit(document, printer=next(iter(self.fabric.receivers))).number

    def crash(self) -> None:
        self.fabric.spooler.kill()
        self.fabric.spooler.start()

    def end(self, timeout_s: float) -> str:
        job = self._client.wait(self._number, timeout_s=timeout_s, or_decision=True)
        said = _words(job)
        if job.state == JobState.JOB_STATE_PENDING_HELD:
            all_settled([self._receiver])
            k = max(numbers(bytes(self._receiver.paper)), default=0) + 1
            self._client.ports.resume(f"edge/{self._receiver.port}")
            self._client.resume(self._number, unit=k)
            job = self._client.wait(self._number, timeout_s=timeout_s, or_decision=True)
            said += f"; a person says: on at {k}; then {_words(job)}"
        return said

    def close(self) -> None:
        """End it; the receiver is not ours."""
        self._client.__exit__()
        self.fabric.spooler.stop()
        self.fabric.portmon.stop()


class PrivateCups(Cups):
    """A cupsd with one raw queue."""

    name = "CUPS"

    def __init__(self, receiver: TcpReceiver, clean_s: int) -> None:
        super().__init__()
        self.start()
        configuration = self.root / "etc/cupsd.conf"
        configuration.write_text(configuration.read_text() + f"\nDirtyCleanInterval {clean_s}\n")
        settings = receiver.settings
        self.add_raw_queue("q", f"socket://{settings['host']}:{settings['port']}/?snmp=false")
        time.sleep(clean_s + 1 if clean_s < 5 else 0)
        self.crash(graceful=True)  # the queue is saved, the new configuration read

    def submit(self, document: bytes) -> None:
        file = self.root / "document"
        file.write_bytes(document)
        self.run("lp", "-d", "q", str(file))

    def crash(self, *, graceful: bool = False) -> None:
        assert self._process is not None
        command = self._process.args
        self._process.send_signal(signal.SIGTERM if graceful else signal.SIGKILL)
        self._process.wait()
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.run("lpstat", "-p", "q", check=False).returncode == 0, 30)

    def end(self, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self._open():
            time.sleep(0.5)
        if self._open():
            return "not completed"
        known = self.run("lpstat", "-W", "completed", "-o", check=False).stdout
        return "completed" if known.strip() else "no such job"

    def _open(self) -> bool:
        return bool(self.run("lpstat", "-W", "not-completed", "-o", check=False).stdout.strip())

    def close(self) -> None:
        """End it."""
        self.stop()


def numbers(paper: bytes) -> list[int]:
    """Return the labels that came out whole."""
    return [int(found[1]) for found in _LABEL.finditer(paper)]


def reset_in_mid_job(system: System, receiver: TcpReceiver, pace: Pace) -> str:
    """The printer resets the connection after an eighth of the job."""
    receiver.rate = pace.rate * 4
    receiver.breaks_at = len(document(pace.labels)) // 8
    system.submit(document(pace.labels))
    wait_until(lambda: receiver.ends[-1:] == ["broken here"], 120)
    return system.end(120)


def crash_in_mid_job(system: System, receiver: TcpReceiver, pace: Pace) -> str:
    """The spooler is killed while the job prints, and started again."""
    receiver.rate = pace.rate
    system.submit(document(pace.labels))
    time.sleep(pace.kill_s)
    system.crash()
    receiver.rate = pace.rate * 4
    return system.end(180)


def kill_after_accept(system: System, receiver: TcpReceiver, pace: Pace) -> str:
    """The spooler is killed a second after it said OK, while the printer is off."""
    assert isinstance(receiver, OffPrinter)
    system.submit(document(pace.labels))
    time.sleep(1)
    system.crash()
    receiver.switch_on()
    return system.end(60)


CASES: tuple[tuple[str, Callable[[System, TcpReceiver, Pace], str], type[TcpReceiver]], ...] = (
    ("reset in mid-job", reset_in_mid_job, TcpReceiver),
    ("spooler killed in mid-job", crash_in_mid_job, TcpReceiver),
    ("spooler killed 1 s after OK", kill_after_accept, OffPrinter),
)


@contextlib.contextmanager
def _receiver(kind: type[TcpReceiver]) -> Iterator[TcpReceiver]:
    receiver = kind("IP_A")
    receiver.begin()
    try:
        yield receiver
    finally:
        receiver.end()


def compare(pace: Pace, *, cups: bool = True) -> Iterator[Row]:
    """Run every case with every system; yield a row for each."""
    for case, run, kind in CASES:
        for name in ("Print Fabric", "CUPS") if cups else ("Print Fabric",):
            with tempfile.TemporaryDirectory(prefix="versus-") as folder, _receiver(kind) as receiver:
                system: OwnFabric | PrivateCups
                if name == "CUPS":
                    clean = pace.clean_s if run is crash_in_mid_job else 30
                    system = PrivateCups(receiver, clean)
                else:
                    system = OwnFabric(Path(folder), receiver)
                try:
                    said = run(system, receiver, pace)
                    all_settled([receiver])
                finally:
                    system.close()
                count = pace.labels
                printed = Counter(numbers(bytes(receiver.paper)))
                twice = sum(times - 1 for times in printed.values())
                yield Row(case, name, said, len(printed), count, twice, count - len(printed))


def table(rows: list[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| case | system | labels out | twice | missing | the job says |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.case} | {row.system} | {row.on_paper} of {row.of} | {row.twice} | {row.missing} | {row.said} |"
        for row in rows
    ]
    return "\n".join(lines)


def _words(job: Job) -> str:
    state = JobState.Name(job.state).removeprefix("JOB_STATE_").lower()
    outcome = Outcome.Name(job.outcome).removeprefix("OUTCOME_").lower()
    outcome = came_out(job.ledger) if job.outcome == Outcome.OUTCOME_PRINTED else outcome
    return f"{state}, {outcome}" + (f": {job.hold_reason}" if job.hold_reason else "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="CUPS saves its jobs every second, not every 30 s"
    )
    pace = QUICK if parser.parse_args().quick else FULL
    print(table(list(compare(pace))))


if __name__ == "__main__":
    main()
