"""PortUIService: messages to conversations and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol, cast

from chassis import identity
from chassis.errors import CallCanceled, InvalidArgument, NotSupported, PortInUse
from chassis.server import Servicer
from portui import port_config
from portui.port_config import Fabric, NewPort, Port
from portui.values import FieldError
from printfabric.portui.v1 import portui_service_pb2 as pb
from printfabric.portui.v1 import portui_service_pb2_grpc as rpc
from printfabric.types.v1 import port_pb2


class Callers(Protocol):
    """Gives each caller the fabric as that caller may use it."""

    def on_behalf_of(self, authorization: str = "") -> Fabric:
        """Return the fabric under a caller's own token, if there is one."""


SERVICE = "printfabric.portui.v1.PortUIService"
_HARDWARE = re.compile(r"(COM|LPT)\d*:", re.IGNORECASE)


class PortUIServicer(rpc.PortUIServiceServicer):
    """MONITORUI for everybody who speaks gRPC. Holds no state."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def DescribeForm(self, request: pb.DescribeFormRequest, context: Any) -> pb.DescribeFormResponse:
        """Return a form document and the present values."""
        if request.WhichOneof("object") is None:
            raise InvalidArgument("port or monitor is required", fields=[("object", "is not set")])
        found = await port_config.describe(
            self._fabric(context),
            port=request.port,
            monitor=request.monitor,
            locale=request.locale,
            known_ui=request.known_ui,
        )
        return pb.DescribeFormResponse(
            ui=found.ui,
            descriptor_json=found.document,
            values_json=found.values,
            settings_revision=found.revision,
        )

    async def AddPortUI(self, request: pb.AddPortUIRequest, context: Any) -> pb.AddPortUIResponse:
        """Add a port."""
        if request.legacy_local_ui:
            _refuse_hardware(request.port_id)
        new = NewPort(
            request.parent,
            request.monitor,
            request.port_id,
            request.settings,
            request.request_id,
            request.validate_only,
        )
        done = await port_config.add(self._fabric(context), new, _who())
        return pb.AddPortUIResponse(port=_port(done.port), errors=_errors(done.errors))

    async def ConfigurePortUI(
        self, request: pb.ConfigurePortUIRequest, context: Any
    ) -> pb.ConfigurePortUIResponse:
        """Change a port's settings."""
        done = await port_config.configure(
            self._fabric(context),
            request.name,
            request.settings,
            _who(),
            revision=request.settings_revision,
            validate_only=request.validate_only,
        )
        if request.legacy_local_ui and not (done.changed or done.errors):
            raise CallCanceled(f"nothing was changed about port {request.name}", port=request.name)
        return pb.ConfigurePortUIResponse(
            port=_port(done.port), changed=done.changed, errors=_errors(done.errors)
        )

    async def DeletePortUI(self, request: pb.DeletePortUIRequest, context: Any) -> pb.DeletePortUIResponse:
        """Delete a port."""
        if request.legacy_local_ui:
            if not request.name:
                raise InvalidArgument("no port is named", fields=[("name", "is required")])
            _refuse_hardware(request.name.rpartition("/")[2])
        try:
            await port_config.delete(self._fabric(context), request.name, _who())
        except PortInUse as error:
            if request.legacy_local_ui:
                raise CallCanceled(error.message, port=request.name) from error
            raise
        return pb.DeletePortUIResponse()

    def _fabric(self, context: Any) -> Fabric:
        # The person's own token goes on to the spooler, which decides; this service has no say in it.
        for name, value in context.invocation_metadata() or ():
            if name == "authorization" and isinstance(value, str):
                return self._callers.on_behalf_of(value)
        return self._callers.on_behalf_of()


def servicer(callers: Callers) -> Servicer:
    """Return what `chassis.server` serves."""
    return rpc.add_PortUIServiceServicer_to_server, PortUIServicer(callers), SERVICE


def _refuse_hardware(port: str) -> None:
    """Raise NotSupported for a COM or LPT port, as Windows' local UI does: it comes and goes with its hardware."""
    if _HARDWARE.fullmatch(port.strip()):
        raise NotSupported(f"port {port} comes and goes with its hardware", port=port)


def _who() -> str:
    return str(identity.current())


def _port(port: Port | None) -> port_pb2.Port | None:
    return cast(port_pb2.Port, port.wire) if port is not None else None


def _errors(errors: Iterable[FieldError]) -> list[pb.FieldError]:
    return [pb.FieldError(pointer=one.pointer, message=one.message) for one in errors]
