"""A spooler in memory, on a real socket, that may be told to misbehave.

It keeps the contract simply: request ids, resumable uploads, states, a watch with positions. `faults` is what it does
wrong on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures

import grpc

from printfabric.spooler.v1 import watch_service_pb2 as wpb
from printfabric.spooler.v1.port_service_pb2_grpc import add_PortServiceServicer_to_server
from printfabric.spooler.v1.print_service_pb2_grpc import add_PrintServiceServicer_to_server
from printfabric.spooler.v1.printer_service_pb2_grpc import add_PrinterServiceServicer_to_server
from printfabric.spooler.v1.watch_service_pb2_grpc import (
    WatchServiceServicer,
    add_WatchServiceServicer_to_server,
)
from tests.unit.client.fake_memory import ENDED, Memory, fits
from tests.unit.client.fake_print import FakePrintService
from tests.unit.client.fake_printers import FakePrinterService


class FakeWatchService(Memory, WatchServiceServicer):
    """Changes and explanations."""

    def Watch(self, request, context):
        self.enter("Watch", context)
        limit = self.faults.break_watch_after.pop(0) if self.faults.break_watch_after else None
        for sent, change in enumerate(self._watched(request, context)):
            if sent == limit:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
            yield change

    def _watched(
        self, request: wpb.WatchRequest, context: grpc.ServicerContext
    ) -> Iterator[wpb.WatchResponse]:
        with self.changed:
            position = int(request.since or len(self.changes))
        if request.since and self.faults.forget_positions:
            self.faults.forget_positions = False
            position = len(self.changes)
            yield wpb.WatchResponse(gap=True)
        elif request.since or request.skip_snapshot:
            yield from self._deltas(request, context, position)
            return
        jobs = [job for job in list(self.jobs.values()) if fits(job, request.jobs)]
        for job in jobs:
            yield wpb.WatchResponse(position=str(position), snapshot=True, jobs=[job])
        yield wpb.WatchResponse(
            position=str(position), snapshot=True, snapshot_complete=True, printers=self.printers.values()
        )
        yield from self._deltas(request, context, position)

    def _deltas(
        self, request: wpb.WatchRequest, context: grpc.ServicerContext, position: int
    ) -> Iterator[wpb.WatchResponse]:
        while context.is_active():
            # Both in one look: a job that ends in between would end the watch before its last change is told.
            with self.changed:
                jobs = [job for job in self.jobs.values() if fits(job, request.jobs)]
                over = request.until_ended and jobs and all(job.state in ENDED for job in jobs)
                if len(self.changes) <= position and not over and not self.stopping:
                    self.changed.wait(0.2)
                news = self.changes[position:]
            if over and not news:
                return
            for change in news:
                position += 1
                if not change.jobs or any(fits(job, request.jobs) for job in change.jobs):
                    yield change

    def Explain(self, request, context):
        self.enter("Explain", context)
        self.explained = request.name
        return self.explanation


class FakeSpooler(FakePrintService, FakePrinterService, FakeWatchService):
    """The four services over one memory, served on a socket."""

    def __init__(self, *printers: str) -> None:
        super().__init__(*printers)
        self.address = ""
        self._server: grpc.Server | None = None

    def start(
        self, address: str = "127.0.0.1:0", credentials: grpc.ServerCredentials | None = None
    ) -> FakeSpooler:
        """Serve; port 0 takes a free one, which `address` names then."""
        self.stopping = False
        self._pool = futures.ThreadPoolExecutor(16)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        add_PrintServiceServicer_to_server(self, self._server)
        add_PrinterServiceServicer_to_server(self, self._server)
        add_PortServiceServicer_to_server(self, self._server)
        add_WatchServiceServicer_to_server(self, self._server)
        if credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, credentials)
        self.address = f"{address.rpartition(':')[0]}:{port}"
        self._server.start()
        return self

    @classmethod
    def serving(
        cls,
        *printers: str,
        address: str = "127.0.0.1:0",
        credentials: grpc.ServerCredentials | None = None,
    ) -> FakeSpooler:
        """Return one that serves. What it leaves out answers UNIMPLEMENTED, as the generated classes do."""
        return cls(*printers).start(address, credentials)

    def stop(self) -> None:
        """End at once; what is in flight breaks off."""
        if self._server is not None:
            self.stopping = True
            with self.changed:
                self.changed.notify_all()
            self._server.stop(0).wait(5)
            self._pool.shutdown()
            self._server = None
