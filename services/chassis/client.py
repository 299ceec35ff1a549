"""Channels to other services: keepalive, TLS that follows its files, deadlines, and the fabric's own errors.

    async with Channels(settings.monitors) as channels:
        monitor = MonitorServiceStub(channels.get("edge-7:50052"))
        try:
            await monitor.OpenPort(request)
        except PortBusy: ...

A channel here is a `grpc.aio.Channel` for stubs; below it grpc's own is made anew when the certificates change, while
calls that run on the old one run on to their end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from chassis import logs
from chassis.call import REQUEST_ID, current_call
from chassis.client_calls import Reading, Unary, Writing, WritingReading
from chassis.projected_token import ProjectedToken
from chassis.settings import ChannelSettings, is_loopback
from chassis.tasks import Tasks
from chassis.tls import CertificateError, ClientCertificates
from chassis.tracing import TRACEPARENT

log = logs.get(__name__)

_RETIREMENT_S = 24 * 3600.0  # how long streams may live on after their channel's certificates were replaced

# grpc waits up to two minutes between tries by default: a printer host that rebooted is wanted back sooner.
_RECONNECT = [
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 5000),
]


class Channels:
    """The channels of one service to its peers, one for each address, closed together.

    Args:
        settings: TLS, keepalive, deadline, token.
        idempotent: what may be repeated by grpc itself when the connection breaks: `package.Service/Method`.
        balance: over all addresses of a name by `round_robin` (with `dns:///` names), leaving out those whose
            `health_service` does not serve.
        bearer: returns whose token goes along with a call that is made now; empty: this service's own.
    """

    def __init__(
        self,
        settings: ChannelSettings | None = None,
        *,
        idempotent: Iterable[str] = (),
        balance: bool = False,
        health_service: str | None = None,
        bearer: Callable[[], str] | None = None,
    ) -> None:
        self.bearer = bearer
        self.settings = settings if settings is not None else ChannelSettings()
        self.options = _options(
            self.settings, list(idempotent), balance=balance, health_service=health_service
        )
        self.tasks = Tasks("channels")
        file = self.settings.token_file
        self.token = ProjectedToken(file) if file is not None else None
        self._channels: dict[str, Channel] = {}
        self._movable: list[Channel] = []

    def authorization(self) -> str:
        """Return the token that goes along with a call now: a person's, else this service's own; empty for none."""
        spoken = self.bearer() if self.bearer is not None else ""
        return spoken or (self.token.value() if self.token is not None else "")

    def get(self, address: str) -> Channel:
        """Return the channel to `host:port`, `dns:///name:port` or `unix:/path`; it connects at its first call.

        Raises:
            CertificateError: the files of the settings make no credentials.
        """
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = Channel(address, self)
        return channel

    def movable(self, address: str, server_name: str | None = None) -> Channel:
        """Return a channel of the caller's own, to a peer whose address may change (`Channel.move`). Raises as `get`.

        server_name: to expect in its certificate; None: as the settings say.
        """
        channel = Channel(address, self, server_name)
        self._movable.append(channel)
        return channel

    async def forget(self, address: str) -> None:
        """Close the channel to a peer that is gone; calls on it end with CANCELLED."""
        channel = self._channels.pop(address, None)
        if channel is not None:
            await channel.close()

    async def close(self) -> None:
        """Close all; calls that run end with CANCELLED."""
        for address in list(self._channels):
            await self.forget(address)
        for channel in self._movable:
            await channel.close()
        await self.tasks.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()


class Channel(grpc.aio.Channel):
    """A channel whose calls raise `FabricError` and know their request id, deadline and token."""

    def __init__(self, address: str, owner: Channels, server_name: str | None = None) -> None:
        self.address = address
        self.server_name = server_name
        self._owner = owner
        # A unix socket never leaves the machine and is served plain.
        tls = owner.settings.tls if not address.startswith("unix:") else None
        self._certificates = ClientCertificates(tls) if tls is not None else None
        self._usual_name = tls.server_name if tls is not None else None
        self._stale = False
        self.generation = 0
        self._inner = self._connect()

    def inner(self) -> grpc.aio.Channel:
        """Return grpc's channel of now: another one after the certificates changed."""
        if self._certificates is not None and (self._certificates.changed() or self._stale):
            try:
                fresh = self._connect()
            except CertificateError as error:
                self._stale = True
                log.warning(
                    "new certificate does not work, the old one stays", peer=self.address, error=str(error)
                )
                return self._inner
            old, self._inner, self._stale = self._inner, fresh, False
            self.generation += 1
            log.info("certificate read again", peer=self.address)
            self._owner.tasks.spawn(f"retire {self.address}", old.close(_RETIREMENT_S))
        return self._inner

    def move(self, address: str, server_name: str | None = None) -> None:
        """Lead to another address from now on; calls that run end with CANCELLED. Only for channels that are `movable`.

        Raises:
            CertificateError: the files of the settings make no credentials; nothing has changed.
        """
        before = self.address, self.server_name
        self.address, self.server_name = address, server_name
        try:
            fresh = self._connect()
        except CertificateError:
            self.address, self.server_name = before
            raise
        old, self._inner, self._stale = self._inner, fresh, False
        self.generation += 1
        self._owner.tasks.spawn(f"leave {before[0]}", old.close(0))

    def cut(self) -> None:
        """Part from who answers: calls that run end with CANCELLED, the next one connects anew. Raises as `move`."""
        self.move(self.address, self.server_name)

    def line(self) -> int:
        """Return which of grpc's channels a call made now takes: another one after a move, or with new certificates."""
        self.inner()
        return self.generation

    def _connect(self) -> grpc.aio.Channel:
        options = self._owner.options
        if self._certificates is None:
            owner = self._owner
            secret = owner.token is not None or owner.bearer is not None
            if secret and not (owner.settings.plaintext or is_loopback(self.address)):
                raise CertificateError(
                    f"a token would travel to {self.address} in the clear: set tls, or plaintext"
                )
            return grpc.aio.insecure_channel(self.address, options=options)
        if expected := self.server_name or self._usual_name:
            options = [*options, ("grpc.ssl_target_name_override", expected)]
        return grpc.aio.secure_channel(self.address, self._certificates.credentials(), options=options)

    def terms(self, metadata: Any, timeout: float | None, *, bounded: bool) -> tuple[Any, float | None]:
        """Return a call's metadata and time-out with what it inherits: request id, token, what is left of the deadline."""
        call, token = current_call.get(), self._owner.authorization()
        if call is not None or token:
            given = tuple(metadata or ())
            names = {name for name, _value in given}
            if call is not None and REQUEST_ID not in names:
                given = (*given, (REQUEST_ID, call.request_id))
            if call is not None and call.traceparent and TRACEPARENT not in names:
                given = (*given, (TRACEPARENT, call.traceparent))
            if token and "authorization" not in names:
                given = (*given, ("authorization", f"Bearer {token}"))
            metadata = given
        if timeout is None and bounded:
            timeout = self._owner.settings.deadline_s
        if call is not None and call.deadline is not None and bounded:
            left = max(0.0, call.deadline - asyncio.get_running_loop().time())
            timeout = left if timeout is None else min(timeout, left)
        return metadata, timeout

    def unary_unary(self, method: str, *how: Any, **more: Any) -> Any:
        """Return the callable of a unary method, for stubs."""
        return Unary(self, method, *how, **more)

    def unary_stream(self, method: str, *how: Any, **more: Any) -> Any:
        """Return the callable of a method that answers a stream, for stubs."""
        return Reading(self, method, *how, **more)

    def stream_unary(self, method: str, *how: Any, **more: Any) -> Any:
        """Return the callable of a method that is sent a stream, for stubs."""
        return Writing(self, method, *how, **more)

    def stream_stream(self, method: str, *how: Any, **more: Any) -> Any:
        """Return the callable of a method with streams both ways, for stubs."""
        return WritingReading(self, method, *how, **more)

    async def close(self, grace: float | None = None) -> None:
        """Close; calls that run have `grace` seconds to end."""
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return whether grpc is connected, and let it connect."""
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the state is another than the given."""
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the peer was reached; give it a deadline."""
        await self.inner().channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()


def _options(
    settings: ChannelSettings, idempotent: list[str], *, balance: bool, health_service: str | None
) -> list[tuple[str, Any]]:
    service_config: dict[str, Any] = {}
    if idempotent:
        # All five fields and at least two attempts, or grpc fails every call with INVALID_ARGUMENT.
        names = [dict(zip(("service", "method"), name.split("/"), strict=True)) for name in idempotent]
        retry = {
            "maxAttempts": 4,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        service_config["methodConfig"] = [{"name": names, "retryPolicy": retry}]
    if balance:
        service_config["loadBalancingConfig"] = [{"round_robin": {}}]
        if health_service is not None:
            service_config["healthCheckConfig"] = {"serviceName": health_service}
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 1 if idempotent else 0),
        *([("grpc.service_config", json.dumps(service_config))] if service_config else []),
        *_RECONNECT,
        *settings.keepalive.options(),
    ]
