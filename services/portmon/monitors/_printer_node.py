"""The node of a printer's class driver: usblp's, or a parallel port's.

usblp (drivers/usb/class/usblp.c) has one request on its way at a time, of 8 KiB at most. A write that may not wait returns
while its request still is, and "presumes that it's going to complete well"; a printer without paper lets it wait for hours.
The node polls writable once the request is completed. The last close, a killed process's too, throws it away.

lp (drivers/char/lp.c) knows no poll: its node always polls readable and writable, and a write says what the printer takes.
"""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import Future

from typing_extensions import override

from chassis.errors import DeviceFault, DeviceNotConnected, NotSupported, WriteTimeout
from portmon.apart import apart
from portmon.device_wait import HANGUP, WRITE, is_hung_up, polled
from portmon.devices.controls import Control, control
from portmon.devices.ieee1284 import facts_of
from portmon.devices.printer_status import PrinterStatus
from portmon.document import DocInfo, DocKey, Evidence
from portmon.facts import Fact
from portmon.monitor import OpenContext
from portmon.monitors._node import NodePort, Opened

USBLP_BUF_SIZE = 8192  # drivers/usb/class/usblp.c
_USB_MAJOR = 180  # Documentation/admin-guide/devices.txt: usblp among them
_LP_MAJOR = 6
_BRIEFLY_S = 0.3  # that close and cancel wait for the last request
# How long a printer may be gone before the kernel says so: its hub is asked four times a second.
_UNNOTICED_S = 1.0
_LOOK_S = 0.5  # how often its status is looked at while the last request is on its way
_CONTROL_S = 6.0  # usblp gives the printer 5 s to answer a control request


class Arrivals:
    """How many bytes had arrived when, for as long as a printer may be gone and nobody knows."""

    def __init__(self) -> None:
        self._at = deque([(0.0, 0)])  # when, s; bytes in all

    def note(self, count: int) -> None:
        """Take note of how many have arrived by now."""
        self._at.append((time.monotonic(), count))
        self.certain()

    def certain(self) -> int:
        """Return how many arrived so long ago that the printer was there."""
        since = time.monotonic() - _UNNOTICED_S
        while len(self._at) > 1 and self._at[1][0] <= since:
            self._at.popleft()
        return self._at[0][1]


class PrinterNode(NodePort):
    """`acked` is what arrived: all but the last write until the node polls writable."""

    acks = Evidence.DEVICE_WRITE
    piece_bytes = USBLP_BUF_SIZE
    write_error_is_exact = False
    refusals: Collection[int] = (errno.EAGAIN, errno.ENOSPC)  # of a printer without paper

    def __init__(self, node: Opened, context: OpenContext, write_timeout_s: float, *, changes: bool) -> None:
        super().__init__(node, context, write_timeout_s, changes=changes)
        self._broke = False
        self._on_its_way = 0  # of the last write, until it is seen to have arrived
        self._arrivals = Arrivals()
        # A USB device that goes takes its node's openings with it; a parallel port outlives its printer.
        major = os.major(os.fstat(self._fd).st_rdev)
        self.shows_restart = major == _USB_MAJOR
        if major == _LP_MAJOR:
            self.readable, self.refusals = False, (*self.refusals, errno.EIO)  # EIO: off line
        self._facts: Mapping[str, Fact] = {}
        if (told := self._asked(Control.GET_1284_ID)) is not None:
            self._facts = facts_of(told)
        self._moved_at = time.monotonic()  # when the printer took bytes, or had none to take
        status = self._asked(Control.GET_LPT_STATUS)
        self._status = None if status is None else PrinterStatus(status, self._question, context.report)

    def _asked(self, what: Control) -> bytes | None:
        """Return a control's answer; None where driver or device have none."""
        try:
            return self.control(what, b"")
        except (NotSupported, DeviceFault):
            return None

    def _question(self) -> Future[bytes]:
        """Ask the printer for its status, on a thread: it may take its time, and the port may be closed meanwhile."""
        fd, port = os.dup(self._fd), self._context.port

        def ask() -> bytes:
            try:
                return control(fd, Control.GET_LPT_STATUS, b"", port, changes=False)
            finally:
                os.close(fd)

        return apart(port, ask)

    @override
    def look_after(self) -> float | None:
        self._moved_at = time.monotonic()
        return None if self._status is None else self._status.idle()

    def _ask_why(self) -> None:
        """Ask the printer why, if it has taken nothing for long."""
        if self._status is not None:
            self._status.writing(time.monotonic() - self._moved_at)

    @override
    def paused(self) -> bool:
        return self._status is not None and self._status.asking

    @override
    def facts(self) -> Mapping[str, Fact]:
        return self._facts

    @override
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        super().start_doc(key, info, resume_offset)
        self._moved_at = time.monotonic()
        self._on_its_way, self._broke, self._arrivals, self.far_buffer_bytes = 0, False, Arrivals(), 0

    @override
    def write(self, data: memoryview) -> int:
        if self.paused():
            return 0  # in the driver it would wait for the answer, and could not be cancelled
        count = super().write(data)
        if count:
            self._moved_at = time.monotonic()
            self._on_its_way = count  # the driver took it, so all before it arrived
            self._arrivals.note(self._written - count)
        self._ask_why()
        return count

    @override
    def _failed(self, error: OSError) -> None:
        self._broke = True
        super()._failed(error)

    @override
    def read(self, size: int) -> bytes:
        data = super().read(size)
        if not data and is_hung_up(self._fd):
            raise self._gone("was unplugged")
        return data

    @override
    def acked(self) -> int:
        if self._on_its_way and polled(self._fd, WRITE) == WRITE:
            self._arrived()
        acked = self._written - self._on_its_way
        # What seemed to arrive while the printer was gone, and nobody knew, did not.
        self.far_buffer_bytes = acked - min(acked, self._arrivals.certain())
        return acked

    def _arrived(self) -> None:
        self._on_its_way, self._moved_at = 0, time.monotonic()
        self._arrivals.note(self._written)

    @override
    def end_doc(self) -> Evidence:
        deadline = time.monotonic() + self.write_timeout_s
        while self._on_its_way:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._late(f"has not taken the last {self._on_its_way} bytes")
            bits = self._context.wait.wait(self._fd, WRITE, min(left, _LOOK_S))
            self._ask_why()
            if bits & HANGUP:
                raise self._gone("is gone, with the last bytes on their way")
            if bits:
                self._arrived()
        if self._status is not None and self._written:
            self._see_that_it_is_there(self._status)
        return Evidence.DEVICE_WRITE

    def _see_that_it_is_there(self, status: PrinterStatus) -> None:
        """Ask the printer for its status: a request that failed looks to us like one that has arrived."""
        deadline, wait = time.monotonic() + _CONTROL_S, self._context.wait
        if not wait.until(
            lambda: not status.asking, deadline
        ):  # it was asked before the last bytes had arrived
            raise self._late("does not say whether it is there")
        asked = status.ask()
        if not wait.until(asked.done, deadline):
            raise self._late("does not say whether it is there")
        if isinstance(asked.exception(), DeviceFault):
            raise self._gone("does not answer any more")
        status.idle()

    def _late(self, what: str) -> WriteTimeout:
        port = self._context.port
        return WriteTimeout(f"port {port}: {self._device} {what}", port=port, acked=self.acked())

    def _gone(self, what: str) -> DeviceNotConnected:
        self.lost, port = True, self._context.port
        return DeviceNotConnected(f"port {port}: {self._device} {what}", port=port, device=self._device)

    @override
    def abort_doc(self, keep: bool) -> bool:
        self._wait_briefly()
        arrived = self.acked() == self._written and not self.far_buffer_bytes
        return arrived and not self.lost and not self._broke

    def _wait_briefly(self) -> None:
        """Let the last request arrive, if the printer takes it now."""
        deadline, bits = time.monotonic() + _BRIEFLY_S, 0
        while not bits and (left := deadline - time.monotonic()) > 0:
            bits = self._context.wait.poll(self._fd, WRITE, left)

    @override
    def close(self) -> None:
        self._wait_briefly()
        if self._status is not None:
            self._status.close()
        super().close()
