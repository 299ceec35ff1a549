"""What ports over one TCP connection have in common: a document has one, and lets it go behind itself."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from typing_extensions import override

from portmon.document import Evidence
from portmon.monitor import OpenContext, Port, PortMonitor
from portmon.network_settings import NetworkSettings
from portmon.tcp.link import TcpLink

N = TypeVar("N", bound=NetworkSettings)


class ConnectedPort(Port):
    """A port that writes to `_link`; the connection is the subclass's to make."""

    stall, acks = "peer_window", Evidence.TCP_ACK

    def __init__(self, link: TcpLink, settings: NetworkSettings, context: OpenContext) -> None:
        self._link, self._context = link, context
        self._base = 0  # bytes of the connection before the present document
        self.readable = False
        self.write_timeout_s = settings.write_timeout_s

    @override
    def fileno(self) -> int | None:
        return self._link.fileno()

    @override
    def transmitted(self) -> int | None:
        left = self._link.transmitted
        return None if left is None else max(0, left - self._base)

    @override
    def abort_doc(self, keep: bool) -> bool:
        self._link.reset()
        self.readable = False
        return False

    @override
    def look_after(self) -> float | None:
        return self._link.look_after()

    def _let_go(self) -> None:
        """Close the connection, with the last acknowledgements noted."""
        if not self._link.proven:
            self._link.acked()
        self._link.drop()
        self.readable = False

    @override
    def close(self) -> None:
        self._let_go()
        self._link.close()


class ConnectedMonitor(PortMonitor[N]):
    """A type of port whose device is known by its address."""

    net_attached: ClassVar[bool] = True

    @override
    def identity(self, port: str, settings: N) -> str:
        return self.device(port, settings)
