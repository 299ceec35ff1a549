"""Units and decisions about them, from the wire."""

from __future__ import annotations

from collections.abc import Iterable

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.types.v1 import ledger_pb2
from spooler.api.submission import invalid
from spooler.ledger import UnitSpan
from spooler.unit_plan import Decision, What

_WHAT = {
    pb.UNCERTAIN_DECISION_SKIP: What.SKIP,
    pb.UNCERTAIN_DECISION_REPRINT: What.REPRINT,
    pb.UNCERTAIN_DECISION_REPRINT_MARKED: What.REPRINT_MARKED,
}


def units_of(message: ledger_pb2.UnitRange, field: str) -> UnitSpan:
    """Return some units. Raises InvalidArgument."""
    if not 1 <= message.first <= message.last:
        raise invalid(field, "must go from 1 on, and not backwards")
    return UnitSpan(message.first, message.last)


def decisions_of(messages: Iterable[pb.UnitDecision]) -> list[Decision]:
    """Return decisions. Raises InvalidArgument."""
    decisions = []
    for place, message in enumerate(messages):
        field = f"decisions[{place}]"
        what = _WHAT.get(message.decision)
        if what is None:
            raise invalid(f"{field}.decision", "must be SKIP, REPRINT or REPRINT_MARKED")
        units = units_of(message.units, f"{field}.units") if message.HasField("units") else None
        decisions.append(Decision(units, what))
    if not decisions:
        raise invalid("decisions", "is required")
    return decisions
