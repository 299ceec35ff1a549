"""A PostgreSQL server of our own: on a unix socket, in a folder, ended with the tests."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.rig.programs import wait_until
from tests.surroundings import missing

_DEBIAN = Path("/usr/lib/postgresql")
_numbers = itertools.count(1)


class PostgresServer:
    """A server process and its folder."""

    def __init__(self, folder: Path, programs: Path, *, durable: bool) -> None:
        self.folder = folder
        self.programs = programs
        self.port = 5432  # a part of its socket's name
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Start it, with some settings of its own, and wait until it answers."""
        quick = {} if self._durable else {"fsync": "off", "full_page_writes": "off"}
        settings = {
            "listen_addresses": "",
            "port": str(self.port),
            "shared_buffers": "32MB",
            **quick,
            **settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [
            str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *options,
        ]  # fmt: skip
        # What a killed server's children still hold, they let go in a moment: until then another one refuses to start.
        wait_until(
            lambda: self._runs(command) and self._answers(), why=f"PostgreSQL does not start: {self._log}"
        )

    def _runs(self, command: Sequence[str]) -> bool:
        if self._process is None or self._process.poll() is not None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log, **unprivileged())
            time.sleep(0.05)
        return self._process.poll() is None

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """The id of the process whose children serve the connections."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut ends a process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it, and what is connected to it."""
        self._end(signal.SIGINT)

    def database(self) -> str:
        """Return the URL of a new database."""
        name = f"spool_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://spool@/{database}?host={self.folder}&port={self.port}"

    @property
    def socket(self) -> str:
        """Return the path of the socket it listens on."""
        return f"{self.folder}/.s.PGSQL.{self.port}"

    def ask(self, url: str, question: str) -> list[tuple[Any, ...]]:
        """Return what a database answers."""
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(question.encode())
            return cursor.fetchall() if cursor.description else []

    def end_connections(self, url: str, name: str = "") -> int:
        """Cut the connections to a database, or those of one client; return how many there were."""
        database = url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                " AND (%s = '' OR application_name = %s)",
                (database, name, name),
            ).fetchall()
        return len(rows)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(20)


@contextmanager
def postgres_server(*, durable: bool = False, below: Path | None = None) -> Iterator[PostgresServer]:
    """Run a server until the context ends.

    below: where its folder is made; the server's user must be able to go there, as it cannot into pytest's folders.
    """
    programs = _programs()
    folder = folder_of_its_own(below)
    try:
        made = subprocess.run(
            [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "spool", "--auth=trust", "--encoding=UTF8",
             "--locale=C.UTF-8", "--no-sync"],
            capture_output=True, text=True, check=False, **unprivileged(),
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        server = PostgresServer(folder, programs, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def folder_of_its_own(below: Path | None = None) -> Path:
    """Make the folder of a server, which is its user's."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=below))
    if (user := unprivileged().get("user")) is not None:
        os.chown(folder, user, -1)
    return folder


def found_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, of the newest there are."""
    versions = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("postgres")
    return None if found is None else Path(found).parent


def _programs() -> Path:
    return found_programs() or missing("the program postgres is not installed")


def unprivileged() -> dict[str, Any]:
    """PostgreSQL does not run as root; Debian makes a user for it."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        missing("PostgreSQL does not run as root, and there is no user postgres")
    return {"user": user.pw_uid, "group": user.pw_gid}
