"""Rows of a vector file, what the fabric answered to each, and whether that is what the row asks for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BODY = "OK (status in body)"


@dataclass(frozen=True, slots=True)
class Row:
    """One vector: a call, what Windows answers, and what the fabric shall answer."""

    id: str
    rule: str
    function: str
    command: str | None
    preconditions: tuple[str, ...]
    input: dict[str, Any]
    native_ok: bool | None
    native: tuple[int, ...]
    out: dict[str, Any]
    win32: int | None
    grpc: str
    notes: str

    @property
    def base(self) -> str:
        """The function's name without what stands in parentheses behind it."""
        return self.function.partition(" (")[0]

    @property
    def flavour(self) -> str:
        """What stands in those parentheses."""
        return self.function.partition(" (")[2].rstrip(")")

    def says(self, *words: str) -> bool:
        """Tell whether a precondition contains all of some words, whatever their case."""
        return any(all(word.lower() in one.lower() for word in words) for one in self.preconditions)


@dataclass(slots=True)
class Got:
    """What the fabric answered. `out` has the outputs under the names that vectors give them."""

    win32: int
    grpc: str = "OK"
    out: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a row fared: it holds, differs on purpose (and why), or fails."""

    row: Row
    result: str
    got: Got | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return the row of build/vectors.json."""
        row, got = self.row, self.got
        expected = {"win32": row.win32, "grpc": row.grpc, "out": row.out, "native": list(row.native)}
        found = (
            None if got is None else {"win32": got.win32, "grpc": got.grpc, "out": got.out, "text": got.text}
        )
        return {"result": self.result, "expected": expected, "got": found, "reason": self.why}


def read_rows(path: Path) -> list[Row]:
    """Read a file of the format of the reference vectors."""
    return [_row(one) for one in json.loads(path.read_text("utf-8"))["vectors"]]


def _row(one: dict[str, Any]) -> Row:
    expect, fabric = one["expect"], one["fabric"]
    return Row(
        id=one["id"],
        rule=one.get("rule", ""),
        function=one["function"],
        command=one.get("command"),
        preconditions=tuple(one.get("precondition") or ()),
        input=one.get("input") or {},
        native_ok=expect.get("ok"),
        native=tuple(expect.get("win32") or ()),
        out=expect.get("out") or {},
        win32=fabric.get("win32"),
        grpc=fabric.get("grpc") or "",
        notes=one.get("notes") or "",
    )


def judge(row: Row, got: Got) -> Verdict:
    """Say whether an answer is the one that the row asks of the fabric."""
    if row.win32 is None:
        if row.grpc == "OK" and got.win32 != 0:
            return Verdict(row, "fails", got, "it shall succeed")
        if row.grpc == "OK" or not row.native or got.win32 in row.native:
            return _as_native(row, got)
        return Verdict(row, "differs", got, row.notes or "the row asks nothing of the fabric")
    if got.win32 != row.win32:
        return Verdict(row, "fails", got, f"code {got.win32} ({got.text})")
    wanted = "OK" if row.grpc == BODY else row.grpc
    if got.grpc != wanted:
        return Verdict(row, "fails", got, f"gRPC {got.grpc}, not {wanted}")
    return _as_native(row, got)


def _as_native(row: Row, got: Got) -> Verdict:
    agrees = got.win32 in row.native if row.native else row.native_ok in (None, got.win32 == 0)
    if not agrees:
        return Verdict(row, "differs", got, row.notes or row.rule)
    for name, wanted in row.out.items():
        if name not in got.out:
            return Verdict(row, "fails", got, f"nothing shows {name}: {wanted}")
        if not like(wanted, got.out[name]):
            return Verdict(row, "fails", got, f"{name} is {got.out[name]!r}, not {wanted!r}")
    return Verdict(row, "holds", got, "")


def like(wanted: Any, found: Any) -> bool:
    """Tell whether an output is as a vector writes it: a value, one of a list, `N` for any size, `<=260`, `non-zero`."""
    if isinstance(wanted, list):
        return found in wanted
    if wanted == "N":
        return isinstance(found, int) and found > 0
    if wanted == "non-zero":
        return bool(found)
    if isinstance(wanted, str) and (bound := re.fullmatch(r"([<>]=?)(\d+)", wanted)):
        number = int(bound[2])
        return bool(eval(f"{int(found)} {bound[1]} {number}"))
    return bool(wanted == found)


def size_of(text: Any, whole: int) -> int | None:
    """Return a buffer's size of a vector's words for it: a number, `N-1`, `needed`, `len+1`, `small`, `plenty`."""
    if text is None or isinstance(text, int):
        return text
    if match := re.match(r"(?:N|needed|len|size)\s*(?:([+-])\s*(\d+))?", text):
        shift = int(match[2] or 0)
        return max(0, whole - shift if match[1] == "-" else whole + shift)
    if text in ("small", "short", "too small"):
        return max(0, min(1, whole - 1))
    return whole + 256
