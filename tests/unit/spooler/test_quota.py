"""How full a PostgreSQL store may be: what an accepted document waits for while that is looked at."""

from __future__ import annotations

from typing import Any

from spooler.sql.postgres.filling import Quota


class _Answers:
    """A cursor that keeps what it was asked, and has `taken` bytes of documents."""

    def __init__(self, taken: int) -> None:
        self.taken = taken
        self.asked: list[str] = []

    def execute(self, statement: str) -> _Answers:
        self.asked.append(statement)
        return self

    def fetchone(self) -> tuple[int, int]:
        return (1 << 40, 1 << 30) if "pg_database_size" in self.asked[-1] else (self.taken, 0)


def test_who_accepts_a_document_does_not_wait_for_a_look_at_each_file_of_the_database():
    cursor: Any = _Answers(taken=100)
    quota = Quota(1 << 20, "here")
    assert quota.refusal(cursor, 1000) is None
    assert quota.refusal(cursor, 1 << 20) is not None
    assert len(cursor.asked) == 2
    assert not [asked for asked in cursor.asked if "pg_database_size" in asked]


def test_what_documents_take_is_what_is_not_free():
    cursor: Any = _Answers(taken=1000)
    usage = Quota(5000, "here").usage(cursor)
    assert (usage.database_bytes, usage.live_bytes, usage.free_bytes) == (1 << 40, 1000, 4000)
