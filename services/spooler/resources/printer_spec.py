"""A Printer's spec as the contract's JSON has it: names, words and units differ, the meaning does not. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chassis.errors import InvalidArgument
from spooler.resources.resource import entries, required

_AS_THEY_ARE = (
    "description",
    "location",
    "labels",
    "languageMonitor",
    "bidirectional",
    "priority",
    "defaultPriority",
    "defaultFormat",
    "redirectAcrossMonitors",
    "markRedirected",
    "catchUpPerMinute",
    "printWhileSpooling",
    "keepPrintedJobs",
)
_WORDS = {
    "poolOrder": "POOL_ORDER",
    "onUncertain": "UNCERTAIN_DECISION",
    "redirect": "REDIRECT_POLICY",
    "prefetch": "PREFETCH_POLICY",
    "onHostRestart": "HOST_RESTART_POLICY",
}
_SECONDS = {"redirectAfterSeconds": "redirectAfter", "maxBacklogAgeSeconds": "maxBacklogAge"}


def settings_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a printer; what the spec leaves out is as for a new printer.

    Raises:
        InvalidArgument: it cannot be read; it may have been made under another definition.
    """
    try:
        return _settings(spec)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidArgument(f"the spec cannot be read: {error!r}", field="spec") from error


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {"accepting": spec.get("accepting", True)}
    settings["ports"] = [
        {
            "port": {name: required(one, name, "spec.ports") for name in ("host", "port")},
            "standby": one.get("standby", False),
        }
        for one in entries(spec, "ports")
    ]
    settings |= {name: spec[name] for name in _AS_THEY_ARE if name in spec}
    settings |= {name: f"{prefix}_{_upper(spec[name])}" for name, prefix in _WORDS.items() if name in spec}
    settings |= {theirs: f"{spec[ours]}s" for ours, theirs in _SECONDS.items() if ours in spec}
    if window := spec.get("window"):
        settings["window"] = {
            "startMinute": _minute(window["from"]),
            "untilMinute": _minute(window["until"]),
            "timeZone": window.get("timeZone", ""),
        }
    return settings


def _upper(word: str) -> str:
    """Return `FirstAvailable` as `FIRST_AVAILABLE`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", word).upper()


def _minute(clock: str) -> int:
    """Return the minute of a day: `22:30`; `24:00` is its end."""
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)
