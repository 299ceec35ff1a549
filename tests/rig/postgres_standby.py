"""A standby of a PostgreSQL server: it has every commit before the server answers it, and takes over when told."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

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
            where = primary.url("postgres")
            primary.ask(where, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.ask(where, "SELECT pg_reload_conf()")
            wait_until(lambda: primary.ask(where, _IN_STEP), why="the standby does not follow")
            yield standby
        finally:
            standby.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def either(primary: PostgresServer, standby: PostgresServer, url: str) -> str:
    """Return the URL of a database of the primary that leads to whichever of the two can be written to."""
    there = f"host={primary.folder}"
    assert there in url
    return url.replace(there, f"{there},{standby.folder}&target_session_attrs=read-write")


def fail_over(primary: PostgresServer, standby: PostgresServer) -> None:
    """Let the primary die, and the standby be the primary."""
    primary.kill()
    standby.ask(standby.url("postgres"), "SELECT pg_promote()")
