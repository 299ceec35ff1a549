"""Copies of frozen values: the same as `dataclasses.replace` makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from spooler.frozen import replacing
from spooler.job import Document, Job, Sender, job_with
from spooler.job_state import JobState
from spooler.ledger import Ledger, Offsets, Span, with_fields
from spooler.printer import PortName

JOB = Job(7, b"u" * 16, Document("a", "b", 3, b"d"), Sender("ada"), datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Small:
    one: int
    many: list[int] = field(default_factory=list)


@pytest.mark.parametrize(("value", "quick", "changes"), [
    (JOB, job_with, {}),
    (JOB, job_with, {"state": JobState.PROCESSING, "port": PortName("edge", "P1:"), "revision": 2}),
    (JOB, job_with, {field.name: object() for field in fields(Job)}),
    (Ledger(), with_fields, {"offsets": Offsets(1, 1), "uncertain": Span(0, 1)}),
    (Small(1, [2]), replacing(Small), {"one": 3}),
])  # fmt: skip
def test_a_copy_is_what_dataclasses_make(
    value: Any, quick: Callable[..., Any], changes: dict[str, Any]
) -> None:
    before = replace(value)
    made = quick(value, **changes)
    assert made == replace(value, **changes)
    assert type(made) is type(value)
    assert value == before


def test_what_is_not_named_is_the_same_object() -> None:
    value = Small(1, [2])
    assert replacing(Small)(value, one=3).many is value.many


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        job_with(JOB, numbr=8)


def test_a_copy_is_frozen_as_well() -> None:
    with pytest.raises(FrozenInstanceError):
        job_with(JOB, revision=2).revision = 3  # type: ignore[misc]
