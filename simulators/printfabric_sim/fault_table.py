"""Every fault there is: its name, its values with their defaults, what it does. Pure data; `fault_actions` does it."""

from __future__ import annotations

from dataclasses import dataclass


class FaultError(ValueError):
    """A fault script that cannot be read; the message says what would be possible."""


# Values that are counted, and those of which 0 means nothing (of a length of time it means: until cleared).
_COUNTS = ("bytes", "replies")
_ABOVE_0 = (*_COUNTS, "bytes_per_s", "late_s", "off_s")


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of fault. `values` are the names of its values, `defaults` what they are when left out.

    A default that is a word lists with `|` the words possible. Times are seconds; 0 s means until cleared.
    """

    name: str
    group: str
    values: tuple[str, ...]
    defaults: tuple[float | str, ...]
    text: str

    def check(self, values: tuple[float | str, ...]) -> None:
        """Raise FaultError unless `values` fit."""
        if len(values) > len(self.values):
            raise FaultError(
                f"{self.name} takes at most {len(self.values)} value(s): {', '.join(self.values)}"
            )
        for name, default, value in zip(self.values, self.defaults, values, strict=False):
            if isinstance(default, float) != isinstance(value, float):
                raise FaultError(
                    f"{self.name}: {name} is {'a number' if isinstance(default, float) else default}"
                )
            if isinstance(value, float):
                self._check_number(name, value)
            if self.name == "clear" and value not in ACTIONS.keys() - {"clear"}:
                raise FaultError(f"clear: no fault {value!r}; there are: {', '.join(sorted(ACTIONS))}")
            if isinstance(default, str) and default and value not in default.split("|"):
                raise FaultError(f"{self.name}: {name} is one of {default.replace('|', ', ')}")

    def _check_number(self, name: str, value: float) -> None:
        """A count of nothing, or a delay of none, would be a fault without effect."""
        if name in _COUNTS and value != int(value):
            raise FaultError(f"{self.name}: {name} is a whole number, not {value:g}")
        if name in _ABOVE_0 and value <= 0:
            raise FaultError(f"{self.name}: {name} is above 0, else nothing would happen")

    def fill(self, values: tuple[float | str, ...]) -> tuple[float | str, ...]:
        """Return `values` completed by the defaults (of words: the first)."""
        rest = self.defaults[len(values) :]
        return values + tuple(d if isinstance(d, float) else d.split("|")[0] for d in rest)


def _timed(group: str, text: str, *names: str) -> list[Action]:
    return [Action(name, group, ("seconds",), (0.0,), text) for name in names]


_ALL = [
    Action(
        "reset", "connection", ("buffer",), ("drop|keep",),
        "breaks every connection off with a TCP RST; what has not begun to move is thrown away, or with keep printed",
    ),
    Action(
        "fin", "connection", ("buffer",), ("keep|drop",),
        "ends every connection with a FIN, on every kind of it, and no RST; what arrived is printed, or with drop thrown away",
    ),
    *_timed("connection", "falls silent: nothing is acknowledged, sent or closed (a dead host)", "freeze"),
    *_timed("connection", "stops reading: the TCP window closes, the sender stalls", "zero-window"),
    *_timed("connection", "refuses new connections (TCP: RST to the SYN)", "refuse"),
    *_timed("connection", "does not answer new connections at all (the SYN is lost)", "blackhole"),
    Action(
        "accept-late", "connection", ("late_s", "seconds"), (1.0, 0.0),
        "takes new connections from the queue one by one, each late_s after it is the next",
    ),
    *_timed("connection", "accepts new connections and ends them at once with a FIN; what they send is thrown away", "accept-close"),
    *_timed("connection", "takes no connection and no data: busy with something else", "busy"),
    Action(
        "slow", "connection", ("bytes_per_s", "seconds"), (1000.0, 0.0),
        "takes data from the buffer at no more than bytes_per_s",
    ),
    Action(
        "power-cut", "power", ("off_s",), (1.0,),
        "no power for off_s: the buffer is lost, a moving unit comes out torn, old connections get a RST afterwards",
    ),
    Action(
        "reboot", "power", ("off_s",), (1.0,),
        "the firmware starts anew: connections are reset at once, the buffer is lost, deaf for off_s",
    ),
    *_timed("paper", "the media is at its end", "media-out"),
    *_timed("paper", "the ribbon is at its end", "ribbon-out"),
    *_timed("paper", "the cover is open", "cover-open"),
    *_timed("paper", "the paper is jammed", "jam"),
    *_timed("paper", "the print head is too hot", "head-hot"),
    *_timed("paper", "the cutter is stuck", "cutter"),
    *_timed("paper", "somebody has pressed the pause key", "pause"),
    *_timed("line", "sends XOFF, and XON afterwards (TCP: stops reading)", "xoff"),
    *_timed("line", "takes CTS away from the host (TCP: stops reading)", "cts-low"),
    *_timed("line", "takes DSR away from the host", "dsr-low"),
    *_timed("line", "takes the carrier (DCD) away from the host", "dcd-low"),
    Action("noise", "line", ("bytes",), (3.0,), "damages the next bytes on the way in (a framing or parity error each)"),
    Action(
        "device-gone", "line", ("seconds", "name"), (2.0, "other|same"),
        "the device node disappears and comes back, as other under a new name",
    ),
    Action("garbage", "status", ("bytes",), (16.0,), "sends so many random bytes on the back channel"),
    Action("status-late", "status", ("late_s", "replies"), (2.0, 1.0), "the next replies come late_s late"),
    Action("status-twice", "status", ("replies",), (1.0,), "the next replies come twice"),
    Action("status-missing", "status", ("replies",), (1.0,), "the next replies do not come"),
    Action("status-wrong", "status", ("replies",), (1.0,), "the next replies are well formed and not true: paper out where there is paper, another value"),
    Action("clear", "remedy", ("what",), ("",), "ends a condition or fault by its name; without a name, all of them"),
]  # fmt: skip

ACTIONS: dict[str, Action] = {action.name: action for action in _ALL}
