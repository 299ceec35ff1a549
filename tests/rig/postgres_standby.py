"""A standby of a PostgreSQL server: it has every commit before the server answers it, and takes over when told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.rig.postgres import PostgresServer, folder_of_its_own, unprivileged
from tests.rig.programs import wait_until

_IN_STEP = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"


@contextmanager
def standby_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    """Run one until the context ends. The primary waits for it in each commit from now on."""
    folder = folder_of_its_own()
    try:
        made = subprocess.run(
            [str(primary.programs / "pg_basebackup"), "-h", str(primary.folder), "-U", "spool", "-D", str(folder / "data"),
             "-R", "-X", "stream", "-c", "fast", "--no-sync"],
            capture_output=True, text=True, check=False, **unprivileged(),
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        standby = PostgresServer(folder, primary.programs, durable=True)
        standby.start()
        try:
            wait_for_standbys(primary, "*")
            wait_until(
                lambda: primary.ask(primary.url("postgres"), _IN_STEP), why="the standby does not follow"
            )
            yield standby
        finally:
            standby.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_standbys(primary: PostgresServer, names: str) -> None:
    """Let the server wait for standbys in each commit that begins after this."""
    where = primary.url("postgres")
    primary.ask(where, f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    primary.ask(where, "SELECT pg_reload_conf()")
    # The process that makes checkpoints is the one that lets commits wait; it reads its settings first.
    primary.ask(where, "CHECKPOINT")


def at(primary: PostgresServer, url: str, *servers: PostgresServer) -> str:
    """Return the URL of a database of the primary that names all these servers, in this order."""
    there = f"host={primary.folder}"
    assert there in url
    return url.replace(there, "host=" + ",".join(str(one.folder) for one in servers))


def fail_over(primary: PostgresServer, standby: PostgresServer) -> None:
    """Let the primary die, and the standby be the primary."""
    primary.kill()
    promote(standby)


def promote(standby: PostgresServer) -> None:
    """Let a standby be the primary."""
    [(done,)] = standby.ask(standby.url("postgres"), "SELECT pg_promote()")
    assert done, "the standby does not take over"


@contextmanager
def standing_still(server: PostgresServer) -> Iterator[None]:
    """Let a server stop answering meanwhile, as one whose disk does; its connections stand."""
    pids = [server.pid, *_children(server.pid)]
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    children = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            parent = file.read_text().rpartition(")")[2].split()[1]
            children += [int(file.parent.name)] if int(parent) == pid else []
    return children


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
