"""The gRPC server of a program: everything from the settings to the last drained call.

    async def run(settings: SpoolerSettings) -> None:
        async with SqlStore.open(settings.database) as store:
            dispatcher = Dispatcher(store)
            await server.serve(
                settings,
                servicers=[(add_PrintServiceServicer_to_server, PrintServicer(store), "printfabric.spooler.v1.PrintService")],
                loops=[dispatcher.run],
                on_drain=[dispatcher.drain],
            )

    def main() -> None:
        server.main(SpoolerSettings, run)

The drain, in this order and no other: health says NOT_SERVING; `drain_delay_s` for balancers to see it; no new
connection or call; the `on_drain` callbacks one after the other, while calls in flight end by themselves; what is left
after `grace_s` is cancelled; the loops are cancelled; health and metrics stop; `serve` returns and the caller closes
what it opened. A second SIGINT ends the process at once.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from chassis import logs
from chassis.authentication import BY_SETTINGS, Authenticator, Callers
from chassis.guard import Guard
from chassis.health import SERVICE as HEALTH_SERVICE
from chassis.health import Health
from chassis.identity import Authorize, known_with_a_role
from chassis.interceptors import Registrar, Wall
from chassis.listeners import StartError, bind, remove_socket
from chassis.metrics_page import MetricsPage
from chassis.program import main, stop_signals
from chassis.settings import ServerSettings, Settings, is_loopback
from chassis.tasks import Tasks
from chassis.tls import ServerCertificates

__all__ = ["Server", "Servicer", "StartError", "main", "serve"]

log = logs.get(__name__)

# As long as gRPC's clients try to connect. Who says nothing holds a connection no longer.
_HANDSHAKE_S = 20.0
_HURRY_S = 1.0  # grace of a service that can do its work no more

Callback = Callable[[], Awaitable[None]]
Servicer = tuple[Callable[[Any, Any], None], Any, str]
"""(add_XServicer_to_server, the servicer, "package.Service"): the chassis imports no contract."""


class Server:
    """One gRPC server with all that stands beside it; `serve` runs one, tests run several in one process.

    Args:
        settings: the `server` section.
        servicers: what to serve.
        on_drain: called one after the other when the server stops accepting; bring work in flight to its end here.
        authorize: the role check before every RPC.
        callers: how callers are known beside the settings.
        log_ok: a log line for calls that went well, too.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        servicers: Sequence[Servicer],
        on_drain: Iterable[Callback] = (),
        authorize: Authorize = known_with_a_role,
        callers: Callers = BY_SETTINGS,
        log_ok: bool = True,
    ) -> None:
        self._settings = settings
        self._servicers = list(servicers)
        self._on_drain = list(on_drain)
        authenticator = Authenticator(
            settings.access,
            listen=settings.listen,
            socket_mode=settings.socket_mode,
            callers=callers,
            tls=settings.tls is not None,
        )
        guard = Guard(settings.limits)
        self._wall = Wall(
            authenticator, authorize, guard, log_ok=log_ok, max_bytes=settings.max_message_bytes
        )
        self._grpc: list[grpc.aio.Server] = []
        self._page: MetricsPage | None = None
        self._stopped = False
        self.health = Health(name for _add, _servicer, name in self._servicers)
        self.addresses: list[str] = []
        self.metrics_address: str | None = None
        self.health_address: str | None = None
        self.hurry = False  # what is in flight cannot end well any more: somebody else is waited for

    async def start(self) -> None:
        """Bind, serve, say SERVING, write the ready file.

        Raises:
            StartError: an address cannot be bound, or the ready file not written.
            CertificateError: the certificates do not work.
        """
        settings = self._settings
        credentials = ServerCertificates(settings.tls).credentials() if settings.tls is not None else None
        front = self._new_server()
        for add, servicer, _name in self._servicers:
            add(servicer, Registrar(front, self._wall))
        self.health.add_to(front)
        if settings.reflection:
            _add_reflection([name for _add, _servicer, name in self._servicers], Registrar(front, self._wall))
        mode = int(settings.socket_mode, 8)
        try:
            for address in settings.listen:
                if credentials is None and not is_loopback(address):
                    _allow_plaintext(settings, address)
                self.addresses.append(bind(front, address, credentials=credentials, socket_mode=mode))
            await front.start()
            await self._start_beside(mode)
            self.health.serving()
            _write_ready(settings.ready_file, self.addresses, self.metrics_address)
        except BaseException:
            await self._halt(0)
            raise
        log.info(
            "serving", addresses=self.addresses, metrics=self.metrics_address, health=self.health_address
        )

    async def _start_beside(self, mode: int) -> None:
        settings = self._settings
        if settings.health_listen is not None:
            probes = self._new_server()
            self.health.add_to(probes)
            self.health_address = bind(probes, settings.health_listen, credentials=None, socket_mode=mode)
            await probes.start()
        if settings.metrics_listen is not None:
            self._page = await _open_page(settings.metrics_listen)
            self.metrics_address = self._page.address

    async def stop(self) -> None:
        """Drain, in the one order; harmless when repeated."""
        if self._stopped:
            return
        self._stopped = True
        settings = self._settings
        self.health.drain()
        if settings.ready_file is not None:
            settings.ready_file.unlink(missing_ok=True)
        delay_s, grace_s = (0.0, _HURRY_S) if self.hurry else (settings.drain_delay_s, settings.grace_s)
        log.info("draining", delay_s=delay_s, grace_s=grace_s)
        await asyncio.sleep(delay_s)
        self.health.end()
        deadline = asyncio.get_running_loop().time() + grace_s
        async with Tasks("drain") as tasks:
            stopping = tasks.spawn("stop", self._grpc[0].stop(grace_s))
            for callback in self._on_drain:
                await _run_callback(callback, deadline)
            await stopping
        await self._halt(0)
        log.info("drained")

    async def _halt(self, grace_s: float) -> None:
        for server in self._grpc:
            await server.stop(grace_s)
        self._grpc.clear()
        for address in self.addresses:
            remove_socket(address)
        if self._page is not None:
            await self._page.close()
            self._page = None

    def _new_server(self) -> grpc.aio.Server:
        settings = self._settings
        options: list[tuple[str, Any]] = [
            # Two servers on one port would each get some of the calls, and neither would know.
            ("grpc.so_reuseport", 0),
            # As much again is read, so that the wall, which knows our errors, refuses what is too large.
            ("grpc.max_receive_message_length", 2 * settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.server_handshake_timeout_ms", round(_HANDSHAKE_S * 1000)),
            ("grpc.max_concurrent_streams", settings.limits.streams),
            # gRPC's own windows follow bandwidth and delay, and grow to several times their product: 45 MiB for a call that
            # is read slower than it is sent. Without probes they are what they are told to be.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", settings.window_bytes),
            *settings.keepalive.server_options(),
        ]
        if settings.max_connection_age_s is not None:
            options += [
                ("grpc.max_connection_age_ms", round(settings.max_connection_age_s * 1000)),
                ("grpc.max_connection_age_grace_ms", round(settings.grace_s * 1000)),
            ]
        server = grpc.aio.server(options=options)
        self._grpc.append(server)
        return server

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()


async def serve(
    settings: Settings,
    *,
    servicers: Sequence[Servicer],
    loops: Sequence[Callback] = (),
    on_drain: Sequence[Callback] = (),
    authorize: Authorize = known_with_a_role,
    callers: Callers = BY_SETTINGS,
    until: Callable[[], Coroutine[Any, Any, Any]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return. `loops` are supervised and come back after a failure.

    `until` ends it as well: it waits, and raises when this process can serve no more.

    Raises:
        StartError, CertificateError: see `Server.start`.
        Exception: what `until` raised, after the drain.
    """
    server = Server(
        settings.server,
        servicers=servicers,
        on_drain=on_drain,
        authorize=authorize,
        callers=callers,
        log_ok=settings.log.rpc == "all",
    )
    with stop_signals() as stop:
        async with Tasks("loops") as tasks, server:
            for loop in loops:
                tasks.supervise(getattr(loop, "__qualname__", repr(loop)), loop)
            end = tasks.spawn("until", until()) if until is not None else None
            if end is not None:
                end.add_done_callback(lambda _: stop.set())
            await stop.wait()
            server.hurry = end is not None and end.done()
    if end is not None and not end.cancelled():
        end.result()


def _add_reflection(names: Sequence[str], server: Any) -> None:
    # A tool's need, imported only for those who want it.
    from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc  # type: ignore[import-untyped]  # noqa: PLC0415

    servicer = reflection.aio.ReflectionServicer((*names, HEALTH_SERVICE, reflection.SERVICE_NAME))
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)


def _allow_plaintext(settings: ServerSettings, address: str) -> None:
    if not settings.plaintext:
        raise StartError(
            f"{address} can be reached by others and there is no TLS: set server.tls, or server.plaintext = true where"
            " something else encrypts"
        )
    log.warning("serving without TLS: callers can be known by tokens only, and be read", address=address)


async def _open_page(address: str) -> MetricsPage:
    try:
        return await MetricsPage.open(address)
    except OSError as error:
        raise StartError(f"cannot listen on {address} for metrics: {error.strerror or error}") from error


async def _run_callback(callback: Callback, deadline: float) -> None:
    name = getattr(callback, "__qualname__", repr(callback))
    try:
        async with asyncio.timeout_at(deadline):
            await callback()
    except TimeoutError:
        log.warning("drain step took longer than the grace time", step=name)
    except Exception:
        log.exception("drain step failed", step=name)


def _write_ready(path: Path | None, addresses: Sequence[str], metrics: str | None) -> None:
    if path is None:
        return
    text = json.dumps({"pid": os.getpid(), "addresses": list(addresses), "metrics": metrics})
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StartError(f"cannot write {path}: {error.strerror}") from error
