"""What the parts of MonitorService share."""

from __future__ import annotations

import uuid

from chassis.tasks import Tasks
from portmon.handles import Handles
from portmon.hold import Hold
from portmon.host_token import HostToken
from portmon.ports import Ports
from portmon.registrations import Registrations
from printfabric.monitor.v1 import monitor_service_pb2 as pb


class Calls:
    """A part of the function table: the host's ports, and who holds them."""

    def __init__(self, host: str, ports: Ports, handles: Handles, tasks: Tasks) -> None:
        self._host, self._ports, self._handles, self._tasks = host, ports, handles, tasks
        self.instance = uuid.uuid4().hex
        self.host_token = HostToken()
        self._registrations = Registrations()

    def _hold(self, handle: pb.PortHandle) -> Hold:
        return self._handles.check(handle.token, handle.fence)
