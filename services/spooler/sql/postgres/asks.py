"""What members ask of each other: one row each, taken once, gone with its answer."""

from __future__ import annotations

from spooler.membership import Answer, Ask
from spooler.sql.cursor import Cursor

TABLES = (
    """CREATE TABLE asks (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, asked_by BIGINT NOT NULL, asked_of BIGINT NOT NULL,
        method TEXT NOT NULL, request BYTEA NOT NULL, identity TEXT NOT NULL, taken BOOLEAN NOT NULL DEFAULT false,
        response BYTEA, status BYTEA
    )""",
)


def put(cursor: Cursor, by: int, of: int, ask: Ask) -> int:
    """Ask; return the question's number."""
    found = cursor.execute(
        "INSERT INTO asks (asked_by, asked_of, method, request, identity) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (by, of, *ask),
    )
    return int(found.fetchone()[0])


def open_for(cursor: Cursor, of: int) -> list[int]:
    """Return the questions to a member that it has not taken."""
    rows = cursor.execute("SELECT id FROM asks WHERE asked_of = ? AND NOT taken ORDER BY id", (of,))
    return [number for (number,) in rows]


def take(cursor: Cursor, of: int, number: int) -> Ask | None:
    """Return what is asked of a member, once."""
    row = cursor.execute(
        "UPDATE asks SET taken = true WHERE id = ? AND asked_of = ? AND NOT taken RETURNING method, request, identity",
        (number, of),
    ).fetchone()
    return None if row is None else Ask(row[0], bytes(row[1]), row[2])


def answer(cursor: Cursor, number: int, answer: Answer) -> int:
    """Answer; return who asked, 0 when nobody waits any more."""
    row = cursor.execute(
        "UPDATE asks SET response = ?, status = ? WHERE id = ? RETURNING asked_by", (*answer, number)
    ).fetchone()
    return 0 if row is None else int(row[0])


def take_answer(cursor: Cursor, number: int) -> Answer | None:
    """Return the answer to a question, and forget both."""
    row = cursor.execute(
        "DELETE FROM asks WHERE id = ? AND response IS NOT NULL RETURNING response, status", (number,)
    ).fetchone()
    return None if row is None else Answer(bytes(row[0]), bytes(row[1]))


def withdraw(cursor: Cursor, number: int) -> bool:
    """Forget a question that nobody has taken; False when somebody has."""
    return bool(cursor.execute("DELETE FROM asks WHERE id = ? AND NOT taken", (number,)).rowcount)


def forget_of(cursor: Cursor, member: int) -> None:
    """Forget what a member asked, and what it was asked and took: nobody will answer."""
    cursor.execute("DELETE FROM asks WHERE asked_by = ? OR asked_of = ?", (member, member))
