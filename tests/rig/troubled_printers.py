"""Receivers that can be switched off, or say what is the matter with them."""

from __future__ import annotations

import socket
import threading

from printfabric_sim import SimulatedPrinter
from printfabric_sim.plan import Plan, build
from printfabric_sim.pytest_plugin import PrinterHandle, PrinterLoop
from tests.rig.black_hole import BlackHole
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

    def _listening(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self._address)
        listener.listen(16)
        return listener

    def switch_on(self) -> None:
        """It listens."""
        self._listener = self._listening()
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name=f"receiver-{self.port}", daemon=True)
        super().begin()

    def switch_off(self) -> None:
        """It listens no more; it need not be on."""
        if self._thread.ident is not None:
            super().end()

    def end(self) -> None:
        self.switch_off()


class SilentTcp(AbsentTcp):
    """The same, of which nothing is heard while it is off: not even a refusal."""

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self._deaf, self._hole = self._silence()

    def _silence(self) -> tuple[socket.socket, BlackHole]:
        listener = super()._listening()
        return listener, BlackHole(listener)

    def _listening(self) -> socket.socket:
        self._hole.end()
        return self._deaf

    def switch_off(self) -> None:
        if self._thread.ident is not None:
            super().switch_off()
            self._deaf, self._hole = self._silence()

    def end(self) -> None:
        super().switch_off()
        self._hole.end()
        self._deaf.close()


class SimulatedTill(Receiver):
    """A receipt printer that says what is the matter with it."""

    monitor, is_pipe = "raw", False
    personality = "escpos"

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self._loop = PrinterLoop()
        plan = Plan.from_mapping({"personality": self.personality, "tcp": 0, "units_per_second": 20})
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


class SimulatedLabelPrinter(SimulatedTill):
    """The same for labels."""

    personality = "zpl"


async def _started(plan: Plan) -> SimulatedPrinter:
    printer = build(plan)
    await printer.start()
    return printer
