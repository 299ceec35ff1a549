"""Printers for the wire and back, with every field checked.

What the contract has and this version does not do is refused by name: a setting that is silently ignored would be
found out by the wrong paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from google.protobuf.field_mask_pb2 import FieldMask

from chassis.errors import FieldViolation, InvalidArgument
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as pb
from printfabric.types.v1 import port_pb2
from spooler.api.convert import duration_from_pb, port_from_pb, put_port, put_time, table
from spooler.daily_window import DAY, Window, check_zone
from spooler.moments import stamp
from spooler.printer import (
    BIDIRECTIONAL,
    MANAGED_BY,
    OnHostRestart,
    OnPortError,
    OnUncertain,
    PoolOrder,
    PortName,
    Prefetch,
    Printer,
)

# Settings of a printer that only the API knows are kept among its attributes under these names.
DEFAULT_FORMAT = "printfabric.default-format"
_OURS = frozenset({DEFAULT_FORMAT, BIDIRECTIONAL, MANAGED_BY})
# The names of our own language monitors as they are written; a host may have others.
_LANGUAGES = {"pjl": "PJL", "zpl": "ZPL", "esc/pos": "ESC/POS", "escpos": "ESC/POS"}

POOL_ORDERS = table(PoolOrder, pb.PoolOrder, "POOL_ORDER_")
ON_UNCERTAIN = table(OnUncertain, print_pb.UncertainDecision, "UNCERTAIN_DECISION_")
REDIRECTS = table(OnPortError, pb.RedirectPolicy, "REDIRECT_POLICY_")
PREFETCHES = table(Prefetch, pb.PrefetchPolicy, "PREFETCH_POLICY_")
ON_HOST_RESTART = table(OnHostRestart, port_pb2.HostRestartPolicy, "HOST_RESTART_POLICY_")
_PREFETCH_OF: Mapping[int, Prefetch] = {number: policy for policy, number in PREFETCHES.items()}
_ON_HOST_RESTART_OF: Mapping[int, OnHostRestart] = {number: one for one, number in ON_HOST_RESTART.items()}
_POOL_ORDER_OF: Mapping[int, PoolOrder] = {number: order for order, number in POOL_ORDERS.items()}
_AFTER = pb.REDIRECT_POLICY_REDIRECT_AFTER
_REDIRECT_OF: Mapping[int, OnPortError] = {number: policy for policy, number in REDIRECTS.items()}
_ON_UNCERTAIN_OF: Mapping[int, OnUncertain] = {number: rule for rule, number in ON_UNCERTAIN.items()}

MAX_TEXT = 255  # characters of a description or a location
MAX_PORTS = 64
MAX_LABELS = 64
MAX_LABEL_BYTES = 256
DEFAULT_PRIORITY = 50

OUTPUT_ONLY = frozenset(
    {"state", "state_reasons", "win32_status", "paused", "pause_reason", "queued_jobs", "etag", "pending_deletion",
     "create_time", "managed_by"}
)  # fmt: skip
SETTABLE = frozenset(pb.Printer.DESCRIPTOR.fields_by_name) - OUTPUT_ONLY - {"name"}


def put_settings(message: pb.Printer, printer: Printer) -> None:
    """Write what can be set, and what the store says of it; the live state is `printer_view`'s."""
    message.name = f"printers/{printer.name}"
    for port in printer.ports:
        entry = message.ports.add(standby=port in printer.standby)
        put_port(entry.port, port)
    message.description, message.location = printer.description, printer.location
    message.labels.update({key: text for key, text in printer.attributes.items() if key not in _OURS})
    message.pool_order = POOL_ORDERS[printer.pool_order]  # type: ignore[assignment]
    message.on_uncertain = ON_UNCERTAIN[printer.on_uncertain]  # type: ignore[assignment]
    message.redirect = REDIRECTS[printer.on_port_error]  # type: ignore[assignment]
    _put_times(message, printer)
    message.prefetch = PREFETCHES[printer.prefetch]  # type: ignore[assignment]
    message.on_host_restart = ON_HOST_RESTART[printer.on_host_restart]  # type: ignore[assignment]
    message.print_while_spooling = printer.print_while_spooling
    message.language_monitor = printer.language_monitor
    if printer.language_monitor:
        message.bidirectional = printer.way.bidirectional
    message.default_priority, message.priority = printer.default_job_priority, printer.priority
    message.accepting, message.keep_printed_jobs = printer.accepting, printer.keep_printed
    message.mark_redirected = printer.mark_redirected
    message.redirect_across_monitors = printer.redirect_across_monitors
    message.default_format = printer.attributes.get(DEFAULT_FORMAT, "")
    message.paused, message.etag = printer.paused is not None, printer.etag
    message.pending_deletion, message.managed_by = printer.pending_deletion, printer.managed_by
    if printer.paused is not None:
        who, when, why = printer.paused
        message.pause_reason = f"paused by {who} at {stamp(when)}" + (f": {why}" if why else "")
    if printer.created_at is not None:
        put_time(message.create_time, printer.created_at)


def _put_times(message: pb.Printer, printer: Printer) -> None:
    if printer.on_port_error is OnPortError.REDIRECT_AFTER:
        message.redirect_after.FromMilliseconds(round(printer.redirect_after_s * 1000))
    if printer.max_backlog_age_s is not None:
        message.max_backlog_age.FromMilliseconds(round(printer.max_backlog_age_s * 1000))
    message.catch_up_per_minute = printer.catch_up_per_minute
    if printer.window is not None:
        start, until, zone = printer.window
        message.window.CopyFrom(pb.DailyWindow(start_minute=start, until_minute=until, time_zone=zone))


def settings_from_pb(message: pb.Printer, printer: Printer) -> Printer:
    """Return `printer` with the settings of a message.

    Raises:
        InvalidArgument: with every wrong field.
    """
    wrong: list[FieldViolation] = []
    ports = _ports(message, wrong)
    wrong += _wrong_settings(message)
    if wrong:
        first = wrong[0]
        raise InvalidArgument(f"{first.field} {first.description}", fields=wrong)
    ours = {DEFAULT_FORMAT: message.default_format} if message.default_format else {}
    if message.language_monitor and message.HasField("bidirectional") and not message.bidirectional:
        ours[BIDIRECTIONAL] = "off"
    if printer.managed_by:
        ours[MANAGED_BY] = printer.managed_by
    return replace(
        printer,
        ports=ports,
        description=message.description,
        location=message.location,
        attributes={**message.labels, **ours},
        language_monitor=_LANGUAGES.get(message.language_monitor.casefold(), message.language_monitor),
        pool_order=_POOL_ORDER_OF.get(message.pool_order, PoolOrder.FIRST_AVAILABLE),
        on_uncertain=_ON_UNCERTAIN_OF.get(message.on_uncertain, OnUncertain.HOLD),
        standby=frozenset(port for port, entry in zip(ports, message.ports, strict=True) if entry.standby),
        mark_redirected=message.mark_redirected,
        redirect_across_monitors=message.redirect_across_monitors,
        on_port_error=_REDIRECT_OF.get(message.redirect, OnPortError.WAIT),
        redirect_after_s=message.redirect_after.ToMilliseconds() / 1000,
        max_backlog_age_s=(
            message.max_backlog_age.ToMilliseconds() / 1000 if message.HasField("max_backlog_age") else None
        ),
        catch_up_per_minute=message.catch_up_per_minute,
        window=_window(message),
        prefetch=_PREFETCH_OF.get(message.prefetch, Prefetch.AUTO),
        on_host_restart=_ON_HOST_RESTART_OF.get(message.on_host_restart, OnHostRestart.FINISH),
        print_while_spooling=message.print_while_spooling,
        default_job_priority=message.default_priority or DEFAULT_PRIORITY,
        priority=message.priority or DEFAULT_PRIORITY,
        accepting=message.accepting if message.HasField("accepting") else printer.accepting,
        keep_printed=message.keep_printed_jobs,
    )


def _wrong_settings(message: pb.Printer) -> Iterable[FieldViolation]:
    for field, text in (
        ("description", message.description),
        ("location", message.location),
        ("default_format", message.default_format),
        ("language_monitor", message.language_monitor),
    ):
        if len(text) > MAX_TEXT or not text.isprintable():
            yield FieldViolation(f"printer.{field}", f"must be at most {MAX_TEXT} printable characters")
    for field, number in (("default_priority", message.default_priority), ("priority", message.priority)):
        if number > 99:
            yield FieldViolation(f"printer.{field}", "must be 1 to 99, or 0 for 50")
    for field, number, words in (
        ("pool_order", message.pool_order, _POOL_ORDER_OF),
        ("redirect", message.redirect, _REDIRECT_OF),
        ("on_uncertain", message.on_uncertain, _ON_UNCERTAIN_OF),
        ("prefetch", message.prefetch, _PREFETCH_OF),
        ("on_host_restart", message.on_host_restart, _ON_HOST_RESTART_OF),
    ):
        if number and number not in words:
            yield FieldViolation(f"printer.{field}", f"{number} is none")
    yield from _while_spooling(message)
    yield from _times(message)
    yield from _labels(message.labels)


def _while_spooling(message: pb.Printer) -> Iterable[FieldViolation]:
    """Say with what a printer cannot begin before it has the whole document."""
    for excluded, why in (
        (len(message.ports) > 1, "goes with one port only: what has begun on one cannot go on at another"),
        (message.language_monitor, "goes without a language monitor: it has to know the whole document"),
        (message.prefetch == pb.PREFETCH_POLICY_ALWAYS, "and prefetch ALWAYS exclude each other"),
    ):
        if message.print_while_spooling and excluded:
            yield FieldViolation("printer.print_while_spooling", why)


def apply_mask(current: pb.Printer, given: pb.Printer, mask: FieldMask) -> pb.Printer:
    """Return the settings after an update: `given` where the mask says so, else as they are.

    An empty mask means all that can be set. Raises InvalidArgument for a path that cannot.
    """
    wrong = [path for path in mask.paths if path.split(".")[0] not in SETTABLE]
    if wrong:
        raise InvalidArgument(
            f"update_mask: {wrong[0]} cannot be set",
            fields=[("update_mask", f"{path} is no setting of a printer") for path in wrong],
        )
    merged = pb.Printer()
    merged.CopyFrom(current)
    given_names = {path.split(".")[0] for path in mask.paths} or SETTABLE
    for name in given_names:
        merged.ClearField(name)  # type: ignore[arg-type]
        FieldMask(paths=[name]).MergeMessage(given, merged)
    if "redirect" in given_names and "redirect_after" not in given_names and merged.redirect != _AFTER:
        merged.ClearField("redirect_after")
    return merged


def _ports(message: pb.Printer, wrong: list[FieldViolation]) -> tuple[PortName, ...]:
    ports: dict[tuple[str, str], PortName] = {}
    for number, entry in enumerate(message.ports):
        field = f"printer.ports[{number}].port"
        try:
            port = port_from_pb(entry.port, field)
        except InvalidArgument as error:
            wrong.extend(error.fields)
            continue
        if "," in port.port or len(port.port) > 63 or not port.port.isprintable():
            wrong.append(FieldViolation(field, "must be at most 63 printable characters without a comma"))
        if not port.host.isprintable():
            wrong.append(FieldViolation(field, "must be at a host with a printable name"))
        if port.key in ports:
            wrong.append(FieldViolation(field, f"{port} is named twice"))
        ports[port.key] = port
    if len(message.ports) > MAX_PORTS:
        wrong.append(FieldViolation("printer.ports", f"must be at most {MAX_PORTS}"))
    return tuple(ports.values())


def _window(message: pb.Printer) -> Window | None:
    window = Window(message.window.start_minute, message.window.until_minute, message.window.time_zone)
    return window if window.start_minute != window.until_minute else None


def _times(message: pb.Printer) -> Iterable[FieldViolation]:
    for field in ("redirect_after", "max_backlog_age"):
        if message.HasField(field):
            try:
                duration_from_pb(getattr(message, field), f"printer.{field}")
            except InvalidArgument as error:
                yield from error.fields
    after = message.redirect == pb.REDIRECT_POLICY_REDIRECT_AFTER
    if after is not message.HasField("redirect_after"):
        why = "is needed with REDIRECT_AFTER" if after else "goes with REDIRECT_AFTER only"
        yield FieldViolation("printer.redirect_after", why)
    if max(message.window.start_minute, message.window.until_minute) > DAY:
        yield FieldViolation("printer.window", f"is given in minutes of a day, at most {DAY}")
    try:
        check_zone(message.window.time_zone)
    except InvalidArgument as error:
        yield FieldViolation("printer.window.time_zone", f"is wrong: {error}")
    if message.ports and all(port.standby for port in message.ports):
        yield FieldViolation("printer.ports", "must not all be standby")


def _labels(labels: Mapping[str, str]) -> Iterable[FieldViolation]:
    if len(labels) > MAX_LABELS:
        yield FieldViolation("printer.labels", f"must be at most {MAX_LABELS}")
    for key, text in labels.items():
        printable = key and (key + text).isprintable()
        if not printable or max(len(key.encode()), len(text.encode())) > MAX_LABEL_BYTES:
            yield FieldViolation(
                f"printer.labels[{key[:40]}]", f"must be printable, at most {MAX_LABEL_BYTES} bytes a part"
            )
        if key in _OURS:
            yield FieldViolation(f"printer.labels[{key}]", "is a name of ours")
