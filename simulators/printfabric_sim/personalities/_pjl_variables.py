"""The environment variables of a PJL printer: SET, DEFAULT, RESET, INITIALIZE, and what INQUIRE and INFO read.

After HP's "Printer Job Language Technical Reference Manual", chapter 6: a factory default, a user default that DEFAULT changes
and that outlives the power, and a current value that SET changes for the present job. Names, factory defaults and ranges
are those a LaserJet 4 lists in its answer to INFO VARIABLES; PERSONALITY has the languages of this printer, QTY is of later ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_SETTING = re.compile(r"(?:LPARM\s*:\s*([A-Z]+)\s+)?([A-Z][A-Z0-9]*)\s*=\s*(\"[^\"]*\"|\S+)")
_NAME = re.compile(r"(?:LPARM\s*:\s*([A-Z]+)\s+)?([A-Z][A-Z0-9]*)")
_NUMBER = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,4})?")


class Variable(NamedTuple):
    """`values` are all it can be, or with `between` the least and the most."""

    factory: str
    values: tuple[str, ...]
    between: bool = False
    read_only: bool = False

    def accepted(self, text: str) -> str | None:
        """Return `text` as the printer keeps it; None if it cannot be that."""
        if not self.between:
            return text if text in self.values else None
        if _NUMBER.fullmatch(text) is None or not float(self.values[0]) <= float(text) <= float(
            self.values[1]
        ):
            return None
        return f"{float(text):.2f}" if "." in self.factory else str(int(float(text)))

    def other(self, value: str) -> str:
        """Return a value that it can have and has not."""
        return next(other for other in self.values if other != value)

    def kind(self) -> str:
        """Return what INFO VARIABLES says of its values."""
        what = "RANGE" if self.between else "ENUMERATED"
        return f"[{len(self.values)} {what}{' READONLY' if self.read_only else ''}]"


_SWITCH = ("OFF", "ON")
_SIZES = ("LETTER", "LEGAL", "A4")
_LANGUAGES = ("AUTO", "PCL", "PCLXL", "POSTSCRIPT", "PDF")
_TABLE = {
    "COPIES": Variable("1", ("1", "999"), between=True),
    "QTY": Variable("1", ("1", "999"), between=True),
    "PAPER": Variable("LETTER", _SIZES),
    "ORIENTATION": Variable("PORTRAIT", ("PORTRAIT", "LANDSCAPE")),
    "FORMLINES": Variable("60", ("5", "128"), between=True),
    "MANUALFEED": Variable("OFF", _SWITCH),
    "RET": Variable("MEDIUM", ("OFF", "LIGHT", "MEDIUM", "DARK")),
    "PAGEPROTECT": Variable("OFF", ("OFF", *_SIZES)),
    "RESOLUTION": Variable("600", ("300", "600")),
    "PERSONALITY": Variable("AUTO", _LANGUAGES),
    "TIMEOUT": Variable("15", ("5", "300"), between=True),
    "MPTRAY": Variable("CASSETTE", ("MANUAL", "CASSETTE", "FIRST")),
    "CLEARABLEWARNINGS": Variable("ON", ("JOB", "ON"), read_only=True),
    "AUTOCONT": Variable("OFF", _SWITCH, read_only=True),
    "DENSITY": Variable("3", ("1", "5"), between=True, read_only=True),
    "LOWTONER": Variable("ON", _SWITCH, read_only=True),
    "LPARM:PCL FONTSOURCE": Variable("I", ("I",)),
    "LPARM:PCL FONTNUMBER": Variable("0", ("0", "50"), between=True),
    "LPARM:PCL PITCH": Variable("10.00", ("0.44", "99.99"), between=True),
    "LPARM:PCL PTSIZE": Variable("12.00", ("4.00", "999.75"), between=True),
    "LPARM:PCL SYMSET": Variable("ROMAN8", ("ROMAN8", "ISOL1", "ISOL2", "WIN30")),
    "LPARM:POSTSCRIPT PRTPSERRS": Variable("OFF", _SWITCH),
}


class PjlVariables:
    """The variables of one printer. `language` is the factory default of PERSONALITY."""

    def __init__(self, language: str = "AUTO") -> None:
        self._factory = {name: variable.factory for name, variable in _TABLE.items()}
        self._factory["PERSONALITY"] = language
        self._default = dict(self._factory)
        self._current = dict(self._factory)

    @property
    def copies(self) -> int:
        """How many of each page the present job asks for; QTY goes before COPIES."""
        quantity = int(self._current["QTY"])
        return quantity if quantity > 1 else int(self._current["COPIES"])

    @property
    def language(self) -> str:
        """What data is taken for that no ENTER has announced."""
        return self._current["PERSONALITY"]

    def set(self, text: str) -> None:
        """SET: for the present job. What is unknown, impossible or cannot be written is passed over."""
        self._current |= dict(_settings(text))

    def default(self, text: str) -> None:
        """DEFAULT: from the next job on, also after a power-off."""
        self._default |= dict(_settings(text))

    def reset(self) -> None:
        """RESET, the end of a job, power-on: the user defaults hold."""
        self._current = dict(self._default)

    def initialize(self) -> None:
        """INITIALIZE: as delivered."""
        self._default = dict(self._factory)
        self.reset()

    def value(self, text: str, *, default: bool) -> str:
        """Return what INQUIRE, or with `default` DINQUIRE, answers; "?" in quotes for what there is not."""
        found = _NAME.fullmatch(text.upper().strip())
        values = self._default if default else self._current
        return values.get(_key(found[1], found[2]), '"?"') if found is not None else '"?"'

    def listing(self) -> list[str]:
        """Return the lines of INFO VARIABLES."""
        rows: list[str] = []
        for name, variable in _TABLE.items():
            rows += [f"{name}={self._current[name]} {variable.kind()}", *(f"\t{v}" for v in variable.values)]
        return rows


def other_value(text: str, value: str) -> str | None:
    """Return another value that the variable named in `text` can have; None if there is none."""
    found = _NAME.fullmatch(text.upper().strip())
    variable = _TABLE.get(_key(found[1], found[2])) if found is not None else None
    return variable.other(value) if variable is not None and len(variable.values) > 1 else None


def _key(personality: str | None, name: str) -> str:
    return f"LPARM:{personality} {name}" if personality else name


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """Yield the settings of a SET or DEFAULT that can be made."""
    for personality, name, value in _SETTING.findall(text.upper()):
        variable = _TABLE.get(_key(personality, name))
        if variable is None or variable.read_only:
            continue
        taken = variable.accepted(value.strip('"'))
        if taken is not None:
            yield _key(personality, name), taken
