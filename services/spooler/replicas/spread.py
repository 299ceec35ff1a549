"""Which printers belong together, and whose they shall be. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from spooler.printer import PortName, Printer


def groups_of(printers: Iterable[Printer]) -> list[tuple[str, ...]]:
    """Return the printers' names in groups that share ports, over any number of steps: a port has one owner."""
    group_of: dict[str, list[str]] = {}
    at_port: dict[tuple[str, str], list[str]] = {}
    for printer in printers:
        mine = group_of[printer.name] = [printer.name]
        for port in printer.ports:
            there = at_port.setdefault(_key(port), mine)
            theirs = group_of[there[0]]
            if theirs is not mine:
                mine += theirs
                group_of.update(dict.fromkeys(theirs, mine))
    return sorted({id(group): tuple(sorted(group)) for group in group_of.values()}.values())


def _key(port: PortName) -> tuple[str, str]:
    return port.key


def owner_of(group: Collection[str], members: Collection[str]) -> str:
    """Return the member that shall have a group; "" when there is none. After Thaler and Ravishankar, 1998.

    A member that comes or goes changes the owner of its own share of the groups, and of no others.
    """
    first = min(group)
    return max(members, key=lambda member: (_weight(first, member), member), default="")


def _weight(group: str, member: str) -> bytes:
    return hashlib.blake2b(f"{member}\0{group}".encode(), digest_size=8).digest()
