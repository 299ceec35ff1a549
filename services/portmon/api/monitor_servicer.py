"""MonitorService: one method per function of the table. What is missing here answers UNIMPLEMENTED."""

from __future__ import annotations

from chassis.server import Servicer
from chassis.tasks import Tasks
from portmon.api.bidi_calls import BidiCalls
from portmon.api.control_calls import ControlCalls
from portmon.api.document_calls import DocumentCalls
from portmon.api.language_calls import LanguageCalls
from portmon.api.power_calls import PowerCalls
from portmon.api.stage_calls import StageCalls
from portmon.api.usage_calls import UsageCalls
from portmon.handles import Handles
from portmon.language_registry import Languages
from portmon.ports import Ports
from printfabric.monitor.v1 import monitor_service_pb2_grpc as rpc

SERVICE = "printfabric.monitor.v1.MonitorService"


class MonitorServicer(
    LanguageCalls,
    BidiCalls,
    DocumentCalls,
    StageCalls,
    ControlCalls,
    UsageCalls,
    PowerCalls,
    rpc.MonitorServiceServicer,
):
    """The monitors of one host, as a spooler sees them. `answer_s` is how long a printer's word is waited for."""

    def __init__(
        self, host: str, ports: Ports, handles: Handles, tasks: Tasks, *, answer_s: float = 10.0
    ) -> None:
        super().__init__(host, ports, handles, tasks)
        self.languages, self.answer_s = Languages(), answer_s


def served(servicer: MonitorServicer) -> Servicer:
    """Return what a server needs to serve it."""
    return rpc.add_MonitorServiceServicer_to_server, servicer, SERVICE
