"""A fabric whose people sign in: a spooler that trusts nobody, a real OpenID provider, and a console in front."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chassis.identity import Role
from spooler.access import passwords, user_file
from spooler.access.user_file import User
from tests.rig.openid_provider import CLIENT, openid_provider
from tests.rig.programs import Program, wait_for_listener
from tests.surroundings import free_port

PASSWORD = "correct horse"
_TOKEN = "the console's own"


class Guarded:
    """It runs. `web` is the console's address."""

    def __init__(self, web: str, settings: str) -> None:
        self.web = web
        self._settings = settings

    @contextmanager
    def another_console(self, folder: Path) -> Iterator[tuple[Program, str]]:
        """Run a second console with the same key; yield it and its address."""
        web = f"127.0.0.1:{free_port()}"
        program = Program("portui", folder, self._settings.replace(self.web.removeprefix("http://"), web))
        try:
            program.start()
            wait_for_listener(web)
            yield program, f"http://{web}"
        finally:
            program.stop()


@contextmanager
def guarded(folder: Path) -> Iterator[Guarded]:
    """Run it. Ada administrates and vera looks, by password; olga operates, by the provider's group."""
    cheap = passwords.hashed(PASSWORD, n=16, p=1)
    users = {"ada": User("ada", Role.ADMINISTRATOR, cheap), "vera": User("vera", Role.VIEWER, cheap)}
    user_file.write(folder / "users", users)
    (folder / "tokens").write_text(f"{hashlib.sha256(_TOKEN.encode()).hexdigest()} console\n", "utf-8")
    (folder / "console.token").write_text(_TOKEN, "utf-8")
    (folder / "session.key").write_bytes(b"k" * 40)
    with openid_provider({"olga": ["warehouse"], "eve": []}) as provider:
        spooler = Program("spooler", folder, _spooler(folder, provider.issuer))
        web = f"127.0.0.1:{free_port()}"
        console: Program | None = None
        try:
            spooler.start()
            settings = _console(folder, provider.issuer, spooler.address, web)
            console = Program("portui", folder, settings)
            console.start()
            wait_for_listener(web)
            yield Guarded(f"http://{web}", settings)
        finally:
            if console is not None:
                console.stop()
            spooler.stop()


def _spooler(folder: Path, issuer: str) -> str:
    return f"""
state_dir = "{folder / "state"}"
spooler_id = "door"
everybody = "none"
[server.access]
trust_loopback = "never"
token_file = "{folder / "tokens"}"
[server.access.roles]
viewer = ["token:console"]
operator = ["group:warehouse"]
[[server.access.oidc]]
issuer = "{issuer}"
audiences = ["{CLIENT}"]
[sign_in]
user_file = "{folder / "users"}"
"""


def _console(folder: Path, issuer: str, spooler: str, web: str) -> str:
    return f"""
spooler = "{spooler}"
web_listen = "{web}"
session_key_file = "{folder / "session.key"}"
[channel]
token_file = "{folder / "console.token"}"
[oidc]
issuer = "{issuer}"
client_id = "{CLIENT}"
client_secret = "secret"
title = "the company"
"""
