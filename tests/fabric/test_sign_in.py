"""People sign in with a password and get a session; the spooler decides by it what they may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chassis import auth_errors, errors
from chassis.identity import Role
from chassis.settings import AccessSettings
from printfabric.spooler.v1 import access_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from spooler.access import passwords, user_file
from spooler.access.user_file import User
from tests.fabric.spooler_rig import SpoolerRig, spooler_running

NEVER = AccessSettings(trust_loopback="never")
# Small numbers: the true ones take a fifth of a second for each try.
CHEAP = passwords.hashed("correct horse", n=16, p=1)


@pytest.fixture(autouse=True)
def _look_at_files_at_once(monkeypatch):
    monkeypatch.setattr("chassis.watched_files._PAUSE_S", 0.0)


def users(folder: Path, **roles: Role) -> Path:
    path = folder / "users"
    user_file.write(path, {name: User(name, role, CHEAP) for name, role in roles.items()})
    return path


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def sign_in(rig: SpoolerRig, user: str, password: str = "correct horse") -> Any:
    return await rig.access.SignIn(pb.SignInRequest(password=pb.Password(user=user, password=password)))


async def test_a_user_signs_in_does_what_the_role_allows_and_signs_out(tmp_path):
    path = users(tmp_path, ada=Role.ADMINISTRATOR, vera=Role.VIEWER)
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        await rig.add_printer("labels")
        pause = printers_pb.PausePrinterRequest(name="printers/labels")
        with pytest.raises(errors.Unauthenticated):
            await rig.printers.PausePrinter(pause)
        session = await sign_in(rig, "ada")
        mine = bearer(session.session_token)
        await rig.printers.PausePrinter(pause, metadata=mine)
        who = await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=mine)
        assert (who.caller.kind, who.caller.name) == (pb.CALLER_KIND_LOCAL, "ada")
        assert (who.caller.owner, who.caller.display_name) == ("local:ada", "local:ada")
        assert list(who.caller.roles) == [
            pb.ROLE_VIEWER,
            pb.ROLE_USER,
            pb.ROLE_OPERATOR,
            pb.ROLE_ADMINISTRATOR,
        ]
        assert who.expire_time == session.expire_time

        hers = bearer((await sign_in(rig, "vera")).session_token)
        with pytest.raises(errors.AccessDenied):
            await rig.printers.PausePrinter(pause, metadata=hers)

        await rig.access.SignOut(pb.SignOutRequest(), metadata=mine)
        with pytest.raises(auth_errors.SessionEnded):
            await rig.printers.PausePrinter(pause, metadata=mine)
        await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=hers)


async def test_a_wrong_password_and_an_unknown_user_are_refused_with_the_same_words(tmp_path):
    path = users(tmp_path, ada=Role.ADMINISTRATOR)
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        said = []
        for user, password in (("ada", "guess"), ("eve", "correct horse"), ("ada", ""), ("", "x" * 5000)):
            with pytest.raises(auth_errors.WrongPassword) as refused:
                await sign_in(rig, user, password)
            said.append((refused.value.message, refused.value.code, refused.value.metadata))
        assert said == [said[0]] * 4
        assert said[0][1] == "UNAUTHENTICATED"


async def test_who_guesses_too_often_has_to_wait(tmp_path):
    path = users(tmp_path, ada=Role.ADMINISTRATOR)
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        for _ in range(5):
            with pytest.raises(auth_errors.WrongPassword):
                await sign_in(rig, "ada", "guess")
        with pytest.raises(auth_errors.TooManyRequests) as refused:
            await sign_in(rig, "ada")
        assert refused.value.code == "RESOURCE_EXHAUSTED"
        assert 1 <= int(refused.value.metadata["retry_after_s"]) <= 60


async def test_a_session_lives_through_a_restart_and_ends_with_its_user_or_password(tmp_path):
    path = users(tmp_path, ada=Role.ADMINISTRATOR, olga=Role.OPERATOR)
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        ada, olga, gone = [(await sign_in(rig, name)).session_token for name in ("ada", "olga", "ada")]
        await rig.access.SignOut(pb.SignOutRequest(), metadata=bearer(gone))
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        for token in (ada, olga):
            await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(token))
        with pytest.raises(auth_errors.SessionEnded):
            await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(gone))
        user_file.write(
            path, {"ada": User("ada", Role.ADMINISTRATOR, passwords.hashed("a new one", n=16, p=1))}
        )
        for token in (ada, olga):
            with pytest.raises(auth_errors.SessionEnded):
                await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(token))


async def test_a_token_that_somebody_changed_is_no_session(tmp_path):
    path = users(tmp_path, vera=Role.VIEWER)
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        token = (await sign_in(rig, "vera")).session_token
        prefix, content, mac = token.split(".")
        other = content[:10] + ("A" if content[10] != "A" else "B") + content[11:]
        for wrong in (
            f"{prefix}.{other}.{mac}",
            f"{prefix}.{content}.",
            f"{prefix}.{content}",
            f"{prefix}..{mac}",
        ):
            with pytest.raises(auth_errors.TokenInvalid):
                await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(wrong))


async def test_on_loopback_nobody_has_to_sign_in(tmp_path):
    async with spooler_running(tmp_path) as rig:
        options = await rig.access.GetSignInOptions(pb.GetSignInOptionsRequest())
        who = await rig.access.WhoAmI(pb.WhoAmIRequest())
    assert not options.needed
    assert not options.local
    assert who.caller.kind == pb.CALLER_KIND_LOOPBACK
    assert pb.ROLE_ADMINISTRATOR in who.caller.roles


async def test_who_is_not_known_is_told_so_and_how_to_sign_in(tmp_path):
    path = users(tmp_path, ada=Role.ADMINISTRATOR)
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        options = await rig.access.GetSignInOptions(pb.GetSignInOptionsRequest())
        who = await rig.access.WhoAmI(pb.WhoAmIRequest())
    assert options.needed
    assert options.local
    assert who.caller.kind == pb.CALLER_KIND_NOBODY
    assert list(who.caller.roles) == []


async def test_without_users_no_password_opens_anything(tmp_path):
    async with spooler_running(tmp_path, access=NEVER) as rig:
        with pytest.raises(auth_errors.WrongPassword):
            await sign_in(rig, "ada")
        with pytest.raises(errors.InvalidArgument):
            await rig.access.SignIn(pb.SignInRequest())


async def test_who_came_was_changed_or_went_in_the_user_file_is_in_the_history_once(tmp_path):
    async def lines(rig: SpoolerRig) -> list[tuple[str, str]]:
        return [
            (one.what, one.detail) for one in await rig.store.history_by_people() if one.who == "user file"
        ]

    path = users(tmp_path, ada=Role.ADMINISTRATOR, vera=Role.VIEWER)
    came = [("user-added", "ada: administrator"), ("user-added", "vera: viewer")]
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        await sign_in(rig, "ada")
        assert await lines(rig) == came
        changed = User("vera", Role.OPERATOR, passwords.hashed("staple", n=16, p=1))
        user_file.write(path, {"vera": changed})
        await sign_in(rig, "vera", "staple")
        later = [("user-removed", "ada"), ("user-changed", "vera: viewer -> operator, another password")]
        assert await lines(rig) == came + later
    user_file.write(path, {})  # nobody looks
    async with spooler_running(tmp_path / "s", access=NEVER, user_file=path) as rig:
        assert await lines(rig) == [*came, *later, ("user-removed", "vera")]
