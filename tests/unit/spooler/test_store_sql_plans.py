import sqlite3
from datetime import UTC, datetime

import pytest

from spooler.job_state import TERMINAL, JobState
from spooler.sql import accept, decisions, printers, read, record
from spooler.sql.schema import literal_sql
from spooler.sql.store import SqlStore
from spooler.store import JobFilter, JobOrder

UNFINISHED = frozenset(JobState) - TERMINAL

# What runs for each job, at each start, or for each page: its work must not grow with the jobs that have ended.
STATEMENTS = {
    f"{module.__name__.removeprefix('spooler.sql.')}{name}": statement
    for module in (accept, decisions, printers, read, record)
    for name, statement in vars(module).items()
    if isinstance(statement, str)
    and statement.startswith(("SELECT", "UPDATE", "DELETE"))
    and " WHERE " in statement.replace("\n", " ")
}


@pytest.fixture
async def plan(tmp_path):
    store = await SqlStore.open(tmp_path)
    connection = sqlite3.connect(tmp_path / "spooler.db")

    def explain(statement: str) -> str:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?")).fetchall()
        return "; ".join(row[3] for row in rows)

    yield explain
    connection.close()
    await store.close()


def test_the_statements_are_found():
    assert {
        "accept_BY_REQUEST",
        "read_UNFINISHED",
        "read_OPEN_ATTEMPTS",
        "record_UPDATE_JOB",
        "record_ENDED_BEFORE",
    } <= (STATEMENTS.keys())


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_statement_looks_at_all_rows_of_a_table(plan, name):
    steps = plan(STATEMENTS[name]).split("; ")

    assert [step for step in steps if step.startswith("SCAN") and "INDEX" not in step] == []
    assert "TEMP B-TREE" not in plan(STATEMENTS[name])


@pytest.mark.parametrize(
    ("where", "index"),
    [
        (JobFilter(printer="labels"), "jobs_by_printer"),
        (JobFilter(user="mia"), "jobs_by_user"),
        (JobFilter(states=UNFINISHED), "jobs_unfinished"),
        (JobFilter(spare=True), "jobs_spare"),
        (JobFilter(owner="till", request_id="r"), "jobs_by_request"),
        (JobFilter(), "PRIMARY KEY"),
        (JobFilter(numbers=frozenset({1, 2})), "PRIMARY KEY"),
        (JobFilter(numbers=frozenset({1}), uids=frozenset({b"u" * 16})), "MULTI-INDEX OR"),
    ],
)
@pytest.mark.parametrize("order", JobOrder)
async def test_a_page_of_a_list_is_found_by_an_index(plan, where, index, order):
    statement = read._jobs_where(where, order, 100).limit(10)

    assert index in plan(literal_sql(statement))


async def test_a_list_of_a_time_is_read_in_order_of_numbers(plan):
    where = JobFilter(created_from=datetime(2026, 1, 1, tzinfo=UTC))

    assert "PRIMARY KEY" in plan(literal_sql(read._jobs_where(where, JobOrder.OLDEST_FIRST, 100)))
