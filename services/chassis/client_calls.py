"""The four shapes of a call on a `chassis.client.Channel`: grpc's own, but failures are `FabricError`s.

Wrappers and not client interceptors, for grpc runs each of those in a task of its own. Whatever a wrapper does not
have (`code`, `cancel`, `trailing_metadata`, …) is grpc's call's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

import grpc
import grpc.aio

from chassis.errors import CallCanceled, FabricError
from chassis.status import error_from_rpc


class Way(Protocol):
    """The channel that a method's calls go through."""

    generation: int  # rises whenever `inner` is another one

    def inner(self) -> grpc.aio.Channel:
        """Return grpc's channel of now."""

    def terms(self, metadata: Any, timeout: float | None, *, bounded: bool) -> tuple[Any, float | None]:
        """Return what a call inherits: (metadata, time-out in seconds); `bounded` calls get a deadline in any case."""


class _RunningCall:
    """What all four have: grpc's call, with our errors."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    async def wait_for_connection(self) -> None:
        """Wait until the peer has been reached."""
        with _our_errors(self._call):
            await self._call.wait_for_connection()


@contextmanager
def _our_errors(call: Any) -> Iterator[None]:
    """Raise what grpc raises of a call as the fabric's errors.

    A channel that is closed cancels its calls, and then grpc raises CancelledError in whoever waits for one: a task that
    nobody has cancelled would end without a word.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if not call.cancelled() or (task is not None and task.cancelling()):
            raise
        raise CallCanceled("the call was cancelled at this end") from error


class _Answer(_RunningCall):
    """A call with one answer: `await` it."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Any]:
        with _our_errors(self._call):
            return (yield from self._call.__await__())


class _Answers(_RunningCall):
    """A call with a stream of answers: `async for`, or `read()` until `grpc.aio.EOF`; not both on one call."""

    __slots__ = ()

    async def __aiter__(self) -> AsyncIterator[Any]:
        with _our_errors(self._call):
            async for answer in self._call:
                yield answer

    async def read(self) -> Any:
        """Return the next answer, or `grpc.aio.EOF` after the last."""
        with _our_errors(self._call):
            return await self._call.read()


class _Requests(_RunningCall):
    """A call that is sent a stream."""

    __slots__ = ()

    async def write(self, request: Any) -> None:
        """Send one message; waits while the peer takes no more.

        Raises:
            FabricError: how the call ended, if it has. `CallCanceled` when the server ended it well but early:
                read its answers for why.
        """
        try:
            with _our_errors(self._call):
                await self._call.write(request)
        except asyncio.InvalidStateError as error:
            raise await self._ended() from error

    async def done_writing(self) -> None:
        """Say that nothing more is sent."""
        with _our_errors(self._call):
            await self._call.done_writing()

    async def _ended(self) -> FabricError:
        call = self._call
        code = await call.code()
        if code is grpc.StatusCode.OK:
            return CallCanceled("the server has ended the call")
        no_initial = grpc.aio.Metadata()
        return error_from_rpc(
            grpc.aio.AioRpcError(code, no_initial, await call.trailing_metadata(), await call.details())
        )


class _RequestsAnswer(_Requests, _Answer):
    __slots__ = ()


class _RequestsAnswers(_Requests, _Answers):
    __slots__ = ()


class _Method:
    """A method of a peer, to be called. Small: each of a thousand hosts has stubs, with all methods of their services."""

    __slots__ = ("_call", "_generation", "_how", "_name", "_way")
    shape: ClassVar[str]

    def __init__(
        self,
        way: Way,
        name: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool = False,
    ) -> None:
        """Take what a generated stub gives to a channel."""
        self._way, self._name = way, name
        self._how = (request_serializer, response_deserializer, _registered_method)
        self._generation, self._call = -1, None

    def _grpcs(self) -> Any:
        """Return grpc's own callable, kept while grpc's channel is the same."""
        inner = self._way.inner()
        if self._generation != self._way.generation:
            self._call = getattr(inner, self.shape)(self._name, *self._how)
            self._generation = self._way.generation
        return self._call


class Unary(_Method):
    """One message each way; without a time-out of its own it gets the channel's."""

    __slots__ = ()
    shape = "unary_unary"

    def __call__(
        self, request: Any, *, timeout: float | None = None, metadata: Any = None, **more: Any
    ) -> _Answer:
        """Start the call."""
        metadata, timeout = self._way.terms(metadata, timeout, bounded=True)
        return _Answer(self._grpcs()(request, timeout=timeout, metadata=metadata, **more))


class Reading(_Method):
    """One message there, a stream back; lives as long as both want."""

    __slots__ = ()
    shape = "unary_stream"

    def __call__(
        self, request: Any, *, timeout: float | None = None, metadata: Any = None, **more: Any
    ) -> _Answers:
        """Start the call."""
        metadata, timeout = self._way.terms(metadata, timeout, bounded=False)
        return _Answers(self._grpcs()(request, timeout=timeout, metadata=metadata, **more))


class Writing(_Method):
    """A stream there, one message back; how long it takes depends on the stream, so it gets no deadline."""

    __slots__ = ()
    shape = "stream_unary"

    def __call__(
        self, requests: Any = None, timeout: float | None = None, metadata: Any = None, **more: Any
    ) -> _RequestsAnswer:
        """Start the call; without `requests` they are written one by one."""
        metadata, timeout = self._way.terms(metadata, timeout, bounded=False)
        return _RequestsAnswer(self._grpcs()(requests, timeout=timeout, metadata=metadata, **more))


class WritingReading(_Method):
    """Streams both ways; lives as long as both want."""

    __slots__ = ()
    shape = "stream_stream"

    def __call__(
        self, requests: Any = None, timeout: float | None = None, metadata: Any = None, **more: Any
    ) -> _RequestsAnswers:
        """Start the call; without `requests` they are written one by one."""
        metadata, timeout = self._way.terms(metadata, timeout, bounded=False)
        return _RequestsAnswers(self._grpcs()(requests, timeout=timeout, metadata=metadata, **more))
