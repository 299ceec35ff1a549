"""Who has a device open, and whether this program may open it: for sentences that name a program and a group."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PTY_MASTERS = frozenset({"/dev/ptmx", "/dev/pts/ptmx"})


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that has a device open."""

    pid: int
    name: str

    @property
    def ours(self) -> bool:
        """Whether it is this one."""
        return self.pid == os.getpid()

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders_of(nodes: Iterable[str], proc: Path = _PROC) -> Mapping[str, list[Holder]]:
    """Return by node who has it open, as far as this program may see: another user's files only root sees.

    Reads /proc once for all nodes, and not at all for none; not for the event loop.
    """
    wanted: dict[str, list[str]] = {}
    for node in nodes:
        wanted.setdefault(os.path.realpath(node), []).append(node)
    found: dict[str, list[Holder]] = {node: [] for names in wanted.values() for node in names}
    if not wanted:
        return found
    for folder in proc.glob("[0-9]*"):
        files = _open_files(folder / "fd")
        far_end = not files.isdisjoint(_PTY_MASTERS)
        for target in files & wanted.keys():
            if far_end and target.startswith("/dev/pts/"):
                continue  # it is the device, not its user: a simulator, or a tunnel to a line elsewhere
            holder = Holder(int(folder.name), _name(folder))
            for node in wanted[target]:
                found[node].append(holder)
    return found


def _open_files(folder: Path) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return found


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text("utf-8", "replace").strip()[:64] or "?"
    except OSError:
        return "?"


def in_use_by(device: str, proc: Path = _PROC) -> str:
    """Return which other program, or port, has a device open, as `ModemManager (pid 812)`; "" when none is seen."""
    found = holders_of([device], proc)[device]
    others = [one for one in found if not one.ours] or _lockers(device, proc)
    names = dict.fromkeys(map(str, others))
    return ", ".join(list(names)[:3]) or ("another port of this host" if found else "")


def _lockers(device: str, proc: Path) -> list[Holder]:
    """Return who has locked a device: the kernel says that of everybody's programs."""
    try:
        node = Path(device).stat()
        lines = (proc / "locks").read_text().splitlines()
    except OSError:
        return []
    wanted = f"{os.major(node.st_dev):02x}:{os.minor(node.st_dev):02x}:{node.st_ino}"
    # 1: FLOCK  ADVISORY  WRITE 812 00:05:1234 0 EOF    proc(5); who waits for a lock has -> for a type
    pids = {int(words[4]) for line in lines if (words := line.split())[5:6] == [wanted] and words[1] != "->"}
    found = [Holder(pid, _name(proc / str(pid))) for pid in sorted(pids) if pid > 0]
    return [one for one in found if not one.ours]


def denied(mode: int, owner: tuple[int, int], uid: int, groups: Iterable[int]) -> bool:
    """Say whether a node of this mode and owner refuses a user to read or to write it. Pure."""
    wanted = stat.S_IRUSR | stat.S_IWUSR
    if uid == 0:
        return False
    if uid == owner[0]:
        return mode & wanted != wanted
    shift = 3 if owner[1] in set(groups) else 6
    return (mode << shift) & wanted != wanted


def access_problem(device: str) -> str:
    """Return why this program may not open a device, and what to do about it; "" when it may."""
    try:
        found = Path(device).stat()
    except OSError:
        return ""
    if not denied(found.st_mode, (found.st_uid, found.st_gid), os.geteuid(), [os.getegid(), *os.getgroups()]):
        return ""
    group = _group(found.st_gid)
    text = f"{device} is {stat.filemode(found.st_mode)} {_user(found.st_uid)}:{group}"
    return f"{text}, and this program runs as {_user(os.geteuid())}: put that user into group {group}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
