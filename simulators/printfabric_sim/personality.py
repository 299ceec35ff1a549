"""What one printer language is: the interface of a personality, and where personalities are found.

A personality is one file with one subclass of `Personality`. Three places are looked at: the folder
`printfabric_sim/personalities`, the entry-point group `printfabric_sim.personalities`, and a path to a `.py` file given
instead of a name.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from printfabric_sim.condition import Condition
from printfabric_sim.inlet import Inlet
from printfabric_sim.unit import Job, Span, Unit

if TYPE_CHECKING:
    from PIL.Image import Image

ENTRY_POINTS = "printfabric_sim.personalities"


# The pattern of an option that is any short text.
SHORT_TEXT = "[ -~]{1,64}"
# Options that every personality has, with the pattern of what they may be.
_COMMON_OPTIONS = {"serial_number": SHORT_TEXT}


_LAST_DIGIT = re.compile(rb"[0-9](?=[^0-9]*$)", re.DOTALL)


class OptionError(ValueError):
    """An option that the personality has not, or a value that it cannot have."""


class Step(NamedTuple):
    """What the interpreter did with the front of the buffer.

    `used` bytes are consumed. With `part` they belong to the unit in progress; else they are a command that was obeyed
    or the gap between two units, or, with a `reason`, mean nothing and are noted as thrown away. `copies` > 0: the unit
    is complete with these bytes and that many copies of it are to be printed. `drop`: the unit in progress is given up
    and nothing comes out (`reason` says why); with `void` it was commands without a mark on paper, and nothing is lost, unless it is
    known to be damaged or of two senders. `anew`: no command before this has an effect on what comes. `mark` is called when everything before it has left the printer.
    `Step(0)` means: more bytes are needed.
    """

    used: int
    part: bool = False
    copies: int = 0
    drop: bool = False
    mark: Callable[[], None] | None = None
    reason: str = ""
    void: bool = False
    anew: bool = False


class Arrival(NamedTuple):
    """A command that is obeyed on arrival: its last `size` bytes end at `end` of what has just arrived; `obey` does it."""

    end: int
    size: int
    obey: Callable[[], None]


class Machine(Protocol):
    """What a personality may know of its printer and do to it."""

    @property
    def conditions(self) -> set[Condition]:
        """What holds the printer up now."""

    @property
    def printed(self) -> int:
        """Units printed in the whole life, the odometer."""

    @property
    def units_waiting(self) -> int:
        """Finished units that have not left."""

    @property
    def copies_left(self) -> int:
        """Copies of the first unit that have not left."""

    @property
    def draft_bytes(self) -> int:
        """Bytes in the unit in progress."""

    @property
    def buffer_full(self) -> bool:
        """Say whether the input buffer of the active inlet is full."""

    @property
    def media_left(self) -> int | None:
        """Units until the media runs out; None: not counted."""

    def reply(self, data: bytes, inlet: Inlet | None = None) -> None:
        """Send back-channel bytes, to the active inlet if none is named."""

    def hold(self, condition: Condition) -> None:
        """Bring about a condition."""

    def release(self, condition: Condition) -> None:
        """End a condition."""

    def begin_job(self, name: str, inlet: Inlet) -> Job:
        """Start a job inside an inlet; units made from now on belong to it."""

    def cancel(self, reason: str) -> None:
        """Drop everything buffered, in progress and queued; a moving unit comes out torn."""

    def drop_draft(self, reason: str) -> None:
        """Give up the unit in progress only."""

    def restart(self, reason: str) -> None:
        """Power off and on again."""

    def print_own(self, kind: str, content: bytes) -> None:
        """Print a unit of the printer's own making (a configuration label, a fed blank)."""

    def event(self, name: str, /, **facts: Any) -> None:
        """Note something in the record."""


class Personality(ABC):
    """The interpreter of one printer, with the state its language keeps.

    One instance per printer; `reset` brings it back to power-on. The parser keeps no bytes: what it does not consume
    stays in the buffer and is shown again with more behind it.
    """

    name: ClassVar[str]
    kind: ClassVar[str]  # what one unit is called: label, receipt, page
    # Paper moves while data arrives, so an unfinished unit is lost as a torn piece of paper, not in memory.
    prints_as_it_goes: ClassVar[bool] = False
    # An error in the middle of a unit spoils it, and it is printed again afterwards.
    reprints_after_error: ClassVar[bool] = False
    # A unit shows by itself where it begins, so that what was lost right before it does it no harm.
    marks_beginning: ClassVar[bool] = False
    # Commands outside of units have an effect on units that come later: damage to one is damage to those.
    commands_persist: ClassVar[bool] = False
    device_id: ClassVar[str] = ""  # IEEE 1284 device ID
    replies: ClassVar[bool] = True  # it answers something; with False faults of replies are refused
    parts: ClassVar[frozenset[tuple[str, str]]] = frozenset()  # what `attend` may be asked for
    known_options: ClassVar[Mapping[str, str]] = {}  # its own options, each with the pattern of its values

    def __init__(self, machine: Machine, options: Mapping[str, str]) -> None:
        """Take the options. Raises OptionError."""
        known = {**_COMMON_OPTIONS, **self.known_options}
        for option, value in options.items():
            if option not in known:
                raise OptionError(
                    f"{self.name} has no option {option!r}; there are: {', '.join(sorted(known))}"
                )
            if re.fullmatch(known[option], value) is None:
                raise OptionError(
                    f"option {option}: {value!r} is not possible; it is {possible(known[option])}"
                )
        self.machine = machine
        self.options = dict(options)

    @abstractmethod
    def parse(self, buffer: bytearray, inlet: Inlet) -> Step:
        """Consume from the front of `buffer` up to the end of at most one unit; never change `buffer`."""

    def realtime(self, data: bytes, inlet: Inlet) -> Iterable[Arrival]:
        """Find commands obeyed on arrival, ahead of the buffer, in `data`.

        Each is obeyed before the next is asked for. They are in `inlet.recognised` until the interpreter is past them;
        counted data, in which nothing is a command, may be put there as well.
        """
        return ()

    def end_of_input(self, inlet: Inlet, clean: bool) -> Step:
        """The inlet ended and its bytes are consumed; `clean` is False after a reset. What becomes of the draft?"""
        return Step(0)

    def reset(self) -> None:
        """Return to the state after power-on."""

    def flush(self) -> None:
        """The unit in progress was thrown away from outside: expect the beginning of a new one."""

    @property
    def inked(self) -> bool:
        """Say whether the unit in progress has anything that makes a mark on paper, not settings alone."""
        return True

    def condition_changed(self, condition: Condition, on: bool) -> None:
        """A condition came or went: the place for unsolicited status."""

    def unit_left(self, unit: Unit, copy: int) -> None:
        """A unit is out: the place for page messages."""

    def obeyed(self, inlet: Inlet) -> list[Span]:
        """Return which bytes that wait to be interpreted are commands that were obeyed: they are not lost with the rest."""
        return [Span(inlet.number, start, end) for start, head, end in inlet.recognised if head == end]

    def inlet_opened(self, inlet: Inlet) -> None:
        """A sender has connected."""

    def wrong_status(self, data: bytes) -> bytes:
        """Return a lie instead of the reply `data`, for the fault `status-wrong`: of the same form, and not true.

        `data` itself if there is none, which is told. Here: another last figure. Override it where a reply is a status, or
        has figures that are no value.
        """
        found = _LAST_DIGIT.search(data)
        if found is None:
            return data
        return data[: found.start()] + (b"5" if found[0] != b"5" else b"6") + data[found.end() :]

    def attend(self, part: str, what: str) -> None:
        """Somebody does something at the printer that is among `parts`."""

    def text(self, content: bytes) -> str:
        """Return what a person would read on the unit."""
        return content.decode("latin-1", "replace")

    @abstractmethod
    def render(self, content: bytes) -> Image:
        """Return a picture of the unit (Pillow is imported here, not by the interpreter)."""


def possible(pattern: str) -> str:
    """Return in words what an option may be."""
    return "a text of up to 64 ASCII characters" if pattern == SHORT_TEXT else pattern


def personality_names() -> list[str]:
    """Return the names that `personality_class` knows without a path."""
    package = importlib.import_module("printfabric_sim.personalities")
    built_in = [
        module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")
    ]
    return sorted({*built_in, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def personality_class(name: str) -> type[Personality]:
    """Return the class for a name or for the path of a `.py` file.

    Raises:
        LookupError: there is no such personality; the message names those there are.
    """
    if name.endswith(".py"):
        return _class_in(_load_file(Path(name)))
    package = importlib.import_module("printfabric_sim.personalities")
    if name in {module.name for module in pkgutil.iter_modules(package.__path__)}:
        return _class_in(importlib.import_module(f"printfabric_sim.personalities.{name}"))
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            found = point.load()
            return found if isinstance(found, type) else _class_in(found)
    raise LookupError(f"no personality {name!r}; there are: {', '.join(personality_names())}")


def made(kind: type[Personality], machine: Machine, options: Mapping[str, str]) -> Personality:
    """Return a personality for `machine`. Raises OptionError, and LookupError for a class that cannot be made."""
    try:
        return kind(machine, options)
    except OptionError:
        raise
    except Exception as error:
        raise LookupError(f"{kind.__name__} cannot be made: {error!r}") from error


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"printfabric_sim_personality_{path.stem}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise LookupError(f"no personality in {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise LookupError(f"{path} cannot be loaded: {error!r}") from error
    return module


def _class_in(module: ModuleType) -> type[Personality]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Personality) and value.__module__ == module.__name__:
            if lacking := [part for part in ("name", "kind") if not hasattr(value, part)]:
                raise LookupError(f"{value.__name__} has no {' and no '.join(lacking)}")
            return value
    raise LookupError(f"{module.__name__} defines no Personality")
