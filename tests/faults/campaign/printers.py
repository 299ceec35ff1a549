"""The campaign's printers: simulated, with a box in front of some, and every sheet that leaves them read."""

from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from printfabric_sim.connections.listener import Listener
from printfabric_sim.plan import Plan, build
from printfabric_sim.printer import SimulatedPrinter
from printfabric_sim.record import Outcome, UnitRecord
from printfabric_sim.unit import Span, Unit
from tests.faults.campaign.arrivals import OWN_REASONS, Arrivals, Gone, destroyed
from tests.faults.campaign.box import Box
from tests.faults.campaign.papers import BEGINS, CORE, ENDS
from tests.faults.campaign.plan import BOX_BYTES, PrinterPlan

_LOSING = ("power-cut", "reboot", "reset", "fin", "device-gone", "noise", "refuse", "blackhole", "busy")
# A printer that ends the connection orderly, or never takes it from its queue, has told nobody that it lost anything.
_SILENT = ("power-cut", "noise", "device-gone", "refuse", "blackhole", "busy", "reboot", "fin")
_LOST_EVENTS = ("discarded", "cancelled", "overrun")
MARK = b"DUPLICATE?"
_LEAST_RCVBUF_BYTES = 2304
_PTY_BYTES = 24576  # as portmon.line.transmitter says


class Sheet(NamedTuple):
    """One piece of paper: which units stand on it whole, which begin on it, and what else there is.

    `rest` is its content with a # for each whole unit, `spans` the received bytes it was made of.
    """

    at: float
    outcome: Outcome
    reason: str
    whole: tuple[str, ...]
    begun: tuple[str, ...]
    marked: bool = False
    rest: bytes = b"#"
    spans: tuple[Span, ...] = ()


class Loss(NamedTuple):
    """The printer, or the box before it, lost bytes that it had taken. `silent`: nobody was told at that moment.

    So many of them at most, `unread`, lay in its transport's buffers, where its record does not see them.
    """

    at: float
    what: str
    silent: bool
    unread: int = 0


class Stand:
    """One printer of the campaign. `cores` are the units that may come, by their serial."""

    def __init__(self, plan: PrinterPlan, folder: Path, cores: dict[str, bytes]) -> None:
        self.plan = plan
        self.sheets: list[Sheet] = []
        self.printed: Counter[str] = Counter()  # whole units, by serial
        self.marked: Counter[str] = Counter()  # … of which say that they may be duplicates
        self.arrivals = Arrivals(plan.personality)
        self._cores = cores
        self._folder = folder
        self.box: Box | None = None
        self.box_losses: list[Loss] = []
        self.port = plan.name.upper()
        self.settings: dict[str, Any] = {}
        self.monitor = ""
        self.last_state = ""

    async def start(self) -> None:
        """Start printer and box; afterwards `monitor` and `settings` are known."""
        plan = self.plan
        node = str(self._folder / f"node-{plan.name}")
        self.sim: SimulatedPrinter = build(
            Plan(
                personality=plan.personality,
                name=plan.name,
                tcp=0 if plan.plug in ("tcp", "box") else None,
                lpd=0 if plan.plug == "lpr" else None,
                ipp=0 if plan.plug == "ipp" else None,
                fifo=node if plan.plug == "fifo" else None,
                pty=node if plan.plug == "pty" and plan.flow != "stall" else None,
                device=node if plan.plug == "pty" and plan.flow == "stall" else None,
                flow=plan.flow if plan.flow != "stall" else "none",
                paced=False,
                rcvbuf_bytes=plan.rcvbuf_bytes,
                units_per_second=plan.units_per_second,
                buffer_bytes=plan.buffer_bytes,
                faults=plan.faults,
                seed=plan.seed,
            )
        )
        self.sim.core.on_unit.append(self._left)
        self.sim.core.intake.on_bytes.append(self.arrivals.came)
        await self.sim.start()
        if plan.is_line:
            self.monitor, self.settings = _line_settings(plan, node)
        else:
            await self._connect()

    async def _connect(self) -> None:
        """Note what its host needs to reach it, by way of the box if there is one."""
        plan, (plug,) = self.plan, self.sim.connections
        assert isinstance(plug, Listener)
        times = {"connectTimeoutS": 0.6, "writeTimeoutS": 0.8}
        self.settings = {"host": "127.0.0.1", "port": plug.port, **times}
        if plan.plug == "lpr":
            self.monitor, more = "lpr", {"queue": "lp", "answerTimeoutS": 3.0}
        elif plan.plug == "ipp":
            self.monitor, more = "ipp", {"answerTimeoutS": 3.0, "confirmTimeoutS": 3.0}
        else:
            memory = plan.memory_bytes
            if plan.plug == "box":
                self.box = Box(("127.0.0.1", plug.port))
                self.settings["port"], memory = await self.box.start(), memory + BOX_BYTES
            self.monitor, more = (
                "raw",
                {"endTimeoutS": plan.end_timeout_s, "printerBufferBytes": memory},
            )
        self.settings |= more

    async def stop(self) -> None:
        """Stop both."""
        if self.box is not None:
            await self.box.stop()
        await self.sim.stop()

    def cut_box(self) -> None:
        """Cut what goes through the box."""
        if self.box is not None and not self.box.quiet:
            self.box_losses.append(Loss(time.time(), "box cut", silent=False, unread=self._unread))
            self.box.cut()

    def calm_now(self) -> bool:
        """Everything that arrived is on paper, and no fault holds anything up."""
        core = self.sim.core
        return (
            self.sim.idle
            and not core.conditions
            and not self.sim.actions.lasting()
            and (self.box is None or self.box.quiet)
        )

    def inlets(self) -> set[int]:
        """Return the connections that are open (of a line: none)."""
        return set() if self.plan.is_line else set(self.sim.core.intake.inlets)

    def end_faults(self) -> None:
        """No more faults: what lasts ends, what lies in wait is withdrawn."""
        self.sim.clear()

    def state(self) -> str:
        """Return what it is doing, for complaints."""
        status, plug = self.sim.status(), self.sim.connections[0]
        inlets = {n: sorted(one.pauses) for n, one in self.sim.core.intake.inlets.items()}
        line = {
            name: getattr(plug, name)
            for name in ("_xoff", "_stalls", "_reading", "_links")
            if hasattr(plug, name)
        }
        events = [
            f"{e['time']:.2f} {e['event']} {e.get('how') or e.get('fault') or ''}"
            for e in self.sim.record.events
        ]
        keep = (
            "conditions",
            "received_bytes",
            "buffered_bytes",
            "units_waiting",
            "connections",
            "faults_waiting",
        )
        return f"{ {name: status[name] for name in keep} } {inlets} {line} {events[-12:]}"

    def struck(self) -> list[str]:
        """Return the faults that befell it."""
        return [
            event["fault"].partition("@")[0].partition("=")[0]
            for event in self.sim.record.events
            if event["event"] == "fault"
        ]

    def losses(self) -> list[Loss]:
        """Return when bytes were lost behind the transport."""
        found = list(self.box_losses)
        found += [
            Loss(sheet.at, sheet.reason, silent=True)
            for sheet in self.sheets
            if sheet.outcome is Outcome.GARBLED and "broke off" not in sheet.reason
        ]
        for event in self.sim.record.events:
            name, what = event["event"], str(event.get("fault", "")).partition("@")[0].partition("=")[0]
            if name == "fault" and what in _LOSING:
                # Noise waits for the next bytes, whenever they come.
                at = math.inf if what == "noise" else event["time"]
                found.append(Loss(at, what, what in _SILENT, self._unread_by(what)))
            elif name == "accepted and closed":
                found.append(Loss(event["time"], name, silent=True, unread=self._unread))
            elif name in _LOST_EVENTS and any(event.get(what) for what in ("bytes", "units", "copies")):
                reason = str(event.get("reason", ""))
                if reason not in ("nothing to print", "~JX"):
                    found.append(Loss(event["time"], f"{name} {reason}", reason == "power-cut"))
        return found

    def gone(self) -> list[Gone]:
        """Return which units the printer or its line has destroyed, of those that its record saw coming."""
        torn = [
            Gone(sheet.at, name)
            for sheet in self.sheets
            if sheet.outcome is Outcome.TRUNCATED and sheet.reason in OWN_REASONS
            for name in dict.fromkeys((*sheet.begun, *ended_on(sheet)))
        ]
        return torn + self.arrivals.gone(self.sim.record.events)

    def holes(self) -> list[Span]:
        """Return the bytes that came and that the printer or its line destroyed, without a word to the host."""
        events = [event for event in self.sim.record.events if event.get("reason") != "came after the end"]
        return [span for event in events for span in destroyed(event)]

    @property
    def _unread(self) -> int:
        """How many bytes at most lie between its host's kernel and what it has read."""
        if self.plan.plug == "fifo":
            return 0  # a document has ended when its reader has all of it
        if self.plan.plug == "pty":
            return _PTY_BYTES
        # Linux doubles what is asked for, and gives no less than this.
        window = 2 * max(self.plan.rcvbuf_bytes, _LEAST_RCVBUF_BYTES)
        return window + (BOX_BYTES if self.plan.plug == "box" else 0)

    def _unread_by(self, fault: str) -> int:
        """How many unread bytes a fault may destroy: a line keeps what waits in it for all but the line itself."""
        if self.plan.is_line:
            return self._unread if fault == "device-gone" else 0
        return self._unread

    def _left(self, entry: UnitRecord, unit: Unit) -> None:
        found = [one for one in CORE.finditer(unit.content) if one[0] == self._cores.get(one[1].decode())]
        whole = tuple(one[1].decode() for one in found)
        rest = unit.content
        for one in reversed(found):
            rest = rest[: one.start()] + b"#" + rest[one.end() :]
        begun = tuple(one[1].decode() for one in BEGINS.finditer(unit.content))
        marked = MARK in unit.content
        sheet = Sheet(entry.time, entry.outcome, entry.reason, whole, begun, marked, rest, unit.spans)
        self.sheets.append(sheet)
        if entry.outcome is not Outcome.TRUNCATED:
            self.printed.update(whole)
            self.marked.update(whole if marked else ())


def ended_on(sheet: Sheet) -> tuple[str, ...]:
    """Return the units of which only an end is on a sheet."""
    return tuple(name.decode() for name in ENDS.findall(sheet.rest))


def is_spoiled(sheet: Sheet) -> bool:
    """Whether the printer or its line has torn or damaged a sheet, by the record's own word."""
    broke_off = sheet.outcome is Outcome.GARBLED and "broke off" in sheet.reason
    return sheet.outcome is not Outcome.PRINTED and not broke_off


def _line_settings(plan: PrinterPlan, node: str) -> tuple[str, dict[str, Any]]:
    """Return the monitor of a line, and its settings."""
    if plan.plug == "fifo":
        return "device", {"device": node, "writeTimeoutS": 0.8}
    flow = "xonxoff" if plan.flow == "xonxoff" else "none"
    return "serial", {"device": node, "baud": 115200, "flow": flow, "writeTimeoutS": 0.8}
