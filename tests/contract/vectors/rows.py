"""Rows of a vector file, what the fabric answered to each, and whether that is what the row asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.vectors.reasons import reason_for

BODY = "OK (status in body)"
# Inputs of vectors that no call of the fabric has, and why.
NOT_ON_THE_WIRE = {
    "buffer": "a call has no buffer of the caller's; its size is in max_output_bytes",
    "server": "the monitor's own EnumPorts is asked on the host itself",
    "input_size": "a JSON document has the size that it has",
    "check": "words about what to look at",
    "sequence": "words about what to do",
}


class Given(Mapping[str, Any]):
    """A row's input, which remembers what of it was looked at."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values, self._read = dict(values), set[str]()

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        self._read |= self._values.keys()  # who goes through all of it looks at all of it
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def ignored(self) -> list[str]:
        """Return what nobody looked at, but for what a call over the wire has no place for."""
        return sorted(self._values.keys() - self._read - NOT_ON_THE_WIRE.keys())


@dataclass(frozen=True, slots=True)
class Row:
    """One vector: a call, what Windows answers, and what the fabric shall answer."""

    id: str
    rule: str
    function: str
    command: str | None
    preconditions: tuple[str, ...]
    input: Mapping[str, Any]
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
        told = {"result": self.result, "expected": expected, "got": found, "reason": self.why}
        ignored = row.input.ignored() if isinstance(row.input, Given) else []
        return told | ({"ignored": ignored} if ignored else {})


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
        input=Given(one.get("input") or {}),
        native_ok=expect.get("ok"),
        native=tuple(expect.get("win32") or ()),
        out=expect.get("out") or {},
        win32=fabric.get("win32"),
        grpc=fabric.get("grpc") or "",
        notes=one.get("notes") or "",
    )


def judge(row: Row, got: Got) -> Verdict:
    """Say whether an answer is the one that the row asks of the fabric, and if Windows' is another one, why."""
    wrong = _not_asked_for(row, got) or _not_put_out(row, got)
    if wrong:
        return Verdict(row, "fails", got, wrong)
    if _is_windows(row, got):
        return Verdict(row, "holds", got, "")
    why = reason_for(row.base, row.native, got.win32)
    if not why and not row.notes:
        native = " or ".join(map(str, row.native)) or ("success" if row.native_ok else "a failure")
        return Verdict(
            row, "fails", got, f"Windows answers {native}, and nothing says why this is another one"
        )
    return Verdict(row, "differs", got, "; ".join(one for one in (why, row.notes) if one))


def _not_asked_for(row: Row, got: Got) -> str:
    """Return what is wrong with code and gRPC status; where the row asks for none, Windows' answer counts."""
    wanted = "OK" if row.grpc == BODY else row.grpc
    if row.win32 is not None and got.win32 != row.win32:
        return f"code {got.win32}, not {row.win32} ({got.text})"
    if wanted in ("", "n/a"):
        return "" if _is_windows(row, got) else f"code {got.win32}, which is none of Windows'"
    if got.grpc != wanted:
        return f"gRPC {got.grpc}, not {wanted}"
    return f"code {got.win32}: it shall succeed" if row.win32 is None and wanted == "OK" and got.win32 else ""


def _is_windows(row: Row, got: Got) -> bool:
    """Tell whether Windows answers so: its code, where it was looked at, and its BOOL."""
    # XcvData's BOOL says whether the command was delivered; its code is the monitor's.
    succeeded = got.grpc == "OK" if row.base == "XcvData" else got.win32 == 0
    return (not row.native or got.win32 in row.native) and row.native_ok in (None, succeeded)


def _not_put_out(row: Row, got: Got) -> str:
    """Return which output is not the row's. What fails here on purpose, and not in Windows, puts nothing out."""
    refused = bool(row.native_ok) and got.win32 != 0 and not _is_windows(row, got)
    for name, wanted in row.out.items():
        if refused:
            if got.out.get(name) is not None:
                return f"it failed, and yet {name} is {got.out[name]!r}"
        elif name not in got.out:
            return f"nothing shows {name}: {wanted}"
        elif not like(wanted, got.out[name]):
            return f"{name} is {got.out[name]!r}, not {wanted!r}"
    return ""


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
