"""The contracts without a client library: what a test says on the wire itself, and what it hears."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.types.v1.ledger_pb2 import DocumentKey
from printfabric_client.errors import FabricError
from printfabric_client.status import error_from_rpc


@contextlib.contextmanager
def channel_to(address: str) -> Iterator[grpc.Channel]:
    """Lend a channel of its own."""
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield channel


def refusal(call: Callable[[], object]) -> FabricError:
    """Return the error of a call that must be refused with a reason of ours."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    error = error_from_rpc(refused.value)
    assert error.message, error
    return error


def new_key(attempt: int = 1) -> DocumentKey:
    """Return the key of a document that nobody has seen: a UUIDv7 of now."""
    now = time.time_ns() // 1_000_000
    uid = bytearray(now.to_bytes(6, "big") + secrets.token_bytes(10))
    uid[6], uid[8] = uid[6] & 0x0F | 0x70, uid[8] & 0x3F | 0x80
    return DocumentKey(job_uid=bytes(uid), attempt=attempt)


class Holder:
    """A spooler by hand: it holds ports of one host and calls the functions of the table."""

    def __init__(self, channel: grpc.Channel, fabric: str = "fabric-a") -> None:
        self.channel = channel
        self.stub: Any = MonitorServiceStub(channel)
        self.owner = pb.PortOwner(fabric_id=fabric, spooler_id=f"{fabric}-{os.getpid()}")

    def open(self, port: str, fence: int, lease_s: float = 30.0) -> pb.PortHandle:
        """OpenPort; return the handle."""
        request = pb.OpenPortRequest(owner=self.owner, port=port, fence=fence)
        request.lease.FromMilliseconds(int(lease_s * 1000))
        handle: pb.PortHandle = self.stub.OpenPort(request).handle
        return handle

    def start(self, handle: pb.PortHandle, key: DocumentKey) -> None:
        """StartDocPort."""
        self.stub.StartDocPort(pb.StartDocPortRequest(handle=handle, document=key))

    def write(self, handle: pb.PortHandle, key: DocumentKey, offset: int, data: bytes) -> int:
        """WritePort; return the accepted offset."""
        request = pb.WritePortRequest(handle=handle, document=key, offset=offset, data=data)
        return max(int(answer.progress.accepted) for answer in self.stub.WritePort(iter([request])))

    def end(self, handle: pb.PortHandle, key: DocumentKey) -> pb.DocumentProgress:
        """EndDocPort; return the last word about the document."""
        request = pb.EndDocPortRequest(
            handle=handle, document=key, disposition=pb.Disposition.DISPOSITION_COMPLETE
        )
        progress: pb.DocumentProgress = self.stub.EndDocPort(request).progress
        return progress

    def close(self, handle: pb.PortHandle) -> None:
        """ClosePort."""
        self.stub.ClosePort(pb.ClosePortRequest(handle=handle))
