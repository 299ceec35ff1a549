"""Structured logs: JSON in a cluster, a readable line on a terminal, the facts of the call in every one.

    log = logs.get(__name__)
    log.info("job delivered", job=4711, port="edge-7/COM1:", bytes=1024)

Messages are short constants; facts are fields. Inside an RPC, request id, method and peer are bound by the chassis.
Libraries that use the standard `logging` come out in the same form.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal, TextIO, cast

from chassis.call import current_call
from chassis.call_lines import CallLines

# structlog loads rich and greenlet where they are installed: 4 MB and a tenth of a second of each service, and 1.1 MiB,
# for what is not drawn here and nobody uses.
_left_out = [name for name in ("rich", "greenlet") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_left_out, cast(Any, None)))
import structlog  # noqa: E402 - as if they were not installed
from structlog.typing import EventDict, FilteringBoundLogger, Processor  # noqa: E402

for _name in _left_out:
    del sys.modules[_name]

# A function's variables may be a document, a password or a token.
_without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)

# Who writes the lines of RPCs, and by which processors it can be told that nobody has changed them since; or nobody.
_quick: list[tuple[CallLines, Any]] = []

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]


def get(name: str) -> FilteringBoundLogger:
    """Return the logger of a module; cheap to call at import, configured later."""
    return cast(FilteringBoundLogger, structlog.get_logger(module=name))


def bind(**facts: object) -> None:
    """Add facts to every following log line of this task and the tasks it starts."""
    structlog.contextvars.bind_contextvars(**facts)


def configure(
    service: str, *, log_format: LogFormat = "auto", level: LogLevel = "info", stream: TextIO | None = None
) -> None:
    """Send all logs of this process to `stream` (standard error), once, at the start of a program."""
    out = stream if stream is not None else sys.stderr
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]

    shared: list[Processor] = [
        _add_call_facts,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if console:
        rendering: list[Processor] = [_for_people(out)]
        lines = None
    else:
        lines = CallLines(service, out)
        shared.insert(0, lines.first)
        rendering = [
            _of_service(service),
            structlog.processors.ExceptionRenderer(_without_locals),
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    _quick[:] = (
        [] if lines is None or threshold > logging.INFO else [(lines, structlog.get_config()["processors"])]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
    _take_over(out, formatter, max(threshold, logging.WARNING) if level != "debug" else threshold)


def _for_people(out: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )


def _of_service(service: str) -> Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def call_lines() -> CallLines | None:
    """Return who writes the lines of RPCs; None: structlog does, for they are wanted in another form, or looked at."""
    for lines, processors in _quick:
        if processors[0] == lines.first and structlog.get_config()["processors"] is processors:
            return lines
    return None


def flush() -> None:
    """Write what has not left yet, at the end of a program."""
    for lines, _ in _quick:
        lines.flush()


def _take_over(out: TextIO, formatter: logging.Formatter, threshold: int) -> None:
    """Send what libraries log by the standard library to `out` too."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)


def _add_call_facts(_logger: Any, _method: str, event: EventDict) -> EventDict:
    call = current_call.get()
    if call is not None:
        for name, value in call.facts().items():
            event.setdefault(name, value)
    return event
