"""The Python SDK of the print fabric. `printfabric_client.Client` is for asyncio, `printfabric_client.sync` is not.

Names are loaded when they are first used, so that the `printfabric` command starts at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from printfabric.spooler.v1.print_service_pb2 import JobFilter, SubmitResult, UncertainDecision
    from printfabric.spooler.v1.printer_service_pb2 import Printer
    from printfabric.spooler.v1.watch_service_pb2 import ExplainResponse, WatchResponse, WatchTopic
    from printfabric.types.v1.job_pb2 import Attempt, Job, JobState
    from printfabric.types.v1.ledger_pb2 import EvidenceLevel, Ledger, Outcome
    from printfabric.types.v1.port_pb2 import Port, PortState
    from printfabric_client.address import Tls
    from printfabric_client.aio import Client
    from printfabric_client.errors import FabricError
    from printfabric_client.jobs import job_filter
    from printfabric_client.retry import Retry
    from printfabric_client.spec import JobOptions, new_job, new_request_id
    from printfabric_client.status import error_from_item

_WHERE = {
    "Client": "printfabric_client.aio",
    "FabricError": "printfabric_client.errors",
    "JobOptions": "printfabric_client.spec",
    "Retry": "printfabric_client.retry",
    "Tls": "printfabric_client.address",
    "error_from_item": "printfabric_client.status",
    "job_filter": "printfabric_client.jobs",
    "new_job": "printfabric_client.spec",
    "new_request_id": "printfabric_client.spec",
    "Attempt": "printfabric.types.v1.job_pb2",
    "EvidenceLevel": "printfabric.types.v1.ledger_pb2",
    "ExplainResponse": "printfabric.spooler.v1.watch_service_pb2",
    "Job": "printfabric.types.v1.job_pb2",
    "JobFilter": "printfabric.spooler.v1.print_service_pb2",
    "JobState": "printfabric.types.v1.job_pb2",
    "Ledger": "printfabric.types.v1.ledger_pb2",
    "Outcome": "printfabric.types.v1.ledger_pb2",
    "Port": "printfabric.types.v1.port_pb2",
    "PortState": "printfabric.types.v1.port_pb2",
    "Printer": "printfabric.spooler.v1.printer_service_pb2",
    "SubmitResult": "printfabric.spooler.v1.print_service_pb2",
    "UncertainDecision": "printfabric.spooler.v1.print_service_pb2",
    "WatchResponse": "printfabric.spooler.v1.watch_service_pb2",
    "WatchTopic": "printfabric.spooler.v1.watch_service_pb2",
}

__all__ = [
    "Attempt", "Client", "EvidenceLevel", "ExplainResponse", "FabricError", "Job", "JobFilter", "JobOptions",
    "JobState", "Ledger", "Outcome", "Port", "PortState", "Printer", "Retry", "SubmitResult", "Tls",
    "UncertainDecision", "WatchResponse", "WatchTopic", "error_from_item", "job_filter", "new_job", "new_request_id",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'printfabric_client' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
