"""A host's configuration plane over gRPC: Xcv, passed through with both of its results kept apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import grpc.aio

from printfabric.monitor.v1 import monitor_service_pb2 as monitor_pb
from printfabric.monitor.v1 import recorder_service_pb2 as recorder_pb
from printfabric.monitor.v1 import xcv_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.monitor.v1.recorder_service_pb2_grpc import RecorderServiceStub
from printfabric.monitor.v1.xcv_service_pb2_grpc import XcvServiceStub
from spooler.introduction import Introduction
from spooler.port_info import PortInfo
from spooler.remote_port import info_from_pb

CALL_TIMEOUT_S = 30.0


class XcvAnswer(NamedTuple):
    """The monitor's own answer to one command; delivery has succeeded when there is one."""

    status: int  # a Win32 code, 0 is success
    output: bytes  # JSON
    needed_bytes: int
    message: str


class RemoteXcv:
    """The Xcv functions of one host. Every method raises FabricError when the command cannot be delivered."""

    def __init__(
        self, host: str, channel: grpc.aio.Channel, owner: tuple[str, str], introduction: Introduction
    ) -> None:
        self.host = host
        self._introduction = introduction
        self._xcv: Any = XcvServiceStub(channel)
        self._monitor: Any = MonitorServiceStub(channel)
        self._recorder: Any = RecorderServiceStub(channel)
        self._owner = monitor_pb.PortOwner(fabric_id=owner[0], spooler_id=owner[1])

    async def open(self, *, port: str = "", monitor: str = "", access: int, who: str) -> bytes:
        """Open a management session on a port, or on a monitor (XcvOpenPort)."""
        request = pb.XcvOpenPortRequest(granted_access=access, on_behalf_of=who)
        if port:
            request.port = port
        else:
            request.monitor = monitor
        await self._introduction.met()
        response = await self._xcv.XcvOpenPort(request, timeout=CALL_TIMEOUT_S)
        return bytes(response.handle)

    async def bidi(self, port: str, request: Any, access: int, request_id: str) -> Any:
        """Ask what is known of the device on a port, with the caller's questions (SendRecvBidiDataFromPort)."""
        question = monitor_pb.SendRecvBidiDataFromPortRequest(
            port=port,
            action_name=request.action_name,
            action=request.action,
            access=access,
            items=request.items,
            request_id=request_id,
        )
        await self._introduction.met()
        return await self._monitor.SendRecvBidiDataFromPort(question, timeout=CALL_TIMEOUT_S)

    async def set_port(self, port: str, status: Any) -> PortInfo:
        """Let the host keep what somebody says about a port (SetPort); return the port with it."""
        request = monitor_pb.SetPortRequest(owner=self._owner, port=port, status=status)
        await self._introduction.met()
        answer = await self._monitor.SetPort(request, timeout=CALL_TIMEOUT_S)
        return info_from_pb(self.host, answer.port, self._owner.fabric_id)

    async def data(
        self,
        handle: bytes,
        data_name: str,
        input_data: bytes = b"",
        max_output_bytes: int | None = None,
        request_id: str = "",
    ) -> XcvAnswer:
        """Execute one command (XcvDataPort)."""
        request = _command(handle, data_name, input_data, max_output_bytes, request_id)
        self._introduction.check_proven()
        answer = await self._xcv.XcvDataPort(request, timeout=CALL_TIMEOUT_S)
        return XcvAnswer(answer.status, answer.output_data, answer.needed_bytes, answer.message)

    async def stream(
        self, handle: bytes, data_name: str, input_data: bytes = b"", request_id: str = ""
    ) -> AsyncIterator[pb.StreamXcvDataPortResponse]:
        """Execute a long command; ending the iteration cancels it."""
        command = _command(handle, data_name, input_data, None, request_id)
        self._introduction.check_proven()
        call = self._xcv.StreamXcvDataPort(pb.StreamXcvDataPortRequest(command=command))
        try:
            async for step in call:
                yield step
        finally:
            call.cancel()

    async def close(self, handle: bytes) -> None:
        """Close a management session (XcvClosePort)."""
        await self._xcv.XcvClosePort(pb.XcvClosePortRequest(handle=handle), timeout=CALL_TIMEOUT_S)

    async def tap(self, port: str, request: Any, who: str) -> AsyncIterator[recorder_pb.TapPortResponse]:
        """Yield what passes through a port (TapPort) as `request` asks for it; ending the iteration ends it."""
        asked = recorder_pb.TapPortRequest(
            port=port,
            include_recorded=request.include_recorded,
            max_bytes_per_second=request.max_bytes_per_second,
            mask=request.mask,
            on_behalf_of=who,
        )
        await self._introduction.met()
        call = self._recorder.TapPort(asked)
        try:
            async for moment in call:
                yield moment
        finally:
            call.cancel()

    async def monitors(self) -> list[monitor_pb.Monitor]:
        """Return the host's monitors."""
        request = monitor_pb.InitializeRequest(owner=self._owner, contract_version="1.0")
        await self._introduction.met()
        answer = await self._monitor.Initialize(request, timeout=CALL_TIMEOUT_S)
        return list(answer.monitors)


def _command(
    handle: bytes, data_name: str, input_data: bytes, max_output_bytes: int | None, request_id: str
) -> pb.XcvDataPortRequest:
    request = pb.XcvDataPortRequest(
        handle=handle, data_name=data_name, input_data=input_data, request_id=request_id
    )
    if max_output_bytes is not None:
        request.max_output_bytes = max_output_bytes
    return request
