"""The words for what can be wrong with a printer, shared by model, personalities, faults and SNMP."""

from __future__ import annotations

from enum import StrEnum


class Condition(StrEnum):
    """A reason why no unit leaves the printer now."""

    MEDIA_OUT = "media-out"
    RIBBON_OUT = "ribbon-out"
    COVER_OPEN = "cover-open"
    JAM = "jam"
    HEAD_HOT = "head-hot"
    CUTTER = "cutter"
    PAUSED = "paused"
    BUSY = "busy"
    WARMING_UP = "warming-up"
    POWER_OFF = "power-off"


# Conditions that hold for somebody to come and do something; the others pass or were asked for.
ATTENTION = frozenset(
    {
        Condition.MEDIA_OUT,
        Condition.RIBBON_OUT,
        Condition.COVER_OPEN,
        Condition.JAM,
        Condition.HEAD_HOT,
        Condition.CUTTER,
    }
)


class Cause(StrEnum):
    """Who has brought a condition about. It holds until each of them has ended it, or somebody has dealt with it."""

    PRINTER = "printer"  # what happens by itself, or was asked for by a command
    SUPPLY = "supply"  # a roll or a ribbon has run empty
    FAULT = "fault"
