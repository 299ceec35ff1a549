"""A document that fits into no memory goes through three real processes, and none of them grows."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest

from tests.rig import hashing_sink
from tests.rig.documents import Endless
from tests.rig.programs import end_process
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import Receiver

SIZE = 2 << 30
MOST_MEMORY = 150 << 20


class HashingSink(Receiver):
    """The program of that name, as a receiver."""

    monitor, is_pipe = "raw", False

    def __init__(self, port: str, process: subprocess.Popen[bytes]) -> None:
        super().__init__(port)
        assert process.stdout is not None
        self._lines = process.stdout
        self._number = int(process.stdout.readline())

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self._number}

    def _run(self) -> None:
        """The other process receives."""

    def next_document(self) -> dict[str, Any]:
        """Return size and hash of the next document; waits for its end."""
        return dict(json.loads(self._lines.readline()))


@contextlib.contextmanager
def hashing_sink_running(port: str) -> Iterator[HashingSink]:
    process = subprocess.Popen([sys.executable, hashing_sink.__file__], stdout=subprocess.PIPE)
    try:
        yield HashingSink(port, process)
    finally:
        end_process(process)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_gibibytes_come_out_as_they_went_in_and_no_service_takes_more_than_150_mb(tmp_path: Path):
    document = Endless(SIZE, seed=2)
    with hashing_sink_running("IP_SINK") as sink, real_fabric(tmp_path, [sink]) as fabric:
        with fabric.client() as client:
            job = client.submit(cast(IO[bytes], document), printer="ip_sink")
            assert job.size_bytes == SIZE
            job = client.wait(job.number, timeout_s=200, or_decision=True)
        assert printed(job), brief(job)
        got = sink.next_document()
        memory = {one.module: one.most_memory() for one in (fabric.spooler, fabric.portmon)}
    shutil.rmtree(tmp_path)  # pytest would keep the spool for three runs
    print({name: f"{size / 2**20:.0f} MiB" for name, size in memory.items()})
    assert got == {"bytes": SIZE, "sha256": job.digest.hex()}
    assert document.digest() == job.digest.hex()
    assert all(size < MOST_MEMORY for size in memory.values()), memory
