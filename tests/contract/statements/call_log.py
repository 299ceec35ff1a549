"""Stands between a spooler and its port monitor, passes everything on as it is, and notes which function was called when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xcv_pb

_SERVICE = "/printfabric.monitor.v1.MonitorService/"
_NOTED: dict[str, Any] = {
    "OpenPort": pb.OpenPortRequest, "OpenPortEx": pb.OpenPortExRequest, "ClosePort": pb.ClosePortRequest,
    "NotifyUsedPorts": pb.NotifyUsedPortsRequest, "NotifyUnusedPorts": pb.NotifyUnusedPortsRequest,
    "Shutdown": pb.ShutdownRequest,
    "/printfabric.monitor.v1.XcvService/XcvDataPort": xcv_pb.XcvDataPortRequest,
}  # fmt: skip


@dataclass
class Call:
    """One call that passed: the function, its request, when it began and when it was answered (monotonic)."""

    function: str
    request: Any
    began: float
    ended: float = 0.0
    ok: bool = False
    port: str = ""


class CallLog(grpc.GenericRpcHandler):
    """The proxy. `calls` are in the order in which they began."""

    def __init__(self, target: str, address: str) -> None:
        self.calls: list[Call] = []
        self._ports: dict[bytes, str] = {}  # which port a handle stands for
        self.lock = threading.Lock()  # guards calls and _ports between the server's threads
        self._channel: Any = grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
        self._server = grpc.server(ThreadPoolExecutor(64, thread_name_prefix="call-log"))
        self._server.add_generic_rpc_handlers([self])
        assert self._server.add_insecure_port(address)
        self._server.start()

    def stop(self) -> None:
        """End the proxy."""
        self._server.stop(None).wait()
        self._channel.close()

    def service(self, details: Any) -> Any:
        """Pass any method on, whatever its shape."""
        method: str = details.method

        def passed(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            call = None
            name = method.removeprefix(_SERVICE)
            if name in _NOTED:
                first = next(requests)
                call = self._note(name, first)
                requests = iter([first])
            metadata = [pair for pair in context.invocation_metadata() if pair[0] == "authorization"]
            onward: Any = self._channel.stream_stream(method)(requests, metadata=metadata)
            context.add_callback(onward.cancel)
            try:
                for answer in onward:
                    self._answered(call, answer)
                    yield answer
            except grpc.RpcError as failure:
                error: Any = failure
                if call is not None:
                    call.ended = time.monotonic()
                context.set_trailing_metadata(error.trailing_metadata() or ())
                context.abort(error.code(), error.details())

        return grpc.stream_stream_rpc_method_handler(passed)

    def _note(self, name: str, message: bytes) -> Call:
        request = _NOTED[name].FromString(message)
        call = Call(name, request, time.monotonic())
        if name == "OpenPort":
            call.port = request.port
        elif name == "OpenPortEx":
            call.port = request.open.port
        elif name == "ClosePort":
            call.port = self._ports.get(request.handle.token, "?")
        with self.lock:
            self.calls.append(call)
        return call

    def _answered(self, call: Call | None, answer: bytes) -> None:
        if call is None:
            return
        call.ended, call.ok = time.monotonic(), True
        if call.function == "OpenPort":
            self._ports[pb.OpenPortResponse.FromString(answer).handle.token] = call.port
        elif call.function == "OpenPortEx":
            self._ports[pb.OpenPortExResponse.FromString(answer).open.handle.token] = call.port

    def commands(self, since: int = 0) -> list[str]:
        """Return the names of the management commands that passed from a call on."""
        with self.lock:
            calls = self.calls[since:]
        return [call.request.data_name for call in calls if call.function.endswith("/XcvDataPort")]

    def of(self, port: str) -> list[Call]:
        """Return the openings and closings of a port that succeeded, in order."""
        with self.lock:
            return [call for call in self.calls if call.port == port and call.ok]

    def words(self, port: str) -> list[str]:
        """Return them as words: `OpenPort`, `OpenPortEx PJL`, `ClosePort`."""
        return [
            f"OpenPortEx {call.request.language_monitor}" if call.function == "OpenPortEx" else call.function
            for call in self.of(port)
        ]
