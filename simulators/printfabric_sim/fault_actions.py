"""What each fault does to a printer; the names and values are in `fault_table`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar, Protocol

from printfabric_sim.condition import Condition
from printfabric_sim.connections.connection import Connection, Door
from printfabric_sim.core import Core
from printfabric_sim.fault_engine import FaultEngine
from printfabric_sim.fault_script import Fault
from printfabric_sim.fault_table import ACTIONS

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

    def __init__(self, printer: Victim, dice: random.Random) -> None:
        self._printer = printer
        self._dice = dice
        self._undo: dict[str, Callable[[], None]] = {}
        self._doors: dict[str, tuple[Door, float]] = {}  # what holds for new connections; the latest counts

    def strike(self, fault: Fault) -> None:
        """Do `fault` now."""
        values = ACTIONS[fault.action].fill(fault.values)
        self._printer.core.event("fault", fault=str(fault))
        self._do(fault.action, values)

    def clear(self, name: str = "") -> None:
        """End a fault or condition that lasts; without a name all of them."""
        for action in [name] if name else list(self._undo):
            undo = self._undo.get(action)
            if undo is not None:
                undo()
        if name in _CONDITIONS:
            self._printer.core.release(_CONDITIONS[name])
        elif not name:
            for condition in list(
                self._printer.core.conditions - {Condition.POWER_OFF, Condition.WARMING_UP}
            ):
                self._printer.core.release(condition)
            self._printer.engine.forget()

    def power_cut(self, off_s: float, *, orderly: bool) -> None:
        """Lose everything for `off_s`; `orderly`: connections are reset at once, as by a firmware that restarts."""
        core = self._printer.core
        if Condition.POWER_OFF in core.conditions:
            return
        reason = "reboot" if orderly else "power-cut"
        if orderly:
            self._each(lambda connection: connection.break_links("reset"))
        self._each(lambda connection: connection.power(False))
        core.lose_all(reason)
        core.hold(Condition.POWER_OFF)
        core.loop.call_later(off_s, self._power_on)

    def _power_on(self) -> None:
        core = self._printer.core
        core.personality.reset()
        self._each(lambda connection: connection.power(True))
        core.release(Condition.POWER_OFF)
        core.warm_up()

    def _do(self, action: str, values: Values) -> None:
        first = values[0] if values else 0.0
        if action in _CONDITIONS:
            self._condition(action, _number(first))
        elif action in _DOORS:
            self._door(action, _DOORS[action], 0.0, _number(first))
        elif action in _STALLS:
            self._stall(action, _number(first))
        elif action in _LINES:
            self._line(action, _number(first))
        elif action in ("reset", "fin"):
            how = action + ("+drop" if first == "drop" else "")
            self._each(lambda connection: connection.break_links(how))
        elif action in ("power-cut", "reboot"):
            self.power_cut(_number(first), orderly=action == "reboot")
        elif action == "clear":
            self.clear(str(first))
        else:
            self._others[action](self, values)

    def _condition(self, action: str, seconds: float) -> None:
        condition = _CONDITIONS[action]
        if condition is Condition.BUSY:
            self._set_door(action, Door.REFUSE)
        self._printer.core.hold(condition)
        self._lasting(action, seconds, lambda: self._end_condition(condition))

    def _end_condition(self, condition: Condition) -> None:
        if condition is Condition.BUSY:
            self._set_door("busy", None)
        self._printer.core.release(condition)

    def _door(self, action: str, mode: Door, late_s: float, seconds: float) -> None:
        self._set_door(action, mode, late_s)
        self._lasting(action, seconds, lambda: self._set_door(action, None))

    def _set_door(self, name: str, mode: Door | None, late_s: float = 0.0) -> None:
        """Let `name` decide how connections are received, or (None) no longer; the latest that is left decides."""
        self._doors.pop(name, None)
        if mode is not None:
            self._doors[name] = (mode, late_s)
        door, late = next(reversed(self._doors.values()), (Door.OPEN, 0.0))
        self._each(lambda connection: connection.door(door, late))

    def _stall(self, action: str, seconds: float) -> None:
        self._each(lambda connection: connection.stall(True, action))
        self._lasting(action, seconds, lambda: self._each(lambda connection: connection.stall(False, action)))

    def _line(self, action: str, seconds: float) -> None:
        name = _LINES[action]
        self._each(lambda connection: connection.line(name, False))
        self._lasting(action, seconds, lambda: self._each(lambda connection: connection.line(name, True)))

    def _freeze(self, values: Values) -> None:
        self._each(lambda connection: connection.freeze(True))
        self._lasting("freeze", _number(values[0]), lambda: self._each(lambda c: c.freeze(False)))

    def _accept_late(self, values: Values) -> None:
        self._door("accept-late", Door.ACCEPT_LATE, _number(values[0]), _number(values[1]))

    def _slow(self, values: Values) -> None:
        drain = self._printer.core.drain
        drain.limit(_number(values[0]))
        self._lasting("slow", _number(values[1]), lambda: drain.limit(0))

    def _noise(self, values: Values) -> None:
        self._each(lambda connection: connection.noise(int(_number(values[0]))))

    def _device_gone(self, values: Values) -> None:
        other = values[1] == "other"
        self._each(lambda connection: connection.vanish(True, other))
        seconds = _number(values[0])
        self._lasting("device-gone", seconds, lambda: self._each(lambda c: c.vanish(False, other)))

    def _garbage(self, values: Values) -> None:
        rubbish = self._dice.randbytes(int(_number(values[0])))
        for inlet in list(self._printer.core.intake.inlets.values()):
            inlet.link.write(rubbish)

    def _status_late(self, values: Values) -> None:
        late_s = _number(values[0])
        self._next_replies(int(_number(values[1])), lambda data: [(late_s, data)])

    def _status_twice(self, values: Values) -> None:
        self._next_replies(int(_number(values[0])), lambda data: [(0.0, data), (0.0, data)])

    def _status_missing(self, values: Values) -> None:
        self._next_replies(int(_number(values[0])), lambda _data: [])

    def _status_wrong(self, values: Values) -> None:
        wrong = self._printer.core.personality.wrong_status
        self._next_replies(int(_number(values[0])), lambda data: [(0.0, wrong(data))])

    def _next_replies(self, count: int, change: Callable[[bytes], list[tuple[float, bytes]]]) -> None:
        """Change the next `count` replies."""
        left = count
        changes = self._printer.engine.back_channel

        def once(data: bytes) -> list[tuple[float, bytes]]:
            nonlocal left
            left -= 1
            if left <= 0:
                changes.remove(once)
            return change(data)

        changes.append(once)

    def _lasting(self, name: str, seconds: float, undo: Callable[[], None]) -> None:
        """Remember how to undo; after `seconds`, unless 0, do it."""

        def end() -> None:
            if self._undo.get(name) is end:
                del self._undo[name]
                undo()

        self._undo[name] = end
        if seconds > 0:
            self._printer.core.loop.call_later(seconds, end)

    def _each(self, do: Callable[[Connection], object]) -> None:
        for connection in self._printer.connections:
            do(connection)

    _others: ClassVar[dict[str, Callable[[FaultActions, Values], None]]] = {
        "freeze": _freeze,
        "accept-late": _accept_late,
        "slow": _slow,
        "noise": _noise,
        "device-gone": _device_gone,
        "garbage": _garbage,
        "status-late": _status_late,
        "status-twice": _status_twice,
        "status-missing": _status_missing,
        "status-wrong": _status_wrong,
    }


def _number(value: float | str) -> float:
    assert isinstance(value, float)
    return value
