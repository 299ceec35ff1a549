"""A life in which nobody broke off and nothing destroys: everything is on paper, once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.simulators.grammar import GAP, SERIAL, WHOLE, copies_of

if TYPE_CHECKING:
    from tests.simulators.bookkeeping import Books


def check_undisturbed(books: Books) -> None:
    """Nobody broke off and nothing destroys: every unit that was sent is out, with all its copies, once."""
    sent: Counter[bytes] = Counter()
    for stream in books.streams.values():
        for unit in WHOLE[books.personality].findall(stream):
            found = SERIAL.search(unit)
            assert found is not None
            sent[found[1]] += copies_of(unit)
    out = Counter(unit["serial"].encode() for unit in books.units if unit["outcome"] == "printed")
    garbled = sum(unit["outcome"] == "garbled" for unit in books.units)
    assert garbled == 0 if not books.damage else garbled + sum(out.values()) <= sum(sent.values())
    assert books.damage or out == sent, f"sent and not out: {sent - out}, out and not sent: {out - sent}"
    assert books.damage or not any(loss["spans"] for loss in books.losses), books.losses
    torn = [u for u in books.units if u["outcome"] == "truncated" and "printed again" not in u["reason"]]
    assert torn == []


def only_whole(books: Books, stream: bytes) -> bool:
    """Say whether a sender has sent whole units and nothing else."""
    whole = WHOLE[books.personality]
    between = GAP[books.personality].fullmatch(whole.sub(b"", stream)) is not None
    return between and all(SERIAL.search(unit) for unit in whole.findall(stream))
