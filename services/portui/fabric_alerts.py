"""The wall: who has in hand what needs somebody, by the spooler's AlertService. Everything raises FabricError."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis.client import Channels
from portui.fabric_convert import when
from portui.model import Acknowledged
from printfabric.spooler.v1 import alert_service_pb2 as pb
from printfabric.spooler.v1.alert_service_pb2_grpc import AlertServiceStub


class Alerts:
    """The acknowledgements that the spooler keeps. One instance per process."""

    def __init__(self, channels: Channels, address: str) -> None:
        self._stub: Any = AlertServiceStub(channels.get(address))

    async def acknowledged(self) -> dict[str, Acknowledged]:
        """Return those that hold, by what they are about, in small letters."""
        answer = await self._stub.ListAcknowledgements(pb.ListAcknowledgementsRequest())
        return {
            one.name.casefold(): Acknowledged(
                one.actor, when(one, "create_time"), when(one, "expire_time"), one.reason
            )
            for one in answer.acknowledgements
        }

    async def acknowledge(self, name: str, until: datetime, reason: str) -> None:
        """Say to everybody that the caller has something in hand."""
        request = pb.AcknowledgeAlertRequest(name=name, reason=reason)
        request.expire_time.FromDatetime(until)
        await self._stub.AcknowledgeAlert(request)

    async def withdraw(self, name: str) -> None:
        """Take it back, whoever said it."""
        await self._stub.WithdrawAcknowledgement(pb.WithdrawAcknowledgementRequest(name=name))
