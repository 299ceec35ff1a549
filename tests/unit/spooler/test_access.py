from __future__ import annotations

import io
import stat
import sys

import pytest

from chassis.auth_errors import TooManyRequests
from chassis.identity import Kind, Role, included
from chassis.settings_sources import SettingsError
from chassis.tries import Tries
from spooler.access import passwords, user_command, user_file
from spooler.access.user_file import User, UserFile


def cheap(password: str) -> str:
    """Return a line with small numbers: the true ones take a fifth of a second each."""
    return passwords.hashed(password, n=16, p=1)


@pytest.fixture(autouse=True)
def _look_at_files_at_once(monkeypatch):
    monkeypatch.setattr("chassis.watched_files._PAUSE_S", 0.0)


# --- passwords


def test_a_password_fits_its_own_line_and_no_other():
    line = cheap("correct horse")
    assert passwords.fits("correct horse", line)
    assert not passwords.fits("correct horse ", line)
    assert not passwords.fits("", line)
    assert "horse" not in line
    assert line != cheap("correct horse")


def test_what_is_compared_for_nobody_costs_as_much_as_a_true_password_and_fits_none():
    assert passwords.parsed(passwords.NOBODYS)[:3] == passwords.parsed(passwords.hashed("x"))[:3]
    assert not passwords.fits("x", passwords.NOBODYS)


@pytest.mark.parametrize(
    "line",
    [
        "", "scrypt", "md5$16$8$1$MDEy$MDEy", "scrypt$16$8$1$MDEy", "scrypt$16$8$1$MDEy$MDEy$", "scrypt$15$8$1$MDEy$MDEy",
        "scrypt$16$0$1$MDEy$MDEy", "scrypt$16$8$17$MDEy$MDEy", "scrypt$1048576$8$1$MDEy$MDEy", "scrypt$16$8$1$!$MDEy",
        "scrypt$x$8$1$MDEy$MDEy", "scrypt$-16$8$1$MDEy$MDEy",
    ],
)  # fmt: skip
def test_a_line_that_is_none_of_ours_or_asks_for_much_memory_is_refused(line):
    with pytest.raises(ValueError, match=r".+"):
        passwords.fits("x", line)


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_a_password_has_bounds(password):
    with pytest.raises(ValueError, match="1 to 1024"):
        passwords.hashed(password)
    assert not passwords.fits("x" * 1025, cheap("x"))


# --- the file


def test_a_user_file_is_its_owners_alone_and_read_again_when_it_changes(tmp_path):
    path = tmp_path / "users"
    user_file.write(path, {"ada": User("ada", Role.ADMINISTRATOR, cheap("a"))})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    users = UserFile(path)
    ada = users.get("ada")
    assert ada is not None
    assert (ada.identity.kind, ada.identity.roles) == (Kind.LOCAL, included(Role.ADMINISTRATOR))
    assert users.get("eve") is None

    user_file.write(path, {"ada": User("ada", Role.VIEWER, cheap("a"))})
    changed = users.get("ada")
    assert changed is not None
    assert (changed.role, changed.version == ada.version) == (Role.VIEWER, False)

    path.write_text("nonsense\n")
    assert users.get("ada") == changed


@pytest.mark.parametrize(
    "text",
    [
        "ada", "ada administrator", "ada administrator plain", "ada king {line}", "ada spooler {line}",
        "a/b viewer {line}", "ada viewer {line}\nada viewer {line}", "ada viewer {line} more",
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_by_its_number_and_never_shown(tmp_path, text):
    path, line = tmp_path / "users", cheap("a")
    path.write_text("# people\n" + text.format(line=line) + "\n")
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=r"sign_in\.user_file: .*users: line [23]: ") as refused:
        UserFile(path)
    assert "scrypt$16" not in str(refused.value)
    assert "plain" not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "users"
    user_file.write(path, {})
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        UserFile(path)
    with pytest.raises(SettingsError, match="No such file"):
        UserFile(tmp_path / "none")


@pytest.mark.parametrize(
    ("mode", "owner", "reader", "private"),
    [
        (0o600, 65532, 65532, True), (0o400, 0, 0, True), (0o440, 65532, 65532, False), (0o440, 0, 0, False),
        (0o440, 0, 65532, True), (0o640, 0, 65532, True), (0o660, 0, 65532, False), (0o444, 0, 65532, False),
        (0o440, 1000, 65532, False),
    ],
)  # fmt: skip
def test_only_root_may_give_the_file_to_our_group_to_read(mode, owner, reader, private):
    assert user_file.is_private(stat.S_IFREG | mode, owner, reader) is private


# --- the command


def run(monkeypatch, *words: str, said: str = "") -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(said))
    return user_command.main(words)


def test_the_command_makes_the_file_and_the_spooler_takes_the_password(tmp_path, monkeypatch, capsys):
    path = tmp_path / "users"
    file = ("--file", str(path))
    assert run(monkeypatch, "add", "ada", *file, said="correct horse\n") == 0
    assert run(monkeypatch, "add", "olga", "--role", "operator", *file, said="other\n") == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ada = UserFile(path).get("ada")
    assert ada is not None
    assert ada.role is Role.ADMINISTRATOR
    assert passwords.fits("correct horse", ada.password)
    assert run(monkeypatch, "list", *file) == 0
    assert capsys.readouterr().out == "ada administrator\nolga operator\n"
    assert run(monkeypatch, "remove", "ada", *file) == 0
    assert UserFile(path).get("ada") is None
    assert "horse" not in path.read_text()


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (("add", "ada"), "", 65),
        (("add", "a b"), "x\n", 64),
        (("remove", "eve"), "", 65),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(
    tmp_path, monkeypatch, capsys, words, said, status
):
    path = tmp_path / "users"
    assert run(monkeypatch, *words, "--file", str(path), said=said) == status
    assert capsys.readouterr().err.startswith("fabric-user: ")
    assert not path.exists()


# --- how often


def test_tries_come_in_a_burst_and_then_one_each_interval():
    now = [100.0]
    tries = Tries(3, 10.0, clock=lambda: now[0])
    for _ in range(3):
        tries.count("ada", "tries")
    with pytest.raises(TooManyRequests, match="too many tries") as refused:
        tries.count("ada", "tries")
    assert refused.value.metadata["retry_after_s"] == "10"
    tries.count("eve", "tries")
    now[0] += 10.0
    tries.count("ada", "tries")
    with pytest.raises(TooManyRequests):
        tries.count("ada", "tries")
    tries.forgive("ada")
    for _ in range(3):
        tries.count("ada", "tries")


def test_tries_remember_a_bounded_number_of_keys(monkeypatch):
    monkeypatch.setattr("chassis.tries._REMEMBERED", 2)
    tries = Tries(1, 10.0, clock=lambda: 0.0)
    for key in ("a", "b", "c"):
        tries.count(key, "tries")
    tries.count("a", "tries")
    with pytest.raises(TooManyRequests):
        tries.count("c", "tries")
