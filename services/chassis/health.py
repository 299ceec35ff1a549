"""grpc.health.v1 for one process: a status per service, "" for all, `startup` and `liveness` for probes.

Written out here because grpc_health's own remembers every name a client ever watched, and ends no watch at a drain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]

SERVICE = "grpc.health.v1.Health"
STARTUP = "startup"
LIVENESS = "liveness"  # says only that the event loop turns; never depends on a database or a peer

_Status = health_pb2.HealthCheckResponse
_WATCHES = 256  # at once; a probe needs one
_NO_REQUEST = "what came is no HealthCheckRequest"


class Health:
    """What this process says of itself: NOT_SERVING until `serving()`, and again from `drain()` on."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = [*services]
        self._status = dict.fromkeys(("", STARTUP, *self._services), _Status.NOT_SERVING)
        self._status[LIVENESS] = _Status.SERVING
        self._changed = asyncio.Event()
        self._draining = False
        self._ended = False
        self._watches = 0

    def serving(self) -> None:
        """Say SERVING for all services: everything is started."""
        for name in self._status:
            self._status[name] = _Status.SERVING
        self._wake()

    def set(self, service: str, *, serving: bool) -> None:
        """Say whether one service serves, as while its database is away; a drain has the last word."""
        self._status[service] = _Status.SERVING if serving and not self._draining else _Status.NOT_SERVING
        self._wake()

    def drain(self) -> None:
        """Say NOT_SERVING for all services; the process still lives and has started."""
        self._draining = True
        for name in ("", *self._services):
            self._status[name] = _Status.NOT_SERVING
        self._wake()

    def end(self) -> None:
        """End all watches, so that no probe holds up the drain."""
        self._ended = True
        self._wake()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve this on `server`; without request ids and log lines, for nobody wants to read about probes."""
        answer = health_pb2.HealthCheckResponse.SerializeToString
        handlers = {
            "Check": grpc.unary_unary_rpc_method_handler(self.Check, _asked, answer),
            "List": grpc.unary_unary_rpc_method_handler(
                self.List, None, health_pb2.HealthListResponse.SerializeToString
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(self.Watch, _asked, answer),
        }
        server.add_registered_method_handlers(SERVICE, handlers)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        """Answer a service's status; NOT_FOUND for one that is not here, as the health protocol has it."""
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _NO_REQUEST)
        status = self._status.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return _Status(status=status)

    async def List(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - the contract's name
        """Answer all services with their status."""
        return health_pb2.HealthListResponse(
            statuses={name: _Status(status=status) for name, status in self._status.items()}
        )

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 - the contract's name
        """Answer a service's status now and at every change; SERVICE_UNKNOWN for one that is not here."""
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _NO_REQUEST)
        if self._watches >= _WATCHES:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watches of health")
        self._watches += 1
        try:
            last: int | None = None
            while not self._ended:
                changed = self._changed
                status = self._status.get(request.service, _Status.SERVICE_UNKNOWN)
                if status != last:
                    yield _Status(status=status)
                    last = status
                else:
                    await changed.wait()
        finally:
            self._watches -= 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _asked(data: bytes) -> Any:
    """Return a request, or None for what is none: grpc would log a traceback for each."""
    try:
        return health_pb2.HealthCheckRequest.FromString(data)
    except DecodeError:
        return None
