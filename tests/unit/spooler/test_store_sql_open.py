import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from chassis.errors import StoreUnavailable
from spooler.job import Job
from spooler.job_state import IPP_NUMBER
from spooler.new_job import Inline, NewJob
from spooler.printer import Printer
from spooler.sql import open as sql_open
from spooler.sql.schema import HEAD, metadata
from spooler.sql.store import SqlStore


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A store with a hundred jobs, closed."""
    store = await SqlStore.open(tmp_path / "store")
    await store.create_printer(Printer("labels"))
    answers = await store.accept([NewJob("labels", Inline(os.urandom(2000))) for _ in range(100)])
    assert all(isinstance(answer, Job) for answer in answers)
    await store.close()
    return tmp_path / "store"


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the lock, which says who tried last."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "spooler.lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


async def refused(folder: Path, *words: str) -> None:
    """The folder must be refused with a message that names the file, and stay as it is."""
    before = contents(folder)
    with pytest.raises(StoreUnavailable) as error:
        await SqlStore.open(folder)

    assert str(folder / "spooler.db") in error.value.message
    for word in words:
        assert word in error.value.message
    assert contents(folder) == before


async def test_a_file_of_garbage_is_refused_and_left_alone(folder):
    (folder / "spooler.db").write_bytes(os.urandom(100_000))

    await refused(folder, "not a SQLite file", "move spooler.db", "good copy")


@pytest.mark.parametrize("page", [1, 5, 20, 40])
async def test_a_file_with_damaged_pages_is_refused_and_left_alone(folder, page):
    with (folder / "spooler.db").open("r+b") as file:
        file.seek(page * 4096)
        file.write(os.urandom(4096))

    await refused(folder, "nothing was changed")


async def test_a_file_cut_short_is_refused_and_left_alone(folder):
    os.truncate(folder / "spooler.db", 8192 + 100)

    await refused(folder, "nothing was changed")


async def test_damage_is_found_before_a_write_ahead_log_is_copied_over_it(folder, tmp_path):
    store = await SqlStore.open(folder)
    await store.accept([NewJob("labels", Inline(b"in the log"))])
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)  # as a kill would leave it: with a log
    await store.close()
    with (copy / "spooler.db").open("r+b") as file:
        file.seek(20 * 4096)
        file.write(os.urandom(4096))

    database, log = (copy / "spooler.db").read_bytes(), (copy / "spooler.db-wal").read_bytes()
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        await SqlStore.open(copy)
    assert len(log) > 0
    assert ((copy / "spooler.db").read_bytes(), (copy / "spooler.db-wal").read_bytes()) == (database, log)


async def test_another_program_s_database_is_refused_and_left_alone(folder):
    (folder / "spooler.db").unlink()
    connection = sqlite3.connect(folder / "spooler.db")
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()

    await refused(folder, "another program")


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(folder):
    connection = sqlite3.connect(folder / "spooler.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()

    await refused(folder, "newer version", "9999", HEAD)


async def test_two_spoolers_on_one_folder_are_refused_and_the_second_names_the_first(folder):
    store = await SqlStore.open(folder)
    with pytest.raises(StoreUnavailable) as error:
        await SqlStore.open(folder)
    await store.close()

    assert error.value.metadata["process"] == str(os.getpid())
    assert str(folder) in error.value.message
    await (await SqlStore.open(folder)).close()


# Root may write everywhere, so the part that matters runs as nobody. What it needs is imported before that: nobody may
# not read everything.
OPENS_AS_NOBODY = """
import asyncio, os, pathlib, sys
from chassis.errors import StoreUnavailable
from spooler.sql.store import SqlStore

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    asyncio.run(SqlStore.open(pathlib.Path(sys.argv[1])))
except StoreUnavailable as error:
    print(error.message)
"""


def test_a_folder_that_cannot_be_written_is_named():
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are for their user alone
        folder = Path(name)
        folder.chmod(0o555)
        child = subprocess.run(
            [sys.executable, "-c", OPENS_AS_NOBODY, folder / "store"], capture_output=True, text=True
        )
        folder.chmod(0o700)

    assert child.returncode == 0, child.stderr
    assert str(folder) in child.stdout


async def test_a_path_that_is_a_file_is_named(tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreUnavailable, match=str(tmp_path)):
        await SqlStore.open(tmp_path / "store")


async def test_nobody_else_reads_the_database_whatever_the_folder_allows(tmp_path):
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        store = await SqlStore.open(tmp_path)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("spooler.db*")}
        await store.close()
        (tmp_path / "spooler.db").chmod(0o644)
        await (await SqlStore.open(tmp_path)).close()
    finally:
        os.umask(before)
    assert modes["spooler.db"] == 0o600
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "spooler.db").stat().st_mode & 0o777 == 0o600


async def test_the_migrations_make_the_tables_that_the_code_knows(folder):
    engine = create_engine(f"sqlite:///{folder / 'spooler.db'}")
    there = inspect(engine)

    assert set(there.get_table_names()) == {*metadata.tables, "alembic_version"}
    for table in metadata.tables.values():
        found = {
            column["name"]: (str(column["type"]), column["nullable"])
            for column in there.get_columns(table.name)
        }
        assert found == {column.name: (str(column.type), column.nullable) for column in table.columns} | {
            name: (kind, nullable) for name, (kind, nullable) in found.items() if kind == "BLOB"
        }
        assert list(found) == [column.name for column in table.columns]
        assert {index["name"] for index in there.get_indexes(table.name)} >= {
            index.name for index in table.indexes
        }
    engine.dispose()


def test_the_newest_migration_is_the_one_that_the_code_knows():
    steps = sorted(
        path.name for path in (Path(sql_open.__file__).parent / "migrations/versions").glob("v*.py")
    )

    assert steps[-1].startswith(f"v{HEAD}_")


async def test_a_state_that_no_job_can_be_in_is_refused_by_the_table_itself(folder):
    connection = sqlite3.connect(folder / "spooler.db")
    for number in range(12):
        if number in IPP_NUMBER.values():
            connection.execute("UPDATE jobs SET state = ?", (number,))
        else:
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute("UPDATE jobs SET state = ?", (number,))
    connection.close()


async def test_an_opening_that_was_killed_before_the_first_table_was_made_is_begun_again(tmp_path):
    (tmp_path / "spooler.db").write_bytes(b"")
    store = await SqlStore.open(tmp_path)

    assert (await store.load()).jobs == []
    await store.close()


def test_a_store_that_is_up_to_date_is_opened_without_loading_alembic(tmp_path):
    program = (
        "import asyncio, sys, pathlib\n"
        "from spooler.sql.store import SqlStore\n"
        "async def main():\n"
        "    await (await SqlStore.open(pathlib.Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules)\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]

    assert said == ["True\n", "False\n"]


def test_the_connection_that_writes_syncs_each_commit_and_bounds_its_log_by_the_reserve(tmp_path):
    pragmas = {}
    for reserve_bytes in (1 << 20, 64 << 20):
        engine = sql_open.writer_engine(tmp_path / f"{reserve_bytes}.db", reserve_bytes)
        with engine.connect() as connection:
            pragmas[reserve_bytes] = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "wal_autocheckpoint", "auto_vacuum")
            ]

    full, incremental = 2, 2
    assert pragmas == {1 << 20: ["wal", full, 64, incremental], 64 << 20: ["wal", full, 1000, incremental]}
