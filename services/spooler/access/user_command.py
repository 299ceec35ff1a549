"""fabric-user: adds, changes and removes people with passwords, in the spooler's user file."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from chassis.identity import Role
from spooler.access import passwords, user_file
from spooler.access.user_file import NAME, ROLES, User

_EX_USAGE, _EX_DATA, _EX_CANTCREAT = 64, 65, 73


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or one of sysexits.h with a line on standard error."""
    asked = _parser().parse_args(argv)
    try:
        users = user_file.read(asked.file) if asked.file.exists() else {}
        if asked.command == "list":
            sys.stdout.writelines(f"{user.name} {user.role}\n" for user in users.values())
            return 0
        if asked.command == "remove":
            if users.pop(asked.name, None) is None:
                return _fail(_EX_DATA, f"{asked.file}: there is no user {asked.name}")
        elif NAME.fullmatch(asked.name) is None:
            return _fail(
                _EX_USAGE,
                "a name has 1 to 63 letters, digits and . _ @ -, and begins with one of the first two",
            )
        else:
            users[asked.name] = User(asked.name, Role(asked.role), passwords.hashed(_password()))
        user_file.write(asked.file, users)
    except ValueError as error:
        return _fail(_EX_DATA, str(error))
    except OSError as error:
        return _fail(_EX_CANTCREAT, f"{asked.file}: {error.strerror}")
    return 0


def _password() -> str:
    """Return the password: asked for twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("password: ")
    if getpass.getpass("again: ") != first:
        raise ValueError("the two passwords differ")
    return first


def _fail(status: int, why: str) -> int:
    sys.stderr.write(f"fabric-user: {why}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fabric-user", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="add a user, or give one another password and role")
    add.add_argument("--role", choices=[str(role) for role in ROLES], default=str(Role.ADMINISTRATOR))
    remove = commands.add_parser("remove", help="remove a user; their sessions end")
    for one in (add, remove):
        one.add_argument("name")
    for one in (add, remove, commands.add_parser("list", help="list the users")):
        one.add_argument("--file", type=Path, required=True, help="the spooler's sign_in.user_file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
