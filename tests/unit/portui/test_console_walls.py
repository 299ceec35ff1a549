"""Screens that nobody signs in at: let in by a key of a file, to the wall alone, until its line or its day is gone."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portui.person import Opened, Person, SignInOptions
from portui.web.doorman import Doorman
from portui.web.security import WALL
from portui.web.threshold import Threshold
from portui.web.walls import Walls
from tests.unit.portui import page_rig
from tests.unit.portui.page_rig import Answers, console_over
from tests.unit.portui.test_console_words import live, port

KEY, OTHER = "k" * 43, "o" * 43


def line(key: str, *words: str) -> str:
    return " ".join([hashlib.sha256(key.encode()).hexdigest(), *words]) + "\n"


class File:
    """The file of walls, each change of which has a time of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self._at = path, 1_000_000_000

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self._at += 1
        os.utime(self.path, ns=(self._at, self._at))


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "walls")


def test_a_screen_is_let_in_by_its_key_and_by_no_other(file: File):
    file.write("# the dock's\n" + line(KEY, "dock"))
    walls = Walls(file.path)
    found = walls.by_key(KEY)
    assert found is not None
    assert (found.name, found.ends, found.person.role) == ("dock", None, "viewer")
    assert walls.by_hash(found.key_hash) == found
    for other in (OTHER, "", found.key_hash, KEY + " ", "short"):
        assert walls.by_key(other) is None
    assert KEY not in file.path.read_text()


def test_a_line_that_is_taken_out_or_a_file_that_is_gone_closes_the_screen(file: File):
    walls = Walls(file.path)
    assert walls.by_key(KEY) is None
    file.write(line(KEY, "dock") + line(OTHER, "lobby"))
    assert [one.name for one in walls.all()] == ["dock", "lobby"]
    file.write(line(OTHER, "lobby"))
    assert walls.by_key(KEY) is None
    assert walls.by_key(OTHER) is not None
    file.path.unlink()
    assert walls.all() == []
    file.write(line(KEY, "dock"))
    assert walls.by_key(KEY) is not None


def test_a_screen_ends_on_its_day(file: File):
    file.write(line(KEY, "dock", "2026-12-01"))
    now = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert Walls(file.path, lambda: now).by_key(KEY) is not None
    assert (
        Walls(file.path, lambda: now.replace(day=1, month=12, hour=0, minute=0, second=0)).by_key(KEY) is None
    )


@pytest.mark.parametrize(
    "wrong",
    [
        KEY + " dock",
        line(KEY),
        line(KEY, "dock", "soon"),
        line(KEY, "dock", "2026-12-01", "more"),
        line(KEY, "d" * 41),
    ],
)
def test_a_line_that_is_none_lets_nobody_in_and_the_others_stay(file: File, wrong: str):
    file.write(wrong + "\n" + line(OTHER, "lobby"))
    assert [one.name for one in Walls(file.path).all()] == ["lobby"]


def test_a_file_that_is_no_text_lets_nobody_in(file: File):
    file.write("")
    file.path.write_bytes(b"\xff\xfe")
    assert Walls(file.path).all() == []


# --- at the threshold


class Nobody:
    """A spooler at which nobody has signed in."""

    async def options(self) -> SignInOptions:
        return SignInOptions(True, True, ())

    async def by_password(self, user: str, password: str) -> Opened:
        raise AssertionError

    async def by_id_token(self, token: str, nonce: str) -> Opened:
        raise AssertionError

    async def end(self, token: str) -> None:
        raise AssertionError

    async def who(self, token: str) -> Person:
        raise AssertionError


async def asked(doorman: Doorman, method: str, path: str, cookie: str) -> tuple[int, Person | None]:
    """Return the status of the answer, and who it was given to if the console answered."""
    seen: list[Any] = []

    async def console(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope["person"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"host", b"localhost"), (b"cookie", f"{WALL}={cookie}".encode()), (b"accept", b"text/html")]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "scheme": "http",
    }  # fmt: skip
    await Threshold(console, doorman)(scope, receive, send)
    return statuses[0], (seen[0] if seen else None)


@pytest.fixture
async def doorman(file: File) -> Doorman:
    file.write(line(KEY, "dock"))
    found = Doorman(Nobody(), always=True, walls=Walls(file.path))
    await found.ask()
    return found


def cookie_of(doorman: Doorman, key: str = KEY) -> str:
    return doorman.seals.seal({"k": "wall", "h": hashlib.sha256(key.encode()).hexdigest()})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/wall", 200),
        ("GET", "/live", 200),
        ("POST", "/wall", 401),
        ("GET", "/", 303),
        ("GET", "/ports", 303),
        ("GET", "/settings/audit.csv", 303),
        ("POST", "/jobs/1/act", 401),
        ("GET", "/wall/x", 303),
    ],
)
async def test_a_screen_sees_the_wall_and_nothing_else(doorman: Doorman, method: str, path: str, status: int):
    found, person = await asked(doorman, method, path, cookie_of(doorman))
    assert found == status
    assert (person is not None and person.name == "dock") is (status == 200)


async def test_a_screen_whose_line_is_gone_is_led_to_the_door_and_its_stream_ends(
    doorman: Doorman, file: File
):
    wall, cookie = doorman.walls.by_key(KEY), cookie_of(doorman)
    assert await doorman.still(None, wall)
    file.write("")
    assert not await doorman.still(None, wall)
    assert (await asked(doorman, "GET", "/wall", cookie))[0] == 303


async def test_what_is_sealed_for_another_thing_or_by_another_console_opens_no_wall(
    doorman: Doorman, file: File
):
    others = Doorman(Nobody(), always=True, walls=Walls(file.path))
    for cookie in ("", "x", cookie_of(others), doorman.seals.session("t", 9e9), cookie_of(doorman, OTHER)):
        assert (await asked(doorman, "GET", "/wall", cookie))[0] == 303


async def test_a_screen_brings_its_key_once_and_sees_the_wall_from_then_on(file: File):
    file.write(line(KEY, "dock", "2099-01-01"))
    console = console_over(
        live(port("COM1:")), Answers(), Doorman(Nobody(), always=True, walls=Walls(file.path))
    )
    await console.doorman.ask()
    door = await page_rig.asked(console, "GET", "/wall/in")
    form = {"token": door.text.partition('name="token" value="')[2].partition('"')[0], "key": OTHER}
    wrong = await page_rig.asked(console, "POST", "/wall/in", form, door.cookies)
    assert (wrong.status, "That key opens no wall" in wrong.text, wrong.cookies) == (401, True, {})
    right = await page_rig.asked(console, "POST", "/wall/in", form | {"key": KEY}, door.cookies)
    assert (right.status, right.headers["location"]) == (303, "/wall")
    assert "HttpOnly" in right.headers["set-cookie"]
    assert "samesite=strict" in right.headers["set-cookie"].lower()
    assert KEY not in right.headers["set-cookie"]
    shown = await page_rig.asked(console, "GET", "/wall", None, right.cookies)
    assert (shown.status, "COM1:" in shown.text, "/sign-out" in shown.text) == (200, True, False)
    without_token = await page_rig.asked(console, "POST", "/wall/in", {"key": KEY}, door.cookies)
    assert (without_token.status, without_token.cookies) == (403, {})
