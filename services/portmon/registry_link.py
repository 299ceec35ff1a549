"""The way to the spooler that keeps this host's ports (RegistryService), and the copy of them on the host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chassis.client import Channels
from chassis.errors import HostUnreachable, StoreUnavailable
from portmon.registry_store import Kept
from portmon.whole_file import replace_file
from printfabric.spooler.v1 import registry_service_pb2 as pb
from printfabric.spooler.v1.registry_service_pb2_grpc import RegistryServiceStub

_TIMEOUT_S = 5.0


class RegistryLink:
    """`registry_store.Keeper` over gRPC. Calls come from other threads than the event loop's."""

    def __init__(self, channels: Channels, address: str, host: str) -> None:
        self._stub: Any = RegistryServiceStub(channels.get(address))
        self._host, self._loop = host, asyncio.get_running_loop()

    def get(self) -> Kept:
        """Return what is kept."""
        request = pb.GetHostConfigRequest(host=self._host)
        answer = self._wait(self._stub.GetHostConfig, request)
        return Kept(answer.document, answer.revision)

    def put(self, document: bytes, expected: str) -> str:
        """Keep another one."""
        request = pb.PutHostConfigRequest(host=self._host, document=document, expected_revision=expected)
        return str(self._wait(self._stub.PutHostConfig, request).revision)

    def _wait(self, method: Callable[..., Awaitable[Any]], request: object) -> Any:
        async def whole() -> Any:
            return await method(request, timeout=_TIMEOUT_S)  # a call belongs to the loop that makes it

        future = asyncio.run_coroutine_threadsafe(whole(), self._loop)
        try:
            return future.result(_TIMEOUT_S * 2)
        except TimeoutError as error:
            future.cancel()
            raise HostUnreachable("the spooler does not answer") from error


class FileCopy:
    """`registry_store.Copy` in one file, written beside, fsynced, renamed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> bytes:
        """Return it."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be read: {error.strerror}") from error

    def save(self, document: bytes) -> None:
        """Write it."""
        try:
            replace_file(self._path, document)
        except OSError as error:
            text = f"the copy of the host's ports cannot be written: {error.strerror}"
            raise StoreUnavailable(text, path=self._path) from error
