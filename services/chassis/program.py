"""From a process's start to its exit code: settings, logs, event loop, signals."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, NoReturn, TypeVar

from chassis import grpc_log, grpc_poller, logs
from chassis.errors import FabricError
from chassis.listeners import StartError
from chassis.metrics import BUILD
from chassis.settings import Settings
from chassis.settings_help import version
from chassis.settings_sources import EX_CONFIG, SettingsError, load_or_exit
from chassis.tls import CertificateError

log = logs.get(__name__)

# sysexits.h
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70

# New objects between two looks for cycles. Python's 700 is reached by every few jobs, and each look costs their time.
_GC_THRESHOLD = 20_000
# What glibc keeps of freed memory at the end of each heap, and up to which size it takes from there (malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 8 << 20
_FROM_HEAP_BYTES = 4 << 20

S = TypeVar("S", bound=Settings)


def main(
    settings_class: type[S], run: Callable[[S], Awaitable[None]], argv: Sequence[str] | None = None
) -> NoReturn:
    """Run a program and exit: 0 after a drain, 78 for wrong settings, 69 when something it needs is away, 70 for a bug."""
    settings = load_or_exit(settings_class, argv)
    service = settings_class.service
    if wrong := grpc_poller.complaint():
        sys.stderr.write(f"fabric-{service}: {wrong}\n")
        raise SystemExit(EX_CONFIG)
    grpc_poller.forget_variables()
    with grpc_log.followed():
        logs.configure(service, log_format=settings.log.format, level=settings.log.level)
        BUILD.labels(service, version()).set(1)
        calm_collector()
        keep_pages()
        code = _run(service, settings, run)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process without taking Python down: a thread of gRPC's that comes back to it meanwhile crashes the process."""
    for flush in (logs.flush, sys.stdout.flush, sys.stderr.flush):
        with suppress(OSError, ValueError):  # nobody reads it any more
            flush()
    os._exit(code)


def calm_collector() -> None:
    """Let the cycle collector pass over what was imported: a full collection stops the world for 65 ms otherwise."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def keep_pages() -> None:
    """Let freed memory be used again: each piece of a large document came on fresh pages otherwise, 80 a MB."""
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:  # glibc has it
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _FROM_HEAP_BYTES)


def _run(service: str, settings: S, run: Callable[[S], Awaitable[None]]) -> int:
    async def program() -> None:
        asyncio.get_running_loop().set_exception_handler(_log_stray)
        await run(settings)

    try:
        with (
            _traces(settings, service),
            asyncio.Runner(loop_factory=_loop_factory(settings.server.uvloop)) as runner,
        ):
            runner.run(program())
    except (CertificateError, SettingsError) as error:
        sys.stderr.write(f"fabric-{service}: {error}\n")
        return EX_CONFIG
    except (StartError, FabricError) as error:
        sys.stderr.write(f"fabric-{service}: {error}\n")
        return EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130
    except Exception:
        log.exception("program failed")
        return EX_SOFTWARE
    return 0


def _traces(settings: Settings, service: str) -> AbstractContextManager[None]:
    """Return the context in which spans are brought out, if anybody collects them. Raises SettingsError."""
    if not settings.tracing.wanted:
        return nullcontext()
    try:
        from chassis.tracing_export import exporting  # noqa: PLC0415 - OpenTelemetry is an extra
    except ImportError as error:
        raise SettingsError(f"tracing needs the extra print-fabric[tracing]: {error}") from error
    return exporting(settings.tracing, service)


def _loop_factory(wanted: bool) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if not wanted:
        return None
    try:
        import uvloop  # noqa: PLC0415 - optional: not built for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _log_stray(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.error("stray failure", what=context.get("message"), error=repr(error), exc_info=error)


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Give the event that SIGTERM or SIGINT sets; the second SIGINT ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def interrupted() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)
