"""What each fault does to a printer; the names and values are in `fault_table`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar, Protocol

from printfabric_sim.condition import Cause, Condition
from printfabric_sim.connections.connection import Connection, Door
from printfabric_sim.core import Core
from printfabric_sim.dice import Dice
from printfabric_sim.fault_engine import Change, FaultEngine
from printfabric_sim.fault_script import Fault
from printfabric_sim.fault_table import ACTIONS
from printfabric_sim.lasting import Lasting, Overlap
from printfabric_sim.watcher import Lie

Values = tuple[float | str, ...]

_CONDITIONS = {
    "media-out": Condition.MEDIA_OUT,
    "ribbon-out": Condition.RIBBON_OUT,
    "cover-open": Condition.COVER_OPEN,
    "jam": Condition.JAM,
    "head-hot": Condition.HEAD_HOT,
    "cutter": Condition.CUTTER,
    "pause": Condition.PAUSED,
    "busy": Condition.BUSY,
}
_DOORS = {"refuse": Door.REFUSE, "blackhole": Door.BLACKHOLE, "accept-close": Door.ACCEPT_CLOSE}
_STALLS = ("zero-window", "xoff", "cts-low")
_LINES = {"dsr-low": "dsr", "dcd-low": "dcd"}


class Victim(Protocol):
    """The printer as faults see it."""

    core: Core
    connections: list[Connection]
    engine: FaultEngine


class FaultActions:
    """Does faults to one printer, and undoes them."""

    def __init__(self, printer: Victim, dice: Dice) -> None:
        self._printer = printer
        self._dice = dice
        self._rubbish: dict[str, random.Random] = {}  # of each fault that sends any
        self._lasting = Lasting(printer.core.loop)
        self._doors: dict[str, tuple[Door, float]] = {}  # what holds for new connections; the latest counts

    def strike(self, fault: Fault) -> None:
        """Do `fault` now; one that meets nothing to act on is noted as an event "fault without effect"."""
        values = ACTIONS[fault.action].fill(fault.values)
        self._printer.core.event("fault", fault=str(fault))
        why = self._garbage(fault, values) if fault.action == "garbage" else self._do(fault.action, values)
        if why:
            self._printer.core.event("fault without effect", fault=str(fault), why=why)

    def lasting(self) -> list[str]:
        """Return the faults that have struck and are not over, by name."""
        return self._lasting.names()

    def clear(self, name: str = "") -> bool:
        """End a fault or condition that lasts; without a name all of them. Return False if there was none."""
        found = False
        for action in [name] if name else self._lasting.names():
            found = self._lasting.end(action) or found
        core = self._printer.core
        wrong = {_CONDITIONS[name]} if name in _CONDITIONS else set[Condition]()
        if not name:
            wrong = core.conditions - {Condition.POWER_OFF, Condition.WARMING_UP}
        for condition in wrong & core.conditions:
            core.release(condition)
            found = True
        return found

    def _power_cut(self, action: str, off_s: float) -> str:
        """Lose everything for `off_s`; at a reboot connections are reset at once, as firmware does that restarts."""
        core = self._printer.core
        if Condition.POWER_OFF in core.conditions:
            cut = next(name for name in ("power-cut", "reboot") if name in self.lasting())
            return self._last(cut, off_s, self._power_on)
        if action == "reboot":
            self._each(lambda connection: connection.turn_out())
            self._each(lambda connection: connection.break_links("reset"))
        self._each(lambda connection: connection.power(False))
        core.lose_all(action)
        core.hold(Condition.POWER_OFF)
        core.warming.stop()
        return self._last(action, off_s, self._power_on)

    def _power_on(self) -> None:
        core = self._printer.core
        core.consult(core.personality.reset)
        self._each(lambda connection: connection.power(True))
        core.release(Condition.POWER_OFF)
        core.warming.begin()

    def _do(self, action: str, values: Values) -> str:
        """Do it; return why it does nothing, if so."""
        first = values[0] if values else 0.0
        if action in _CONDITIONS:
            return self._condition(action, _number(first))
        if action in ("reset", "fin"):
            return self._break(action, str(first))
        if action in ("power-cut", "reboot"):
            return self._power_cut(action, _number(first))
        if action == "clear":
            return self._clear(str(first))
        if action in _DOORS:
            return self._door(action, _DOORS[action], 0.0, _number(first))
        if action in _STALLS:
            return self._stall(action, _number(first))
        if action in _LINES:
            return self._line(action, _number(first))
        return self._others[action](self, values) or ""

    def _break(self, action: str, what: str) -> str:
        how = action + ("+drop" if what == "drop" else "")
        broken = sum(connection.break_links(how) for connection in self._printer.connections)
        return "" if broken else "no connection is open, and no line holds anything"

    def _clear(self, name: str) -> str:
        waited = self._printer.engine.forget() if not name else False
        return "" if self.clear(name) or waited else "nothing of that lasts now"

    def _condition(self, action: str, seconds: float) -> str:
        condition, core = _CONDITIONS[action], self._printer.core
        causes = core.path.causes(condition)
        if Cause.FAULT not in causes:
            self._lasting.forget(action)  # the last one has been dealt with before its time
        if condition is Condition.BUSY:
            self._set_door(action, Door.REFUSE)
        core.hold(condition, Cause.FAULT)
        why = self._last(action, seconds, lambda: self._end_condition(condition))
        return f"{action} already, for another reason" if causes - {Cause.FAULT} else why

    def _end_condition(self, condition: Condition) -> None:
        if condition is Condition.BUSY:
            self._set_door("busy", None)
        self._printer.core.release(condition, Cause.FAULT)

    def _door(self, action: str, mode: Door, late_s: float, seconds: float) -> str:
        before = self._deciding()
        self._set_door(action, mode, late_s)
        why = self._last(action, seconds, lambda: self._set_door(action, None))
        return why if self._deciding() == before else ""

    def _set_door(self, name: str, mode: Door | None, late_s: float = 0.0) -> None:
        """Let `name` decide how connections are received, or (None) no longer; the latest that is left decides."""
        self._doors.pop(name, None)
        if mode is not None:
            self._doors[name] = (mode, late_s)
        door, late = self._deciding()
        self._each(lambda connection: connection.door(door, late))

    def _deciding(self) -> tuple[Door, float]:
        return next(reversed(self._doors.values()), (Door.OPEN, 0.0))

    def _stall(self, action: str, seconds: float) -> str:
        self._each(lambda connection: connection.stall(True, action))
        return self._last(action, seconds, lambda: self._each(lambda c: c.stall(False, action)))

    def _line(self, action: str, seconds: float) -> str:
        name = _LINES[action]
        self._each(lambda connection: connection.line(name, False))
        return self._last(action, seconds, lambda: self._each(lambda c: c.line(name, True)))

    def _freeze(self, values: Values) -> str:
        self._each(lambda connection: connection.freeze(True))
        return self._last("freeze", _number(values[0]), lambda: self._each(lambda c: c.freeze(False)))

    def _accept_late(self, values: Values) -> str:
        return self._door("accept-late", Door.ACCEPT_LATE, _number(values[0]), _number(values[1]))

    def _slow(self, values: Values) -> str:
        drain, pace = self._printer.core.drain, _number(values[0])
        as_before = drain.bytes_per_s == pace
        drain.limit(pace)
        why = self._last("slow", _number(values[1]), lambda: drain.limit(0))
        return why if as_before else ""

    def _noise(self, values: Values) -> None:
        noise = self._printer.core.noise
        noise.more(int(_number(values[0])))
        self._lasting.begin("noise", 0, noise.end)
        noise.spent = lambda: self._lasting.forget("noise")

    def _device_gone(self, values: Values) -> str:
        other = values[1] == "other"
        self._each(lambda connection: connection.vanish(True, other))
        return self._last(
            "device-gone", _number(values[0]), lambda: self._each(lambda c: c.vanish(False, other))
        )

    def _garbage(self, fault: Fault, values: Values) -> str:
        name = f"what {fault} sends"
        if name not in self._rubbish:
            self._rubbish[name] = self._dice.source(name)
        rubbish = self._rubbish[name].randbytes(int(_number(values[0])))
        inlets = list(self._printer.core.intake.inlets.values())
        sent = [inlet.link.write(rubbish) for inlet in inlets]  # to all, whatever becomes of the first
        return "" if any(sent) else "nobody is connected to hear it"

    def _status_late(self, values: Values) -> None:
        late_s = _number(values[0])
        self._next_replies("status-late", values[1], lambda data, _lie: [(late_s, data)])

    def _status_twice(self, values: Values) -> None:
        self._next_replies("status-twice", values[0], lambda data, _lie: [(0.0, data), (0.0, data)])

    def _status_missing(self, values: Values) -> None:
        self._next_replies("status-missing", values[0], lambda _data, _lie: [])

    def _status_wrong(self, values: Values) -> None:
        core = self._printer.core

        def untrue(data: bytes, lie: Lie) -> list[tuple[float, bytes]]:
            wrong = lie(data)
            if wrong is None or wrong == data:
                core.event("fault without effect", fault="status-wrong", why="this reply has no untrue form")
                return [(0.0, data)]
            return [(0.0, wrong)]

        self._next_replies("status-wrong", values[0], untrue)

    def _next_replies(self, name: str, count: float | str, change: Change) -> None:
        """Change the next `count` replies."""
        changes = self._printer.engine.back_channel
        left = int(_number(count))

        def once(data: bytes, lie: Lie) -> list[tuple[float, bytes]]:
            nonlocal left
            left -= 1
            if left <= 0:
                changes.remove(entry)
            self._printer.core.event("reply changed", how=name, bytes=len(data))
            return change(data, lie)

        entry = (name, once)
        changes.append(entry)

    def _last(self, name: str, seconds: float, undo: Callable[[], None]) -> str:
        """Undo it after `seconds`, unless 0. Return why it does nothing: it lasts already, and no shorter."""
        overlap = self._lasting.begin(name, seconds, undo)
        if overlap is Overlap.LONGER:
            more = {"seconds": seconds} if seconds else {}
            self._printer.core.event("fault prolonged", fault=name, **more)
        return f"{name} already, and it ends no earlier" if overlap is Overlap.INSIDE else ""

    def _each(self, do: Callable[[Connection], object]) -> None:
        for connection in self._printer.connections:
            do(connection)

    _others: ClassVar[dict[str, Callable[[FaultActions, Values], str | None]]] = {
        "freeze": _freeze,
        "accept-late": _accept_late,
        "slow": _slow,
        "noise": _noise,
        "device-gone": _device_gone,
        "status-late": _status_late,
        "status-twice": _status_twice,
        "status-missing": _status_missing,
        "status-wrong": _status_wrong,
    }


def _number(value: float | str) -> float:
    assert isinstance(value, float)
    return value
