"""AlertService: who has in hand what needs somebody."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from printfabric.spooler.v1 import alert_service_pb2 as pb
from printfabric.spooler.v1 import alert_service_pb2_grpc as pb_grpc
from spooler.acknowledging import Acknowledgement, Acknowledgements
from spooler.api import rights
from spooler.api.convert import put_time, time_from_pb
from spooler.api.submission import invalid, reason_of

_LONGEST = timedelta(days=30)
_NAME = re.compile(r"hosts/[^/]{1,255}(/ports/.{1,63})?|printers/[^/]{1,127}(/decisions)?")


class AlertServicer(pb_grpc.AlertServiceServicer):
    """Operators acknowledge; anybody known sees it."""

    def __init__(self, acknowledgements: Acknowledgements) -> None:
        self._acknowledgements = acknowledgements

    async def ListAcknowledgements(
        self, _request: pb.ListAcknowledgementsRequest, _context: Any
    ) -> pb.ListAcknowledgementsResponse:
        """See the contract."""
        found = await self._acknowledgements.all()
        return pb.ListAcknowledgementsResponse(acknowledgements=map(_to_pb, found))

    async def AcknowledgeAlert(
        self, request: pb.AcknowledgeAlertRequest, _context: Any
    ) -> pb.AcknowledgeAlertResponse:
        """See the contract."""
        now, until = datetime.now(UTC), time_from_pb(request.expire_time, "expire_time")
        if not now < until <= now + _LONGEST:
            raise invalid("expire_time", "must be in the future, within 30 days")
        given = Acknowledgement(
            _name_of(request.name), rights.caller(), now, until, reason_of(request.reason)
        )
        await self._acknowledgements.acknowledge(given)
        return pb.AcknowledgeAlertResponse(acknowledgement=_to_pb(given))

    async def WithdrawAcknowledgement(
        self, request: pb.WithdrawAcknowledgementRequest, _context: Any
    ) -> pb.WithdrawAcknowledgementResponse:
        """See the contract."""
        await self._acknowledgements.withdraw(_name_of(request.name), rights.caller())
        return pb.WithdrawAcknowledgementResponse()


def _name_of(name: str) -> str:
    if not (name.isprintable() and _NAME.fullmatch(name)):
        raise invalid(
            "name", "must be hosts/…, hosts/…/ports/…, printers/… or printers/…/decisions", name=name
        )
    return name


def _to_pb(one: Acknowledgement) -> pb.Acknowledgement:
    message = pb.Acknowledgement(name=one.name, actor=one.by, reason=one.reason)
    put_time(message.create_time, one.at)
    put_time(message.expire_time, one.until)
    return message
