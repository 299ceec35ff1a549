"""A host that dials in beside one that is reached, by turns in one run: `python -m tests.bench.dialled`.

A large document goes to a printer that takes all it gets, sent as it is printed. What is timed is the way from the
spooler to paper: from the printer's first byte to its last. Both ways are plain, and loopback is the network.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from printfabric.spooler.v1.printer_service_pb2 import PrefetchPolicy
from printfabric_client.sync import Client
from tests.rig.dialled import DialledFabric, dialled_fabric
from tests.rig.documents import noise
from tests.rig.programs import wait_until
from tests.rig.real_fabric import RealFabric, printed, real_fabric
from tests.rig.receivers import TcpReceiver


class _Way:
    """One spooler with one printer, and the times of its documents."""

    def __init__(self, client: Client, receiver: TcpReceiver) -> None:
        self._client, self._receiver = client, receiver
        wait_until(lambda: [host.ports for host in client.hosts.list()] == [1])
        [printer] = client.printers.list()
        printer.prefetch = PrefetchPolicy.PREFETCH_POLICY_NEVER
        client.printers.update(printer, "prefetch")
        self._name = printer.name

    def large(self, document: bytes) -> float:
        """Return the seconds from the first byte on paper to the last."""
        receiver, before = self._receiver, self._receiver.count
        job = self._client.submit(document, printer=self._name)
        wait_until(lambda: receiver.count > before)
        began = time.monotonic()
        wait_until(lambda: receiver.count >= before + len(document), 120)
        took_s = time.monotonic() - began
        assert printed(self._client.wait(job.number, timeout_s=60))
        came = hashlib.sha256(receiver.now()[before:]).digest()
        assert came == hashlib.sha256(document).digest(), "it came out otherwise"
        return took_s

    def small(self, count: int) -> float:
        """Return the seconds that small documents take, one after the other, each until it is printed."""
        began = time.monotonic()
        for number in range(count):
            job = self._client.submit(b"%d" % number, printer=self._name)
            self._client.wait(job.number, timeout_s=60)
        return time.monotonic() - began


@contextmanager
def _ways(folder: Path) -> Iterator[dict[str, _Way]]:
    with ExitStack() as stack:
        ways = {}
        for name in ("reached", "dialled"):
            (own := folder / name).mkdir()
            receiver = TcpReceiver("IP_A")
            fabric: RealFabric | DialledFabric = (
                stack.enter_context(real_fabric(own, [receiver]))
                if name == "reached"
                else stack.enter_context(dialled_fabric(own, own / "p.sock", [receiver]))
            )
            ways[name] = _Way(stack.enter_context(fabric.client()), receiver)
        yield ways


def measure(folder: Path, size: int, jobs: int, rounds: int) -> dict[str, list[float]]:
    """Return for each way MB/s of a large document, and ms for each small one, round by round."""
    document = noise(size, 1)
    found: dict[str, list[float]] = {}
    with _ways(folder) as ways:
        for number in range(rounds + 1):
            for name, way in ways.items():
                rate, each = size / 1e6 / way.large(document), way.small(jobs) * 1000 / jobs
                if number:  # the first is a warm-up
                    found.setdefault(f"{name}, MB/s", []).append(rate)
                    found.setdefault(f"{name}, ms", []).append(each)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64 << 20, help="bytes of the large document")
    parser.add_argument("--jobs", type=int, default=50, help="small documents of a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.size, options.jobs, options.rounds)
    for name, values in found.items():
        print(f"{name}: {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})")
    for unit in ("MB/s", "ms"):
        ratio = statistics.median(found[f"dialled, {unit}"]) / statistics.median(found[f"reached, {unit}"])
        print(f"dialled / reached, {unit}: {ratio:.2f}")


if __name__ == "__main__":
    main()
