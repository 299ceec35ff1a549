"""Copies of frozen values with other fields, at a third of what `dataclasses.replace` takes. Pure.

That one asks each field whether it may be given, and then sets them all through `object.__setattr__`, which looks each
up by its name. A job is copied four times on its way to paper, its ledgers six.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def replacing(cls: type[T]) -> Callable[..., T]:
    """Return `dataclasses.replace` for values of one frozen class with slots and without `__post_init__`.

    The copy is written as code, field by field, as `dataclasses` writes `__init__`.
    """
    setters = {field.name: getattr(cls, field.name).__set__ for field in fields(cls)}  # type: ignore[arg-type]
    lines = [
        "def replaced(value, /, **changes):",
        " new = make(cls)",
        *(f" set_{name}(new, value.{name})" for name in setters),
        " for name in changes:",
        "  setters[name](new, changes[name])",
        " return new",
    ]
    given: dict[str, Any] = {f"set_{name}": setter for name, setter in setters.items()}
    made: dict[str, Any] = {"make": object.__new__, "cls": cls, "setters": setters, **given}
    exec("\n".join(lines), made)  # noqa: S102 - of names of fields and nothing else
    replaced: Callable[..., T] = made["replaced"]
    return replaced
