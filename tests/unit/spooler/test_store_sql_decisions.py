"""Databases of an older version: what people decided before is numbered at the first start."""

import sqlite3

from spooler.job import HistoryEvent
from spooler.sql.store import SqlStore
from spooler.store import Changes

OLD = """
DROP INDEX history_decisions;
DROP INDEX history_of_things;
ALTER TABLE history DROP COLUMN decided_bytes;
ALTER TABLE history DROP COLUMN decision;
CREATE INDEX history_of_things ON history (at) WHERE job_number = 0;
UPDATE alembic_version SET version_num = '0003';
"""


async def test_decisions_of_an_older_database_are_found_and_counted_on(tmp_path):
    store = await SqlStore.open(tmp_path)
    lines = [
        HistoryEvent("held", "mia", printer="labels"),
        HistoryEvent("broke-off", "spooler", printer="labels"),
    ]
    await store.record(Changes(history=[*lines, *lines]))
    await store.close()
    with sqlite3.connect(tmp_path / "spooler.db") as database:
        database.executescript(OLD)
    database.close()

    store = await SqlStore.open(tmp_path)
    await store.record(Changes(history=lines))
    assert [event.what for event in await store.history_by_people()] == ["held"] * 3
    await store.close()
    with sqlite3.connect(tmp_path / "spooler.db") as database:
        found = database.execute("SELECT decision, decided_bytes FROM history ORDER BY id").fetchall()
    database.close()
    assert found == [(1, 77), (0, 0), (2, 154), (0, 0), (3, 231), (0, 0)]
