"""What befalls printers, boxes, programs and lines, drawn from a schedule's or a batch's dice."""

from __future__ import annotations

import random

SPAN_S = 7.0  # in which jobs come and faults strike
_PAPER = ("media-out", "ribbon-out", "cover-open", "jam", "head-hot", "cutter", "pause")
_STALL = ("zero-window", "freeze", "busy")
_DOOR = ("refuse", "blackhole", "accept-close")
_STALL_LINE = ("xoff", "cts-low")
_STATUS = ("garbage=24", "status-late=0.3,2", "status-twice=2", "status-missing=2", "status-wrong=2")
_AT_ONCE = 4  # faults of programs and lines that come at one moment
# While the port monitor is dead devices go: they are back, made anew, before it is, or not before it.
REPLUG, UNPLUG = "replug portmon", "unplug portmon"
BOTH_WAYS = frozenset({"tcp", "box", "pty"})
_OF_PLUG = {"pty": ("line", "line", "gone", "noise"), "fifo": ("line", "gone")}


def printer_fault(dice: random.Random, plug: str, personality: str) -> str:
    """Return one fault of a printer's script."""
    seconds = round(dice.uniform(0.05, 1.1), 2)
    kinds = ["paper", "paper", "power", "slow"]
    kinds += _OF_PLUG.get(plug, ("link", "link", "stall", "door", "late"))
    kinds += ["status"] if personality != "plain" and plug in BOTH_WAYS else []  # the others never reply
    match dice.choice(kinds):
        case "paper":
            what = f"{dice.choice(_PAPER)}={seconds}"
        case "power":
            what = f"{dice.choice(('power-cut', 'reboot'))}={seconds}"
        case "link":
            what = dice.choice(("reset=drop", "reset=keep", "reset=drop", "fin=keep", "fin=drop"))
        case "stall":
            what = f"{dice.choice(_STALL)}={seconds}"
        case "door":
            what = f"{dice.choice(_DOOR)}={seconds}"
        case "late":
            what = f"accept-late={round(seconds / 2, 2)},{seconds}"
        case "line":
            what = f"{dice.choice(_STALL_LINE)}={seconds}"
        case "gone":
            what = f"device-gone={seconds},same"
        case "noise":
            what = "noise=3"
        case "slow":
            what = f"slow={dice.choice((1000, 4000, 20000))},{seconds}"
        case _:
            what = dice.choice(_STATUS)
    return f"{what}@{_moment(dice)}"


def _moment(dice: random.Random) -> str:
    moments = (
        f"unit:{dice.randrange(1, 30)}",
        f"start:{dice.randrange(1, 30)}",
        f"byte:{dice.randrange(1, 9000)}",
        f"time:{round(dice.uniform(0.2, SPAN_S), 2)}s",
        f"connect:{dice.randrange(1, 4)}",
    )
    return dice.choice(moments)


def box_faults(dice: random.Random) -> tuple[tuple[float, str], ...]:
    """Return what befalls the box: a cut, or that it withholds everything for a while."""
    kinds = ("cut", "cut", "hold", "slow")
    return tuple(
        (round(dice.uniform(0.2, SPAN_S), 2), dice.choice(kinds)) for _ in range(dice.randrange(1, 4))
    )


def struck(what: str) -> frozenset[str]:
    """Return which programs and lines a fault has to itself; what has none in common with it may come at the same time.

    The spooler ends with its connection to the database.
    """
    act, _, whom = what.partition(" ")
    return frozenset({whom, "spooler"} if whom == "database" and act in ("cut", "kill") else {whom})


def program_faults(
    dice: random.Random, *, postgres: bool, console: bool
) -> tuple[tuple[float, str, float], ...]:
    """Return what befalls programs and lines, in order: (second, what, how long).

    Lines are between spooler and port monitor, whoever calls whom ("line"), client and spooler ("way"), configuration
    service and spooler ("desk"), spooler and database.
    """
    wanted = [
        ("kill spooler", 2, 0.0, 0.3),
        ("kill portmon", 2, 0.0, 0.3),
        ("kill client", 2, 0.0, 0.2),
        ("stop spooler", 1, 0.1, 1.2),
        ("stop portmon", 2, 0.1, 1.2),
        ("stop client", 1, 0.1, 0.6),
        ("cut line", 3, 0.0, 0.0),
        ("hold line", 2, 0.1, 1.2),
        ("slow line", 1, 0.3, 1.0),
        ("part line", 1, 0.5, 2.0),
        ("cut way", 3, 0.0, 0.0),
        ("hold way", 1, 0.1, 1.2),
        ("part way", 1, 0.3, 1.0),
    ]
    if postgres:
        wanted += [("cut database", 2, 0.0, 0.2), ("kill database", 1, 0.0, 0.3)]
        wanted += [("hold database", 2, 0.1, 1.2), ("slow database", 1, 0.3, 1.0)]
    if console:
        wanted += [("kill portui", 2, 0.0, 0.2), ("stop portui", 1, 0.1, 1.2)]
        wanted += [("cut desk", 2, 0.0, 0.0), ("hold desk", 1, 0.1, 1.2), ("part desk", 1, 0.3, 1.0)]
    faults = [
        (round(dice.uniform(0.4, SPAN_S), 2), what, round(dice.uniform(least, most), 2))
        for what, times, least, most in wanted
        for _ in range(dice.randrange(1, times + 1))
    ]
    return tuple(sorted(_some_at_once(dice, faults)))


def devices_gone(dice: random.Random) -> tuple[tuple[float, str, float], ...]:
    """Return when devices go while the port monitor is dead, as `program_faults` does; how long is how long they are away."""
    wanted = ((REPLUG, 0.05, 0.2), (UNPLUG, 2.0, 4.0))
    return tuple(
        (round(dice.uniform(0.4, SPAN_S), 2), what, round(dice.uniform(least, most), 2))
        for what, least, most in wanted
    )


def _some_at_once(
    dice: random.Random, faults: list[tuple[float, str, float]]
) -> list[tuple[float, str, float]]:
    """Let some of them, of different programs and lines, come at one moment."""
    together, taken = list[tuple[float, str, float]](), frozenset[str]()
    for fault in dice.sample(faults, len(faults)):
        if len(together) < _AT_ONCE and not struck(fault[1]) & taken:
            together.append(fault)
            taken |= struck(fault[1])
    apart = [fault for fault in faults if fault not in together]
    return apart + [(together[0][0], what, seconds) for _, what, seconds in together]
