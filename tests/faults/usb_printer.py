"""A USB printer on usblp, for a port monitor that is a process of its own: `usblp.c` is the driver, a pseudo terminal the cable."""

from __future__ import annotations

import os
import threading
import tty
from pathlib import Path

from tests.faults.power_cut import compile_shim
from tests.rig.until import PATIENCE_S
from tests.surroundings import missing

OUT_OF_PAPER, SILENTLY_GONE, GONE = "p", "s", "d"


class UsbPrinter:
    """What came over the cable is `paper`."""

    def __init__(self, folder: Path) -> None:
        shim = compile_shim(folder, "usblp.c")
        if shim is None:
            missing("no C compiler")
        self._printer, self._line = os.openpty()
        tty.setraw(self._line)
        self.node, self._state = os.ttyname(self._line), folder / "printer"
        told = {"LD_PRELOAD": shim, "USBLP_NODE": self.node, "USBLP_STATE": self._state}
        self.within = ["env", *(f"{name}={value}" for name, value in told.items())]
        self.paper = bytearray()
        self._news = threading.Condition()
        threading.Thread(target=self._print, daemon=True).start()

    def _print(self) -> None:
        while True:
            try:
                data = os.read(self._printer, 65536)
            except OSError:  # the last who had the line is gone
                return
            with self._news:
                self.paper += data
                self._news.notify_all()

    def is_now(self, state: str = "") -> None:
        """Put it into one of the states above; "" has it take everything."""
        beside = self._state.with_suffix(".new")
        beside.write_text(state)
        beside.replace(self._state)

    def clear(self) -> None:
        """Take it out of any state, and its paper away."""
        self.is_now()
        with self._news:
            self.paper.clear()

    def printed(self, count: int) -> bytes:
        """Wait until so many bytes came, and return all that did."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.paper) >= count, PATIENCE_S), len(self.paper)
            return bytes(self.paper)

    def close(self) -> None:
        """Pull the cable out."""
        os.close(self._line)
