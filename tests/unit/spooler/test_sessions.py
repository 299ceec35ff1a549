from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from chassis.auth_errors import SessionEnded, TokenExpired, TokenInvalid
from chassis.errors import EtagMismatch
from chassis.identity import NOBODY, Identity, Kind
from spooler.access import spent_list
from spooler.access.sessions import Sessions
from spooler.access.spent_list import SpentList
from spooler.job import HistoryEvent

ADA = Identity(Kind.OIDC, "ada", frozenset({"admins"}))
CONSOLE = Identity(Kind.CERTIFICATE, "spiffe://fabric/console")


class FakeNotes:
    """Keeps notes as a store does, in memory; others may write in between."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.writes = 0

    async def get_note(self, key: str) -> str | None:
        found = self.kept.get(key)
        await asyncio.sleep(0)  # somebody else's turn
        return found

    async def put_note(
        self, key: str, value: str, expected: str | None, history: Sequence[HistoryEvent] = ()
    ) -> None:
        if self.kept.get(key) != expected:
            raise EtagMismatch("another wrote in between")
        self.kept[key] = value
        self.writes += 1


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(spent_list, "_FRESH_S", 0.0)


async def test_spoolers_of_one_store_believe_each_others_sessions():
    notes = FakeNotes()
    first, second = await asyncio.gather(Sessions.open(notes), Sessions.open(notes))
    token = first.mint(ADA, 60, NOBODY)
    assert await second.verify(token, NOBODY) == ADA
    stranger = await Sessions.open(FakeNotes())
    with pytest.raises(TokenInvalid):
        await stranger.verify(token, NOBODY)


@pytest.mark.usefixtures("at_once")
async def test_a_session_that_ended_at_one_spooler_has_ended_at_all():
    notes = FakeNotes()
    first, second = await Sessions.open(notes), await Sessions.open(notes)
    token, other = first.mint(ADA, 60, NOBODY), first.mint(ADA, 60, NOBODY)
    session = first.read(token)
    assert session is not None
    assert await second.verify(token, NOBODY) == ADA
    await first.end(session)
    for spooler in (first, second):
        with pytest.raises(SessionEnded):
            await spooler.verify(token, NOBODY)
        assert await spooler.verify(other, NOBODY) == ADA


async def test_a_session_runs_out():
    sessions = await Sessions.open(FakeNotes())
    with pytest.raises(TokenExpired):
        await sessions.verify(sessions.mint(ADA, -1, NOBODY), NOBODY)


async def test_a_session_over_a_certificate_is_good_over_that_one_only():
    sessions = await Sessions.open(FakeNotes())
    token = sessions.mint(ADA, 60, CONSOLE)
    assert await sessions.verify(token, CONSOLE) == ADA
    for other in (NOBODY, Identity(Kind.CERTIFICATE, "thief"), Identity(Kind.TOKEN, CONSOLE.name)):
        with pytest.raises(TokenInvalid, match="another service"):
            await sessions.verify(token, other)


async def test_a_local_users_session_needs_the_user():
    sessions = await Sessions.open(FakeNotes())
    with pytest.raises(SessionEnded):
        await sessions.verify(sessions.mint(Identity(Kind.LOCAL, "ada"), 60, NOBODY, "v"), NOBODY)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "pfs.x.y"])
async def test_what_is_no_session_is_left_to_others(token):
    assert await (await Sessions.open(FakeNotes())).verify(token, NOBODY) is None


@pytest.mark.parametrize("token", ["pfs1.", "pfs1..", "pfs1.e30.x", "pfs1.ä.ö", "pfs1." + "x" * 9000])
async def test_what_looks_like_a_session_and_is_not_signed_is_refused_unread(token):
    with pytest.raises(TokenInvalid):
        await (await Sessions.open(FakeNotes())).verify(token, NOBODY)


async def test_a_name_is_spent_once_however_many_try_at_once():
    notes, soon = FakeNotes(), int(time.time()) + 60
    lists = [SpentList(notes, "spent") for _ in range(8)]
    added = await asyncio.gather(*(one.add("token", soon) for one in lists))
    assert added.count(True) == 1
    assert await SpentList(notes, "spent").has("token")
    others = await asyncio.gather(*(one.add(f"token-{number}", soon) for number, one in enumerate(lists)))
    assert all(others)


async def test_what_has_run_out_is_forgotten_and_the_list_is_bounded(monkeypatch):
    monkeypatch.setattr(spent_list, "_MOST", 3)
    notes, now = FakeNotes(), int(time.time())
    spent = SpentList(notes, "spent")
    await spent.add("old", now - 1)
    for number in range(5):
        await spent.add(f"n{number}", now + 100 + number)
    assert "old" not in notes.kept["spent"]
    assert [name for name in ("n0", "n1", "n2", "n3", "n4") if name in notes.kept["spent"]] == [
        "n2",
        "n3",
        "n4",
    ]
