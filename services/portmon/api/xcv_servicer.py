"""XcvService: the configuration plane. gRPC's status is delivery; the monitor's own code is in the body."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from chassis import identity
from chassis.identity import Role
from chassis.server import Servicer
from portmon.xcv.answer import Answer
from portmon.xcv.channel import Xcv
from portmon.xcv.session import ADMINISTER, USE
from printfabric.monitor.v1 import xcv_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2_grpc as rpc

SERVICE = "printfabric.monitor.v1.XcvService"
# Commands whose answer is their status alone: Windows looks at no output pointer of theirs.
WITHOUT_OUTPUT = frozenset(
    {
        "AddPort", "CleanupPort", "ConfigPort", "ConfigureLPTPortCommandOK", "DeletePort", "PortIsValid",
        "ResetCommunication", "SetDefaultCommConfig", "SetIdlePollingState",
    }
)  # fmt: skip


class XcvServicer(rpc.XcvServiceServicer):
    """Management sessions of one host."""

    def __init__(self, xcv: Xcv) -> None:
        self._xcv = xcv

    async def XcvOpenPort(self, request: pb.XcvOpenPortRequest, context: Any) -> pb.XcvOpenPortResponse:
        """Open a session; more access than the caller has is refused (5)."""
        access, caller = request.granted_access, identity.current()
        if access & ADMINISTER:
            caller.require(Role.ADMINISTRATOR, Role.SPOOLER, to="administer ports")
        if access & USE:
            caller.require(Role.OPERATOR, Role.ADMINISTRATOR, Role.SPOOLER, to="use ports directly")
        who = request.on_behalf_of or str(caller)
        handle = self._xcv.open(port=request.port, monitor=request.monitor, access=access, who=who)
        return pb.XcvOpenPortResponse(handle=handle)

    async def XcvDataPort(self, request: pb.XcvDataPortRequest, context: Any) -> pb.XcvDataPortResponse:
        """Execute a command."""
        return _to_pb(await self._execute(request))

    async def StreamXcvDataPort(
        self, request: pb.StreamXcvDataPortRequest, context: Any
    ) -> AsyncIterator[pb.StreamXcvDataPortResponse]:
        """Execute a command and tell how far it is; hanging up ends it."""
        command = request.command
        refused = _without_room(command)
        if refused is not None:
            yield pb.StreamXcvDataPortResponse(fraction=1.0, result=_to_pb(refused))
            return
        steps = self._xcv.stream(
            command.handle, command.data_name, command.input_data, _most(command), command.request_id
        )
        async with aclosing(steps):
            async for one in steps:
                if isinstance(one, Answer):
                    yield pb.StreamXcvDataPortResponse(fraction=1.0, result=_to_pb(one))
                else:
                    data = b"" if one.data is None else json.dumps(one.data, ensure_ascii=False).encode()
                    yield pb.StreamXcvDataPortResponse(fraction=one.fraction, text=one.text, step_data=data)

    async def XcvClosePort(self, request: pb.XcvClosePortRequest, context: Any) -> pb.XcvClosePortResponse:
        """Close a session."""
        self._xcv.close(request.handle)
        return pb.XcvClosePortResponse()

    async def _execute(self, request: pb.XcvDataPortRequest) -> Answer:
        refused = _without_room(request)
        if refused is not None:
            return refused
        return await self._xcv.data(
            request.handle, request.data_name, request.input_data, _most(request), request.request_id
        )


def _most(request: pb.XcvDataPortRequest) -> int | None:
    return request.max_output_bytes if request.HasField("max_output_bytes") else None


def _without_room(request: pb.XcvDataPortRequest) -> Answer | None:
    """Return code 87 for a command that has an output and nowhere to put it."""
    if not (request.null_output or request.null_needed) or request.data_name in WITHOUT_OUTPUT:
        return None
    return Answer(87, message=f"{request.data_name} has an output, and there is nowhere to put it")


def served_xcv(servicer: XcvServicer) -> Servicer:
    """Return what a server needs to serve it."""
    return rpc.add_XcvServiceServicer_to_server, servicer, SERVICE


def _to_pb(answer: Answer) -> pb.XcvDataPortResponse:
    return pb.XcvDataPortResponse(
        status=answer.status, output_data=answer.output, needed_bytes=answer.needed, message=answer.message
    )
