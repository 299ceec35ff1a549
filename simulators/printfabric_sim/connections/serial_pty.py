"""A serial line on a pseudo terminal: baud rate, line errors, XON/XOFF, RTS/CTS as far as a pty has them.

What a pty has: the host's termios settings can be read, XOFF stops the host's output when it has set IXON. What it has
not, and what stands in: no pace (bytes are taken at the printer's baud rate, so the host's writes stall as behind a
UART), no data bits but 8 and no parity (Linux refuses both; RFC 2217 has them), no CTS (when CTS is low and the host has
set CRTSCTS, its output is stopped with TCOOFF, which is what a UART driver does to its terminal), no DSR and DCD (their
faults are refused; RFC 2217 has them), no framing errors (bytes are damaged on arrival when the settings differ).
"""

from __future__ import annotations

import contextlib
import errno
import os
import termios
import tty
from pathlib import Path

from printfabric_sim.connections import line_settings
from printfabric_sim.connections.connection import Connection, Reach
from printfabric_sim.connections.line_settings import LineSettings, host_line, host_minds
from printfabric_sim.connections.mismatch import Mismatch
from printfabric_sim.connections.node_link import NodeLink
from printfabric_sim.connections.pace import Pace
from printfabric_sim.connections.xon_beat import XonBeat
from printfabric_sim.core import Core
from printfabric_sim.inlet import Damage, Inlet

XON, XOFF = b"\x11", b"\x13"
_READ_BYTES = 4096


class PtyConnection(Connection):
    """A serial printer behind a pty; `link` is a symbolic link to the device that clients open.

    `flow` is what the printer does when its buffer is three quarters full: "xonxoff", "rtscts" or "none"; what finds
    the buffer full is lost. With "stall" it takes no more and the host's writes wait, as on a parallel or USB port. `settings` are the printer's own; None follows the host and never garbles.
    `paced` False takes bytes as fast as they come. `xon_every_s`: see `XonBeat`.
    """

    reach = frozenset({Reach.INPUT, Reach.NOISE, Reach.NODE, Reach.BACK})

    def __init__(
        self,
        core: Core,
        link: Path | None = None,
        *,
        settings: LineSettings | None = None,
        flow: str = "xonxoff",
        paced: bool = True,
        xon_every_s: float = 0.0,
    ) -> None:
        super().__init__(core)
        if flow not in ("xonxoff", "rtscts", "none", "stall"):
            raise ValueError(f"no flow control {flow!r}; there are: xonxoff, rtscts, none, stall")
        self.link = NodeLink(link) if link is not None else None
        self.settings = settings
        self.flow = flow
        self.paced = paced and settings is not None
        self._master = self._slave = -1
        self._inlet: Inlet | None = None
        self._pace = Pace(core.loop, self._readable)
        self._xon = XonBeat(
            core.loop, xon_every_s, lambda: self._inlet and not self._xoff and self.write(XON)
        )
        self._reading = False
        self._xoff: set[str] = set()  # why the host was sent XOFF
        self._cts_low: set[str] = set()  # why CTS is low
        self._stalls: set[str] = set()  # why nothing is taken whatever the host minds
        self._mismatch = Mismatch(core, settings)
        self._unheard: Inlet | None = None  # takes what comes while the power is off
        self._gone = False
        self._stopped = False

    @property
    def device(self) -> str:
        """The name of the device node behind the link."""
        return os.ttyname(self._slave)

    def address(self) -> dict[str, object]:
        """Return {"pty": the link if there is one, else the node}; {"device": …} for a character device."""
        return {
            "device" if self.flow == "stall" else "pty": str(self.link.path if self.link else self.device)
        }

    async def start(self) -> None:
        """Make the pty and the link."""
        self._open()

    async def stop(self) -> None:
        """Remove the link and close the pty."""
        self._stopped = True
        self._close()
        if self.link is not None:
            self.link.release()

    # inlet.Link

    def pause(self) -> None:
        """The buffer is filling: hold the host up in the way agreed."""
        self._flow_control(True)

    def resume(self) -> None:
        """There is room again."""
        self._flow_control(False)

    def write(self, data: bytes) -> bool:
        """Send to the host; what does not fit in its input queue is lost, as on a line."""
        with contextlib.suppress(OSError, termios.error):
            return self.hears() and os.write(self._master, self._mismatch.told(data, self._slave)) > 0
        return False

    def hears(self) -> bool:
        """There is a line, unless the device is away."""
        return self._master >= 0 and "freeze" not in self._stalls

    def reset(self) -> None:
        """A line cannot be reset."""

    def close(self) -> None:
        """A line cannot be closed from the printer's side."""

    # connection.Connection

    def break_links(self, how: str) -> int:
        """A line has no connection; with "+drop" the buffer is lost, which counts as one if it held anything."""
        if self._inlet is None or not how.endswith("+drop"):
            return 0
        return int(bool(self.core.intake.drop(self._inlet)))

    def freeze(self, on: bool) -> None:
        """Take nothing, say nothing: the host's writes stall when the kernel's buffer is full."""
        self._hold(self._stalls, on, "freeze")
        if not on:
            self._signal()

    def power(self, on: bool) -> None:
        """Without power CTS and DSR are low; a host that minds neither sends into the void."""
        if not on:
            self._inlet = None
            self._xoff.discard("full")
            self._hold(self._stalls if self.flow == "stall" else self._cts_low, True, "power")
            return
        self._forget("full", "power")
        if self._slave < 0:
            return
        self._inlet = self._new_inlet()
        self._signal()  # ready again: a host that was told XOFF before the cut would wait for ever
        self._greet()

    def stall(self, on: bool, reason: str) -> None:
        """XOFF by character, CTS by the line; zero-window has no meaning here and stops reading."""
        self._hold({"xoff": self._xoff, "cts-low": self._cts_low}.get(reason, self._stalls), on, reason)
        if reason == "cts-low":
            self.core.event("modem line", line="cts", on=not on, shown=host_minds(self._slave).rts_cts)

    def vanish(self, on: bool, new_name: bool) -> None:
        """Take the device away (opens fail, open handles get EIO), or bring it back, as `-1`, `-2` … if renamed."""
        if on and not self._gone:
            self._gone = True
            self._close()
        elif not on and self._gone and not self._stopped:
            self._gone = False
            if new_name and self.link is not None:
                self.link.rename()
            self.come_back(self._open, self._close)

    def _open(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        line_settings.set_baudrate(self._slave, (self.settings or LineSettings()).baudrate)
        os.set_blocking(self._master, False)
        if self.link is not None:
            self.link.put(os.ttyname(self._slave))
        self._inlet = self._new_inlet()
        self._set_reading(True)
        self._greet()
        self._xon.start()

    def _close(self) -> None:
        if self._master < 0:
            return
        self._set_reading(False)
        self._pace.stop()
        self._xon.stop()
        if self.link is not None:
            self.link.drop(os.ttyname(self._slave))
        # Gone before the inlet ends: what that moves must not have the closed line read again.
        master, slave = self._master, self._slave
        self._master = self._slave = -1
        if self._inlet is not None:
            self.core.end(self._inlet, "hangup")
        os.close(slave)
        os.close(master)
        self._forget("full")

    def _forget(self, *reasons: str) -> None:
        """These reasons do not outlive the line's restart, as those of faults do."""
        for means in (self._xoff, self._cts_low, self._stalls):
            means.difference_update(reasons)

    def _greet(self) -> None:
        """Tell the host of the line what holds it up."""
        if self._xoff:
            self.write(XOFF)
        self._arrange()

    def _new_inlet(self) -> Inlet:
        inlet = self.core.open_inlet("serial", self.device, self)
        if self._unheard is not None:
            inlet.damage.append(Damage(0, 0, "its beginning came while the power was off"))
            self._unheard = None
        if self.flow != "stall":
            inlet.lossy = True
            inlet.high_water = self.core.intake.capacity * 3 // 4
        return inlet

    def _set_reading(self, on: bool) -> None:
        if self._master < 0 or on == self._reading:
            return
        self._reading = on
        if on:
            self.core.loop.add_reader(self._master, self._readable)
        else:
            self.core.loop.remove_reader(self._master)

    def _readable(self) -> None:
        """Take what the line has carried since the last time, at the pace of its baud rate."""
        if self._master < 0:
            return
        size = self.core.before_strike(min(_READ_BYTES, max(1, self.core.intake.capacity // 16)))
        if self.paced and self.settings is not None:
            size = min(size, self._pace.allowance(self.settings.bytes_per_s))
            if size == 0:
                self._set_reading(False)
                self._pace.wait()
                return
        if not self._reading or self._xoff or self._cts_low:
            # Whoever opened the line since may mind the signal, and has not been told.
            if self._xoff:
                self._signal()
            self._arrange()
            if not self._reading:
                return
        try:
            data = os.read(self._master, size)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EAGAIN):
                raise
            return
        self._pace.took(len(data))
        self._arrived(data)

    def _arrived(self, data: bytes) -> None:
        if (inlet := self._inlet) is None:  # a line goes on, and nobody hears
            why = "came while the power was off"
            self._unheard = self._unheard or self.core.turn_away("serial", self.device, why)
            self.core.feed(self._unheard, data)
            return
        with contextlib.suppress(termios.error):
            data = self._mismatch.heard_from(inlet, data, self._slave)
        self.core.feed(inlet, self.core.noise.spoil(inlet, data))

    def _flow_control(self, stop: bool) -> None:
        means = {"xonxoff": self._xoff, "rtscts": self._cts_low, "stall": self._stalls}.get(self.flow)
        if means is not None:
            self._hold(means, stop, "full")

    def _hold(self, means: set[str], on: bool, reason: str) -> None:
        """Add or take away a reason, and send XOFF or XON when it is the first or the last."""
        before = bool(self._xoff)
        (means.add if on else means.discard)(reason)
        if bool(self._xoff) != before:
            self.write(XOFF if self._xoff else XON)
        self._arrange()

    def _signal(self) -> None:
        """Say once more whether the host may send, if it listens to that."""
        if host_minds(self._slave).xon_xoff:
            self.write(XOFF if self._xoff else XON)

    def _arrange(self) -> None:
        """Make reading and the host's terminal fit the reasons.

        What the kernel's buffer holds stands for bytes the host's UART has not sent yet: a host that minds the
        signal stops them too, so they are left where they are.
        """
        if self._slave < 0:
            return
        try:
            host = host_line(self._slave)
            if host.rts_cts or not self._cts_low:
                termios.tcflow(self._slave, termios.TCOOFF if self._cts_low else termios.TCOON)
        except termios.error as error:
            self.core.event("line not set", error=str(error))
            return
        minds = (self._xoff and host.xon_xoff) or (self._cts_low and host.rts_cts)
        self._set_reading(not self._stalls and not minds)
