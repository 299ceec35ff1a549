"""Which device a port has: what broke off goes on at the one that has its beginning, and at no other."""

from __future__ import annotations

from functools import partial
from typing import Any

from chassis.errors import DeviceNotConnected
from portmon.document import DocInfo, DocKey
from portmon.journal.port_journal import Journal
from portmon.monitor import Port, PortMonitor


class SameDevice:
    """What a port's monitor says that hangs on it, as its journal knows it. Belongs to the port's thread."""

    def __init__(self, name: str, journal: Journal, monitor: PortMonitor[Any], settings: Any) -> None:
        self._name, self._journal = name, journal
        self._identity = partial(monitor.identity, name, settings)
        self.look()

    def look(self) -> None:
        """See what is there, before it is opened."""
        self._seen = self._identity()
        self._journal.device_is(self._seen)

    def look_if_let_go(self, port: Port) -> None:
        """See what is there now, if the port has its device in documents alone: it may be another one in each."""
        if port.runs_on and port.fileno() is None:
            self.look()

    def start_doc(self, port: Port, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        """Make the device ready for a document.

        Raises:
            DeviceNotConnected: the document would go on, and the device is another one than was seen. Nothing was sent.
        """
        port.start_doc(key, info, resume_offset)
        if resume_offset and port.runs_on and self._identity() != self._seen:
            port.abort_doc(keep=True)
            text = f"port {self._name}: document {key} does not go on, its device was replaced meanwhile"
            raise DeviceNotConnected(text, port=self._name, document=key)
