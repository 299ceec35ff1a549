"""Brings documents to a host for as long as it lives, and says what it was told is durable: for the test of power cuts."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

from portmon.document import DocInfo, DocKey
from portmon.staging.area import Staging
from portmon.staging.document import StagedFacts


def document(number: int) -> bytes:
    """Return the bytes of a document."""
    return hashlib.sha256(number.to_bytes(4, "big")).digest() * (10 + number % 90)


def facts(number: int) -> StagedFacts:
    """Return what is known of it."""
    size = len(document(number))
    key = DocKey(number.to_bytes(16, "big"), 1)
    return StagedFacts(key, "fabric", "com1:", DocInfo("labels", number, size_bytes=size), size)


def run(root: Path, saying: int) -> None:
    """Bring, order, take back, begin and end documents until killed."""
    staging = Staging(root / "staged", 1 << 30)
    for number in itertools.count(1):
        data, one = document(number), staging.take(facts(number))
        one.receive(0, data[:100])
        one.receive(100, data[100:])
        one.complete(hashlib.sha256(data).digest())
        os.write(saying, f"staged {number}\n".encode())
        one.put_in_order()
        os.write(saying, f"ordered {number}\n".encode())
        if number % 3 == 0:
            one.give_back()
            os.write(saying, f"back {number}\n".encode())
        elif number % 3 == 1:
            one.begin()
            os.write(saying, f"begun {number}\n".encode())
            one.drop()
