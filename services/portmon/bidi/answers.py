"""Answers to questions about a device, and what may be set (SendRecvBidiDataFromPort). Pure.

Values come from whoever told them (`facts.py`). A path of the schema of which nobody has told anything is answered with
NULL: it is known, its value is not. One of which nothing can ever tell is not supported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from portmon.bidi.schema import Access, is_hosts_own, is_path, is_told, value_at, values_below
from portmon.facts import Fact, Kind

# Results of items, and of the whole call.
SOME_FAILED, DEVICE_OFFLINE = 13001, 13004
ACCESS_DENIED, NOT_SUPPORTED, SET_FAILED = 5, 50, 13009
_WRONG, _READ_ONLY, _NOT_IN_SCHEMA, _WRITE_ONLY = 87, 13002, 13005, 13010
_OF_ANOTHER_TYPE, _SEVERAL_PATHS, _NO_VALUE_PATH = 13006, 13007, 13008
_TAKES_NO_ARGUMENT, _ARGUMENT_MISSING = 13012, 13013
_MOST_TEXT = 255


class Action(StrEnum):
    """What is to be done, as Windows writes it; any case."""

    ENUM_SCHEMA = "EnumSchema"
    GET = "Get"
    GET_ALL = "GetAll"
    SET = "Set"
    GET_WITH_ARGUMENT = "GetWithArgument"

    @classmethod
    def named(cls, name: str) -> Action | None:
        """Return the action of a name; None: there is none."""
        return next((action for action in cls if action.casefold() == name.casefold()), None)


class Question(NamedTuple):
    """One item of a request; `value` is what to set, or the argument."""

    number: int
    path: str
    value: Fact | None = None


class Answer(NamedTuple):
    """One item of a response; `fact` None is BIDI_NULL."""

    number: int
    result: int
    path: str
    fact: Fact | None = None


class Known(NamedTuple):
    """What is known of a device, by path, and whether it is out of reach."""

    facts: Mapping[str, Fact]
    offline: bool = False


def listed(number: int, known: Known) -> list[Answer]:
    """Answer EnumSchema: one item for each value that is known, its path as text."""
    return [Answer(number, 0, "", Fact(Kind.TEXT, path, fact.source)) for path, fact in known.facts.items()]


def answered(action: Action, question: Question, known: Known) -> list[Answer]:
    """Answer Get, GetAll and GetWithArgument: one item, or one for each value below a property."""
    number, path, argument = question
    if not is_path(path):
        return [Answer(number, _WRONG, path)]
    if ":" not in path:
        return _below(number, path, known)
    value = value_at(path)
    if (value is None or not is_told(path)) and path not in known.facts:
        return [Answer(number, _NOT_IN_SCHEMA, path)]
    if value is not None and value.access is Access.DO:
        return [Answer(number, _WRITE_ONLY, path)]
    if action is Action.GET_WITH_ARGUMENT:
        return [Answer(number, _ARGUMENT_MISSING if argument is None else _TAKES_NO_ARGUMENT, path)]
    if known.offline and not is_hosts_own(path):
        return [Answer(number, DEVICE_OFFLINE, path)]
    return [Answer(number, 0, path, known.facts.get(path))]


def _below(number: int, path: str, known: Known) -> list[Answer]:
    schema = values_below(path)
    told = [one for one in known.facts if one.startswith((f"{path}.", f"{path}:"))]
    if not schema and not told:
        return [Answer(number, _NOT_IN_SCHEMA, path)]
    if not told and all(value.access is Access.DO for value in schema):
        return [Answer(number, _WRITE_ONLY, path)]
    if known.offline:
        told = [one for one in told if is_hosts_own(one)]
        if not told:
            return [Answer(number, DEVICE_OFFLINE, path)]
    return [Answer(number, 0, one, known.facts[one]) for one in told]


def refusal_to_set(question: Question, known: Known, *, administrator: bool) -> int:
    """Return why a value may not be set; 0: it may."""
    _, path, given = question
    value = value_at(path)
    if not is_path(path):
        return _NO_VALUE_PATH
    if ":" not in path:
        return _SEVERAL_PATHS if values_below(path) else _NO_VALUE_PATH
    if value is None:
        return _READ_ONLY if path in known.facts else _NOT_IN_SCHEMA
    if value.access is Access.READ:
        return _READ_ONLY
    if not administrator:
        return ACCESS_DENIED
    if given is None or not _is_of(value.kind, given):
        return _OF_ANOTHER_TYPE
    if isinstance(given.value, str) and not (len(given.value) <= _MOST_TEXT and given.value.isprintable()):
        return _WRONG
    return DEVICE_OFFLINE if known.offline and not is_hosts_own(path) else 0


def _is_of(kind: Kind, given: Fact) -> bool:
    if kind is Kind.STRING:
        return given.kind in (Kind.STRING, Kind.TEXT)
    # `1 = do it`, says the schema of its BOOLs.
    return given.kind is kind or (kind is Kind.BOOL and given.kind is Kind.INT and given.value in (0, 1))


def result_of(answers: Sequence[Answer]) -> int:
    """Return the result of the whole call."""
    results = {one.result for one in answers}
    if results == {DEVICE_OFFLINE}:
        return DEVICE_OFFLINE
    return SOME_FAILED if results - {0} else 0
