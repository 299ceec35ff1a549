"""The same client without asyncio: `with Client() as fabric: job = fabric.submit(b"^XA…^XZ", printer="labels")`.

Every method is the asyncio client's own, run on an event loop in a background thread; arguments, results and errors
are the same, async iterators become iterators. A client may be used from several threads.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from printfabric_client import aio, alerts, ports, printers
from printfabric_client.address import Tls, Token
from printfabric_client.retry import Retry

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon, so that a program that forgets to close its client can still end.
        self._thread = threading.Thread(target=self._loop.run_forever, name="printfabric", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C in the waiting thread ends the call as well.
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[_T]) -> Iterator[_T]:
        end = object()

        async def step() -> object:
            return await anext(items, end)

        try:
            while (item := self.run(step())) is not end:
                yield item  # type: ignore[misc]
        finally:
            if isinstance(items, AsyncGenerator):
                self.run(items.aclose())

    @contextmanager
    def entered(self, context: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
        async def enter() -> _T:
            return await context.__aenter__()

        async def leave(error: BaseException | None) -> None:
            await context.__aexit__(type(error) if error else None, error, None)

        value = self.run(enter())
        try:
            yield value
        except BaseException as error:
            self.run(leave(error))
            raise
        self.run(leave(None))

    def close(self) -> None:
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Twin:
    """Something whose work is done by its asyncio twin on a loop."""

    _loop: _Loop
    _twin: Any

    def __init__(self, twin: Any, loop: _Loop) -> None:
        self._twin, self._loop = twin, loop


def _blocking(
    method: Callable[Concatenate[Any, _P], Coroutine[Any, Any, _T]],
) -> Callable[Concatenate[Any, _P], _T]:
    @functools.wraps(method)
    def call(self: _Twin, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._loop.run(method(self._twin, *args, **kwargs))

    return call


def _iterating(
    method: Callable[Concatenate[Any, _P], AsyncIterator[_T]],
) -> Callable[Concatenate[Any, _P], Iterator[_T]]:
    @functools.wraps(method)
    def call(self: _Twin, /, *args: _P.args, **kwargs: _P.kwargs) -> Iterator[_T]:
        return self._loop.iterate(method(self._twin, *args, **kwargs))

    return call


class Xcv(_Twin):
    """An open management session with a port or a monitor."""

    data = _blocking(ports.Xcv.data)
    stream = _iterating(ports.Xcv.stream)


def _session(
    method: Callable[Concatenate[Any, _P], AbstractAsyncContextManager[ports.Xcv]],
) -> Callable[Concatenate[Any, _P], AbstractContextManager[Xcv]]:
    @functools.wraps(method)
    @contextmanager
    def call(self: _Twin, /, *args: _P.args, **kwargs: _P.kwargs) -> Iterator[Xcv]:
        with self._loop.entered(method(self._twin, *args, **kwargs)) as twin:
            yield Xcv(twin, self._loop)

    return call


class Printers(_Twin):
    """Printers of the fabric; `client.printers`."""

    create = _blocking(printers.Printers.create)
    get = _blocking(printers.Printers.get)
    list = _iterating(printers.Printers.list)
    update = _blocking(printers.Printers.update)
    delete = _blocking(printers.Printers.delete)
    pause = _blocking(printers.Printers.pause)
    resume = _blocking(printers.Printers.resume)
    purge = _blocking(printers.Printers.purge)
    data = _blocking(printers.Printers.data)


class Ports(_Twin):
    """Ports of all hosts; `client.ports`."""

    list = _iterating(ports.Ports.list)
    get = _blocking(ports.Ports.get)
    add = _blocking(ports.Ports.add)
    configure = _blocking(ports.Ports.configure)
    delete = _blocking(ports.Ports.delete)
    pause = _blocking(ports.Ports.pause)
    resume = _blocking(ports.Ports.resume)
    tap = _iterating(ports.Ports.tap)
    xcv = _session(ports.Ports.xcv)
    xcv_monitor = _session(ports.Ports.xcv_monitor)


class Hosts(_Twin):
    """Machines with a port-monitor service; `client.hosts`."""

    list = _iterating(ports.Hosts.list)
    monitors = _blocking(ports.Hosts.monitors)


class Alerts(_Twin):
    """What needs somebody; `client.alerts`."""

    list = _blocking(alerts.Alerts.list)
    acknowledged = _blocking(alerts.Alerts.acknowledged)
    acknowledge = _blocking(alerts.Alerts.acknowledge)
    withdraw = _blocking(alerts.Alerts.withdraw)


class Client(_Twin):
    """A connection to a spooler; arguments as for `printfabric_client.aio.Client`."""

    printers: Printers
    ports: Ports
    hosts: Hosts
    alerts: Alerts

    def __init__(
        self,
        address: str | None = None,
        *,
        tls: Tls | None = None,
        token: Token | None = None,
        timeout_s: float = 30.0,
        retry: Retry | None = None,
    ) -> None:
        twin = aio.Client(address, tls=tls, token=token, timeout_s=timeout_s, retry=retry)
        super().__init__(twin, _Loop())
        self.address = twin.address

    def __enter__(self) -> Self:
        try:
            self._loop.run(self._twin.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        self.printers = Printers(self._twin.printers, self._loop)
        self.ports = Ports(self._twin.ports, self._loop)
        self.hosts = Hosts(self._twin.hosts, self._loop)
        self.alerts = Alerts(self._twin.alerts, self._loop)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.run(self._twin.__aexit__())
        self._loop.close()

    submit = _blocking(aio.Client.submit)
    upload = _blocking(aio.Client.upload)
    submit_many = _iterating(aio.Client.submit_many)
    get = _blocking(aio.Client.get)
    list = _iterating(aio.Client.list)
    update = _blocking(aio.Client.update)
    cancel = _blocking(aio.Client.cancel)
    hold = _blocking(aio.Client.hold)
    release = _blocking(aio.Client.release)
    restart = _blocking(aio.Client.restart)
    move = _blocking(aio.Client.move)
    resume = _blocking(aio.Client.resume)
    resolve = _blocking(aio.Client.resolve)
    resolve_each = _blocking(aio.Client.resolve_each)
    reprint = _blocking(aio.Client.reprint)
    attempts = _iterating(aio.Client.attempts)
    events = _iterating(aio.Client.events)
    read_document = _iterating(aio.Client.read_document)
    follow = _iterating(aio.Client.follow)
    wait = _blocking(aio.Client.wait)
    watch = _iterating(aio.Client.watch)
    explain = _blocking(aio.Client.explain)
    history = _iterating(aio.Client.history)
