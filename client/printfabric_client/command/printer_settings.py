"""What can be set on a printer, as options and back as words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import click

from printfabric.spooler.v1.print_service_pb2 import UncertainDecision
from printfabric.spooler.v1.printer_service_pb2 import (
    DailyWindow,
    PoolOrder,
    PrefetchPolicy,
    Printer,
    RedirectPolicy,
)
from printfabric.types.v1.port_pb2 import HostRestartPolicy
from printfabric_client.command import words
from printfabric_client.command.printing import parse_time
from printfabric_client.spec import duration

_F = TypeVar("_F", bound=Callable[..., Any])


def _choices(enum: Any, prefix: str) -> dict[str, int]:
    return {words.kebab(name, prefix): number for name, number in enum.items() if number}


_POOL = _choices(PoolOrder, "POOL_ORDER_")
_REDIRECT = _choices(RedirectPolicy, "REDIRECT_POLICY_")
_UNCERTAIN = {
    word: number
    for word, number in _choices(UncertainDecision, "UNCERTAIN_DECISION_").items()
    if number
    != UncertainDecision.UNCERTAIN_DECISION_REPRINT  # a person may; a rule does not double in silence
}
_PREFETCH = _choices(PrefetchPolicy, "PREFETCH_POLICY_")
_ON_RESTART = _choices(HostRestartPolicy, "HOST_RESTART_POLICY_")
_ENUMS = {
    "pool_order": _POOL,
    "redirect": _REDIRECT,
    "on_uncertain": _UNCERTAIN,
    "prefetch": _PREFETCH,
    "on_host_restart": _ON_RESTART,
}


def _length(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    found: object = None
    with contextlib.suppress(ValueError):
        found = parse_time(value)
    if not isinstance(found, timedelta):
        raise click.BadParameter(f"{value!r} is no length of time; write 30s, 5min, 2h or 1d")
    return found


def _window(_context: click.Context, _option: click.Parameter, value: str | None) -> DailyWindow | None:
    if value is None:
        return None
    if value in ("", "always"):
        return DailyWindow()
    found = re.fullmatch(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)(?: +(\S+))?", value.strip())
    if found is None:
        raise click.BadParameter(
            f"{value!r} is no time of day; write 08:00-18:30 (UTC), '08:00-18:30 Europe/Berlin', or always"
        )
    start, until = (int(found[place]) * 60 + int(found[place + 1]) for place in (1, 3))
    if max(start, until) > 24 * 60:
        raise click.BadParameter(f"{value!r}: a day has 24 hours")
    zone = found[5] or ""
    return DailyWindow(start_minute=start, until_minute=until, time_zone="" if zone == "UTC" else zone)


_OPTIONS = (
    click.option("--description", metavar="TEXT", help="One line for people."),
    click.option("--location", metavar="TEXT", help="Where it stands."),
    click.option("--language-monitor", metavar="NAME", help='"ZPL", "ESC/POS", "PJL", or "" for none.'),
    click.option("--bidirectional/--no-bidirectional", default=None, help="Let it ask the printer how it is."),
    click.option("--on-uncertain", type=click.Choice(list(_UNCERTAIN)), help="When nobody knows what came out."),
    click.option("--redirect", type=click.Choice(list(_REDIRECT)), help="When a port fails in mid-job."),
    click.option("--redirect-after", metavar="TIME", callback=_length, help="For redirect-after."),
    click.option("--redirect-across-monitors/--no-redirect-across-monitors", default=None,
                 help="Let ports of other port monitors take the jobs of one that failed."),
    click.option("--pool-order", type=click.Choice(list(_POOL)), help="Which of several ports takes a job."),
    click.option("--max-backlog-age", metavar="TIME", callback=_length,
                 help="Jobs that waited longer through an outage wait for release."),
    click.option("--catch-up-per-minute", type=click.IntRange(0), help="Jobs a minute after an outage; 0: no limit."),
    click.option("--window", metavar="08:00-18:30", callback=_window, help="When it prints, in UTC or '08:00-18:30 Europe/Berlin'; or always."),
    click.option("--mark-redirected/--no-mark-redirected", default=None,
                 help='Put "BACKUP FROM …" on what another port prints in place of one that failed.'),
    click.option("--prefetch", type=click.Choice(list(_PREFETCH)),
                 help="When documents are brought to the host whole, so that no cut of the network shows on paper."),
    click.option("--on-host-restart", type=click.Choice(list(_ON_RESTART)),
                 help="When a host that has whole documents restarts while it is cut off."),
    click.option("--print-while-spooling/--no-print-while-spooling", default=None,
                 help="Begin while the document still arrives."),
    click.option("--default-priority", type=click.IntRange(1, 99), help="Of jobs that name none."),
    click.option("--priority", type=click.IntRange(1, 99), help="Among printers that share a port."),
    click.option("--default-format", metavar="TYPE", help="Media type of documents that name none."),
    click.option("--accepting/--rejecting", default=None, help="Whether it takes new jobs."),
    click.option("--keep-printed-jobs/--forget-printed-jobs", default=None, help="Keep jobs after printing."),
)  # fmt: skip

_NAMES = (
    "description", "location", "language_monitor", "bidirectional", "on_uncertain", "redirect", "redirect_after",
    "redirect_across_monitors", "pool_order", "max_backlog_age", "catch_up_per_minute", "window", "mark_redirected", "prefetch", "on_host_restart", "print_while_spooling", "default_priority",
    "priority", "default_format", "accepting", "keep_printed_jobs",
)  # fmt: skip


def settings_options(function: _F) -> _F:
    """Add an option for everything that can be set."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def printer_of(settings: dict[str, Any]) -> tuple[Printer, list[str]]:
    """Return a printer with what was given set, and the names of those fields."""
    printer, fields = Printer(), []
    for name, value in settings.items():
        if value is None:
            continue
        fields.append(name)
        if isinstance(value, DailyWindow):
            printer.window.CopyFrom(value)
        elif isinstance(value, timedelta):
            getattr(printer, name).CopyFrom(duration(value))
        else:
            setattr(printer, name, _ENUMS[name][value] if name in _ENUMS else value)
    return printer, fields


def shown_settings(printer: Printer) -> Iterator[tuple[str, str]]:
    """Yield every setting that is not empty, in words."""
    for name in _NAMES:
        value = getattr(printer, name)
        if name in _ENUMS:
            text = next((word for word, number in _ENUMS[name].items() if number == value), "")
        elif isinstance(value, DailyWindow):
            text = _window_text(value)
        elif isinstance(value, bool):
            text = "yes" if value else ""
        elif printer.DESCRIPTOR.fields_by_name[name].message_type is not None:
            text = words.span(value.seconds) if value.seconds else ""
        else:
            text = str(value or "")
        yield name.replace("_", " "), text


def _window_text(window: DailyWindow) -> str:
    if window.start_minute == window.until_minute:
        return ""
    start, until = (f"{at // 60:02}:{at % 60:02}" for at in (window.start_minute, window.until_minute))
    return f"{start}-{until} {window.time_zone or 'UTC'}"
