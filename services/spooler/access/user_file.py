"""People with passwords, in a file that only its owner reads: a line each, `name role scrypt$…`.

It is for the first administrator, and for the day when the OpenID provider is away. `fabric-user` writes it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from chassis import logs
from chassis.identity import Identity, Kind, Role, included
from chassis.settings_sources import SettingsError
from chassis.watched_files import WatchedFiles
from spooler.access import passwords

log = logs.get(__name__)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
ROLES = (Role.VIEWER, Role.USER, Role.OPERATOR, Role.ADMINISTRATOR)
MODE = 0o600


class User(NamedTuple):
    """A person: name, role on everything, and the password as `passwords` keeps it."""

    name: str
    role: Role
    password: str

    @property
    def identity(self) -> Identity:
        """Who it is to the fabric."""
        return Identity(Kind.LOCAL, self.name, roles=included(self.role))

    @property
    def version(self) -> str:
        """Changes with the password; sessions made under another one have ended. Tells nothing of it."""
        return hashlib.sha256(self.password.encode()).hexdigest()[:16]


def is_private(mode: int, owner: int, reader: int) -> bool:
    """Say whether a file is kept from others than `reader`, a user id.

    Root may give it to our group to read, as Kubernetes does with Secrets in a volume; PostgreSQL has the same rule for keys.
    """
    given = 0o040 if owner == 0 != reader else 0
    return not mode & 0o077 & ~given


def read(path: Path) -> dict[str, User]:
    """Return the users of a file, by name.

    Raises:
        OSError: it cannot be read.
        ValueError: others may read it, or a line is none of ours; the message names the line, never what it holds.
    """
    found = path.stat()
    if not is_private(found.st_mode, found.st_uid, os.geteuid()):
        raise ValueError(f"{path}: others may read it; chmod 600 {path}")
    users = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        try:
            name, role, password = words
            passwords.parsed(password)
            user = User(name, Role(role), password)
        except ValueError as error:
            raise ValueError(f"{path}: line {number}: not `name role scrypt$...`") from error
        if NAME.fullmatch(name) is None or user.role not in ROLES or name in users:
            raise ValueError(f"{path}: line {number}: a name twice, or a name or role that nobody can have")
        users[name] = user
    return users


def write(path: Path, users: dict[str, User]) -> None:
    """Replace a file whole, readable by its owner only."""
    text = "# name role password; written by fabric-user\n"
    text += "".join(f"{user.name} {user.role} {user.password}\n" for user in users.values())
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


class UserFile:
    """The users of a file, read again when it changes.

    Raises:
        SettingsError: at the start, for a file that cannot be used. Later the old users stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = WatchedFiles([path])
        self._files.changed()
        try:
            self._users = read(path)
        except OSError as error:
            raise SettingsError(f"sign_in.user_file: {path}: {error.strerror}") from error
        except ValueError as error:
            raise SettingsError(f"sign_in.user_file: {error}") from error

    def get(self, name: str) -> User | None:
        """Return a user."""
        self._look()
        return self._users.get(name)

    def all(self) -> Sequence[User]:
        """Return all users."""
        self._look()
        return list(self._users.values())

    def _look(self) -> None:
        if self._files.changed():
            try:
                self._users = read(self._path)
            except (OSError, ValueError) as error:
                log.warning(
                    "user file cannot be read, the old users stay", file=str(self._path), error=str(error)
                )
