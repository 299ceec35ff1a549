"""One channel to the spooler: credentials, keepalive, deadlines, and errors turned into ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import grpc

from printfabric_client.address import Tls, Token, is_local, target_of
from printfabric_client.errors import FabricError, HostUnreachable
from printfabric_client.retry import Patience, Retry
from printfabric_client.status import error_from_rpc
from printfabric_client.tracing import trace_metadata

_RequestT_contra = TypeVar("_RequestT_contra", contravariant=True)
_ResponseT_co = TypeVar("_ResponseT_co", covariant=True)
_ItemT_co = TypeVar("_ItemT_co", covariant=True)

Metadata = tuple[tuple[str, str], ...]

# A page of 1,000 jobs with their ledgers is larger than gRPC's 4 MiB.
_MAX_ANSWER_BYTES = 64 * 1024 * 1024


class _Unary(Protocol[_RequestT_contra, _ResponseT_co]):
    def __call__(
        self, request: _RequestT_contra, /, *, timeout: float | None, metadata: Metadata
    ) -> Awaitable[_ResponseT_co]: ...


class _Streaming(Protocol[_RequestT_contra, _ItemT_co]):
    def __call__(
        self, request: _RequestT_contra, /, *, timeout: float | None, metadata: Metadata
    ) -> _Stream[_ItemT_co]: ...


class _Stream(Protocol[_ItemT_co]):
    def __aiter__(self) -> AsyncIterator[_ItemT_co]: ...
    def cancel(self) -> bool: ...


class Connection:
    """An open channel and how calls are made on it. Made inside a running event loop; closed by `close`.

    Args:
        address: `host:port`, `unix:/path` or `dns:///name:port`.
        tls: None speaks plaintext.
        token: sent as a bearer token; refused on a plaintext connection that leaves the machine.
        timeout_s: deadline of every single unary call.
        retry: for calls that are safe to repeat.

    Raises:
        ValueError: the address, or a token without TLS.
        OSError: a certificate file cannot be read.
    """

    def __init__(
        self, address: str, *, tls: Tls | None, token: Token | None, timeout_s: float, retry: Retry
    ) -> None:
        self.target = target_of(address)
        self.retry = retry
        self._timeout_s = timeout_s
        self._token = token
        if token is not None and tls is None and not is_local(self.target):
            raise ValueError(f"a token would travel to {self.target} in the clear: give it TLS")
        options = _options(tls)
        if tls is None:
            self.channel = grpc.aio.insecure_channel(self.target, options=options)
        else:
            self.channel = grpc.aio.secure_channel(self.target, _credentials(tls), options=options)

    async def close(self) -> None:
        """Close the channel; calls in flight end as canceled."""
        await self.channel.close()

    @property
    def metadata(self) -> Metadata:
        """What goes with every call."""
        position = trace_metadata()
        if self._token is None:
            return position
        token = self._token if isinstance(self._token, str) else self._token()
        return (("authorization", f"Bearer {token}"), *position)

    async def call(
        self,
        method: _Unary[_RequestT_contra, _ResponseT_co],
        request: _RequestT_contra,
        *,
        safe: bool = False,
        timeout_s: float | None = None,
    ) -> _ResponseT_co:
        """Make a unary call. `safe`: a repeat does no harm, so it is repeated while the spooler is unavailable.

        Raises:
            FabricError: the call failed.
        """
        patience = Patience(self.retry)
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        while True:
            try:
                return await method(request, timeout=limit_s, metadata=self.metadata)
            except grpc.aio.AioRpcError as failed:
                error = self.explained(failed)
            if not safe:
                raise error
            await patience.pause(error)

    async def stream(
        self, method: _Streaming[_RequestT_contra, _ItemT_co], request: _RequestT_contra
    ) -> AsyncGenerator[_ItemT_co, None]:
        """Make a call with a stream of answers, without a deadline: keepalive ends it when the peer is gone.

        Raises:
            FabricError: the stream broke.
        """
        call = method(request, timeout=None, metadata=self.metadata)
        try:
            async for item in call:
                yield item
        except grpc.aio.AioRpcError as failed:
            raise self.explained(failed) from None
        except asyncio.CancelledError:
            # grpc.aio raises this also when the channel was closed under the call.
            call.cancel()
            raise
        finally:
            call.cancel()

    def explained(self, failed: Any) -> FabricError:
        """Return the error of a failed call; when nobody answered at all, the address is in it."""
        error = error_from_rpc(failed)
        if error.reason == "INTERNAL" and error.message == "Internal error from Core":
            # What grpc.aio says when a write meets a stream that has just ended: the next attempt learns why.
            error = HostUnreachable("the connection broke while sending")
        if error.reason == "HOST_UNREACHABLE":
            error.metadata.setdefault("address", self.target)
        return error


def _options(tls: Tls | None) -> list[tuple[str, int | str]]:
    options: list[tuple[str, int | str]] = [
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Without it a frozen peer is noticed after 62 s only, whatever keepalive_timeout says (grpcio 1.85).
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
        # Back on a spooler that was restarted within a second, instead of gRPC's growing pauses of up to 2 minutes.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # A fabric is on the local network or behind a Service: a web proxy in the environment is never meant.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    ]
    if tls and tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return options


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    def content(file: Path | None) -> bytes | None:
        return None if file is None else file.read_bytes()

    return grpc.ssl_channel_credentials(content(tls.ca_file), content(tls.key_file), content(tls.cert_file))
