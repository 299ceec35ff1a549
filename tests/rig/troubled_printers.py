"""Receivers that can be switched off, or say what is the matter with them."""

from __future__ import annotations

import socket
import threading

from printfabric_sim import SimulatedPrinter
from printfabric_sim.plan import Plan, build
from printfabric_sim.pytest_plugin import PrinterHandle, PrinterLoop
from tests.rig.receivers import Receiver, TcpReceiver


class AbsentTcp(TcpReceiver):
    """A printer that is switched off, until somebody switches it on."""

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self._address = self._listener.getsockname()
        self._listener.close()

    @property
    def settings(self) -> dict[str, object]:
        return {"host": self._address[0], "port": self._address[1]}

    def begin(self) -> None:
        """It stays off."""

    def switch_on(self) -> None:
        """It listens."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._address)
        self._listener.listen(16)
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name=f"receiver-{self.port}", daemon=True)
        super().begin()

    def switch_off(self) -> None:
        """It listens no more; it need not be on."""
        if self._thread.ident is not None:
            super().end()

    def end(self) -> None:
        self.switch_off()


class SimulatedTill(Receiver):
    """A receipt printer that says what is the matter with it."""

    monitor, is_pipe = "raw", False

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self._loop = PrinterLoop()
        plan = Plan.from_mapping({"personality": "escpos", "tcp": 0, "units_per_second": 20})
        self.printer = PrinterHandle(self._loop, self._loop.run(_started(plan)))

    @property
    def settings(self) -> dict[str, object]:
        return {"host": "127.0.0.1", "port": self.printer.port}

    def _run(self) -> None:
        """The simulator receives."""

    def end(self) -> None:
        super().end()
        self._loop.run(self.printer.printer.stop())
        self._loop.close()


async def _started(plan: Plan) -> SimulatedPrinter:
    printer = build(plan)
    await printer.start()
    return printer
