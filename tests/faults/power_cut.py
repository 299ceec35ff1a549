"""A disk that loses its power: what a program wrote is put together again as far as it was synced, and no further.

`power_cut.c` writes down every file operation in its order. From a beginning of that log the disk is made anew: synced
writes are there; of the others none, or some, in whole sectors. Names come and go as on ext4 and XFS: a new file is
there once it, or its folder, was synced; renamed and removed ones once the folder was.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MARK = range(1, 7)
_HEAD = struct.Struct("=4I2Q")
_SECTOR = 512


class Op(NamedTuple):
    """One file operation; `offset` is the size of a truncation."""

    kind: int
    path: str
    other: str
    offset: int
    data: bytes


def compile_shim(folder: Path, name: str = "power_cut.c") -> Path | None:
    """Return a shim of this folder's, compiled into another; None without a C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    source = Path(__file__).with_name(name)
    shim = folder / f"{source.stem}.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl", "-lpthread"], check=True
    )
    return shim


def environment(shim: Path, root: Path, log: Path, mark: int) -> dict[str, str]:
    """Return the environment in which a program's file operations below `root` are written down."""
    return os.environ | {
        "LD_PRELOAD": str(shim),
        "POWER_ROOT": str(root),
        "POWER_LOG": str(log),
        "POWER_MARK": str(mark),
    }


def read_log(log: Path) -> Iterator[Op]:
    """Yield the operations; a last one that is torn is left out."""
    content = log.read_bytes()
    at = 0
    while at + _HEAD.size <= len(content):
        kind, path, other, _, offset, size = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        if at + path + other + size > len(content):
            return
        names = content[at : at + path].decode(), content[at + path : at + path + other].decode()
        at += path + other
        yield Op(kind, *names, offset, content[at : at + size])
        at += size


class Disk:
    """The files below `root`: what the program sees, and what is on the platter; at first what is in `start`."""

    def __init__(self, root: Path, start: Path) -> None:
        self._root = root
        self._next = 0
        self._seen: dict[str, int] = {}  # name -> file
        self._named: dict[str, int] = {}  # … durable
        self._synced: dict[int, bytearray] = {}
        self._pending: dict[int, list[Op]] = defaultdict(list)
        self._names: list[Op] = []  # renames and removals that are not durable
        for path in start.rglob("*"):
            if path.is_file():
                name = str(root / path.relative_to(start))
                number = self._named[name] = self._file(name)
                self._synced[number] = bytearray(path.read_bytes())

    def _file(self, path: str) -> int:
        if path not in self._seen:
            self._seen[path] = self._next
            self._next += 1
        return self._seen[path]

    def do(self, op: Op) -> None:
        """Follow one operation."""
        if op.kind in (WRITE, TRUNCATE):
            self._pending[self._file(op.path)].append(op)
        elif op.kind == SYNC and Path(op.path).is_dir():
            self._sync_folder(op.path)
        elif op.kind == SYNC:
            number = self._file(op.path)
            self._named.setdefault(op.path, number)
            content = self._synced.setdefault(number, bytearray())
            for each in self._pending.pop(number, []):
                _apply(content, each)
        elif op.kind == RENAME:
            self._seen[op.other] = self._seen.pop(op.path, self._next)
            self._names.append(op)
        elif op.kind == UNLINK and op.path in self._seen:
            del self._seen[op.path]
            self._names.append(op)

    def _sync_folder(self, folder: str) -> None:
        for path, number in self._seen.items():
            if str(Path(path).parent) == folder:
                self._named.setdefault(path, number)
        rest = []
        for op in self._names:
            if str(Path(op.path).parent) == folder:
                self._name(self._named, op)
            else:
                rest.append(op)
        self._names = rest

    @staticmethod
    def _name(names: dict[str, int], op: Op) -> None:
        if op.kind == UNLINK:
            names.pop(op.path, None)
        elif op.path in names:
            names[op.other] = names.pop(op.path)

    def lose_power(self, target: Path, dice: random.Random | None) -> None:
        """Write what is left to `target`: nothing that was not synced, or with `dice` some of it, in sectors."""
        names = dict(self._named)
        for op in self._names[: dice.randrange(len(self._names) + 1) if dice else 0]:
            self._name(names, op)
        for path, number in names.items():
            content = bytearray(self._synced.get(number, b""))
            for op in self._pending.get(number, []) if dice else []:
                assert dice is not None
                _apply_some(content, op, dice)
            place = target / Path(path).relative_to(self._root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def _apply(content: bytearray, op: Op) -> None:
    if op.kind == TRUNCATE:
        del content[op.offset :]
        content.extend(bytes(op.offset - len(content)))
        return
    end = op.offset + len(op.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[op.offset : end] = op.data


def _apply_some(content: bytearray, op: Op, dice: random.Random) -> None:
    if op.kind == TRUNCATE:
        if dice.random() < 0.5:
            _apply(content, op)
        return
    for start in range(0, len(op.data), _SECTOR):
        if dice.random() < 0.5:
            _apply(content, op._replace(offset=op.offset + start, data=op.data[start : start + _SECTOR]))
