"""Where a database is said to be: a password that was not written as URLs want it is in no message."""

from __future__ import annotations

import pytest

from chassis.settings_sources import SettingsError
from spooler.sql.postgres.connection import place_of


@pytest.mark.parametrize("password", ["ge%heim", "gehe/im", "gehe@im", "ge:he/im"])
def test_a_password_that_is_not_written_for_urls_is_not_repeated(password: str):
    with pytest.raises(SettingsError) as caught:
        place_of(f"postgresql://spool:{password}@db.example/print")
    assert caught.value.__context__ is None  # a traceback would show it
    said = str(caught.value)
    assert "%2F" in said
    assert "geh" not in said
    assert "ge%" not in said


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://spool:ge%25heim@db.example/print", "db.example:5432/print"),
        ("postgresql://spool:ge#he?im@db.example/print", "db.example:5432/print"),
        ("postgresql://spool:ge:heim@db.example:5433/print", "db.example:5433/print"),
        ("postgresql://one,two:1/print?target_session_attrs=read-write", "one,two:,1/print"),
        ("postgresql:///print?host=/run/postgresql", "/run/postgresql:5432/print"),
        ("host=db.example dbname=print password=ge@heim", "db.example:5432/print"),
    ],
)
def test_a_place_is_server_and_database(url: str, place: str):
    assert place_of(url) == place
