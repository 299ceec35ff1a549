"""One simulated printer: a personality, a paper path, plugs, faults, a record."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from printfabric_sim.condition import Condition
from printfabric_sim.connections.connection import Connection
from printfabric_sim.connections.tcp import TcpConnection
from printfabric_sim.core import Core
from printfabric_sim.dice import Dice
from printfabric_sim.fault_actions import FaultActions
from printfabric_sim.fault_engine import FaultEngine
from printfabric_sim.fault_reach import check_effect, check_name
from printfabric_sim.fault_script import Fault, parse_faults
from printfabric_sim.fault_table import FaultError
from printfabric_sim.personality import Personality, made, personality_class
from printfabric_sim.record import DEFAULT_SERIAL, KEEP_UNITS, Record, UnitRecord
from printfabric_sim.unit import Unit

# The content of so many last units is kept in memory, to be looked at, and of no more than KEEP_CONTENT_BYTES.
_CONTENTS = 32
KEEP_CONTENT_BYTES = 2**20


class SimulatedPrinter:
    """A believable printer that misbehaves on command. Made inside a running event loop.

        async with SimulatedPrinter("zpl", units_per_second=8, faults="reset@unit:17") as printer:
            port = printer.tcp.port
            ...
            assert printer.record.serials() == [...]

    Without a plug of your own (`connect`) it listens on a free TCP port of the loopback. `units_per_second` 0 means: as
    fast as the bytes come. `media` is how many units are loaded (None: endless). `record_dir` keeps units.jsonl and
    events.jsonl, `keep_bytes` every byte that arrived. `keep_units` is how many units and events stay in memory,
    `keep_content_bytes` how much of the content of the last ones.
    `options` are the personality's own.

    Raises:
        LookupError: no such personality. FaultError: a fault that cannot be read. OSError: a file cannot be had.
        ValueError: an option that the personality has not.
    """

    def __init__(  # noqa: PLR0913 (a printer has that many properties; all are named)
        self,
        personality: str = "zpl",
        *,
        name: str = "",
        units_per_second: float = 0.0,
        path_depth: int = 2,
        buffer_bytes: int = 65536,
        media: int | None = None,
        ribbon: int | None = None,
        warm_up_s: float = 0.0,
        back_channel: bool = True,
        faults: str | list[Fault] = "",
        seed: int = 0,
        record_dir: Path | None = None,
        keep_bytes: Path | None = None,
        serial_pattern: bytes = DEFAULT_SERIAL,
        keep_units: int = KEEP_UNITS,
        keep_content_bytes: int = KEEP_CONTENT_BYTES,
        options: Mapping[str, str] | None = None,
    ) -> None:
        kind = personality_class(personality)
        self._script = parse_faults(faults) if isinstance(faults, str) else list(faults)
        self.name = name or kind.name
        self.record = Record(record_dir, serial_pattern=serial_pattern, keep_units=keep_units)
        self._bytes_file: IO[bytes] | None = keep_bytes.open("ab", buffering=0) if keep_bytes else None
        self.core = Core(
            asyncio.get_running_loop(),
            self.record,
            unit_s=1.0 / units_per_second if units_per_second > 0 else 0.0,
            path_depth=path_depth,
            buffer_bytes=buffer_bytes,
            keep=self._bytes_file,
            back_channel=back_channel,
            warm_up_s=warm_up_s,
        )
        self.core.path.supplies.load_media(media)
        self.core.path.supplies.load_ribbon(ribbon)
        self._most_content_bytes = keep_content_bytes
        self._furnish(made(kind, self.core, options or {}), Dice(seed))

    def _furnish(self, personality: Personality, dice: Dice) -> None:
        """Put interpreter and faults in."""
        self.connections: list[Connection] = []
        self._stopped = False
        self.never_struck: list[str] = []  # faults that still waited for their moment when it stopped
        self.closing: list[Callable[[], None]] = []  # called when the printer stops
        self._changed = asyncio.Event()
        self._contents: deque[tuple[int, bytes]] = deque()
        self._contents_bytes = 0
        self.personality = personality
        self.core.fit(personality)
        self.actions = FaultActions(self, dice)
        self.engine = FaultEngine(
            self.core.loop, dice, self.actions.strike, lambda: self.core.intake.received
        )
        self.core.watcher = self.engine
        self.core.on_unit.append(self._unit_left)

    @property
    def tcp(self) -> TcpConnection:
        """The first TCP plug. Raises LookupError if there is none."""
        found = next((plug for plug in self.connections if isinstance(plug, TcpConnection)), None)
        if found is None:
            raise LookupError(f"{self.name} has no TCP port; it is at {self.status()['address']}")
        return found

    def connect(self, plug: Callable[[Core], Connection]) -> None:
        """Add a plug before `start`, for instance `lambda core: TcpConnection(core, port=9100)`."""
        self.connections.append(plug(self.core))

    async def start(self) -> None:
        """Open the plugs, warm up, lay the faults in wait. Raises OSError; FaultError: one can have no effect here."""
        if not self.connections:
            self.connect(TcpConnection)
        for fault in self._script:
            check_effect(fault, self.core, self.connections)
        for connection in self.connections:
            await connection.start()
        self.core.warming.begin()
        for fault in self._script:
            self.engine.add(fault)

    async def stop(self) -> None:
        """Close everything; what is still inside is told as lost, and the record stays readable. Harmless twice."""
        if self._stopped:
            return
        self._stopped = True
        for name, _ in self.engine.back_channel:
            self.record.event(
                "fault without effect", fault=name, why="no reply has come that it could change"
            )
        self.core.noise.told()
        self.never_struck = self.engine.never_struck()
        for fault in self.never_struck:
            self.record.event("fault never struck", fault=fault)
        self.engine.stop()
        for connection in self.connections:
            await connection.stop()
        self.core.put_away()
        self.core.consult(self.personality.reset)
        for close in self.closing:
            close()
        self.record.close()
        if self._bytes_file is not None:
            self._bytes_file.close()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def fault(self, text: str) -> None:
        """Add faults while the printer runs: `printer.fault("media-out=3")`.

        Raises:
            FaultError: one cannot be read, or can have no effect on this printer; none was added then.
        """
        for fault in self.checked(text):
            self.engine.add(fault)

    def checked(self, text: str) -> list[Fault]:
        """Read faults for this printer. Raises FaultError as `fault` does, and if there is none in `text`."""
        faults = parse_faults(text)
        if not faults:
            raise FaultError("no fault is named; one reads like reset@unit:17")
        for fault in faults:
            check_effect(fault, self.core, self.connections)
        return faults

    def clear(self, name: str = "") -> bool:
        """End a lasting fault or condition and withdraw waiting ones, all or of one name; False if there was none.

        Raises:
            FaultError: no fault has this name.
        """
        check_name(name)
        withdrawn = self.engine.forget(name)
        return self.actions.clear(name) or withdrawn

    async def wait_units(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until `count` units have been printed. Raises TimeoutError, which says how many were, and what holds it up."""
        try:
            await self.wait_for(lambda: self.record.printed >= count, timeout_s)
        except TimeoutError as error:
            came = f"{self.record.printed} of {count} units are printed"
            raise TimeoutError(f"{self.name}: {came} after {timeout_s:g} s: {self.status()}") from error

    async def wait_for(self, reached: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until `reached()` is true, asked after every unit. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not reached():
                self._changed.clear()
                await self._changed.wait()

    async def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Wait until nothing is buffered and nothing moves. Raises TimeoutError."""
        deadline = self.core.loop.time() + timeout_s
        while not self.idle:
            if self.core.loop.time() > deadline:
                raise TimeoutError(f"{self.name} is not idle after {timeout_s:g} s: {self.status()}")
            await asyncio.sleep(0.01)

    @property
    def idle(self) -> bool:
        """Say whether every unit has left and no more can be made of the bytes that have arrived."""
        return self.core.path.empty and not self.core.intake.waiting

    def status(self) -> dict[str, Any]:
        """Return what the control port and the ready line say of this printer."""
        intake = self.core.intake
        return {
            "name": self.name,
            "personality": self.personality.name,
            "address": {key: value for plug in self.connections for key, value in plug.address().items()},
            "conditions": sorted(condition.value for condition in self.core.conditions),
            "printed": self.record.printed,
            "counts": dict(self.record.counts),
            "received_bytes": intake.received,
            "lost_bytes": self.record.lost_bytes,
            "buffered_bytes": sum(len(inlet.buffer) for inlet in intake.inlets.values()),
            "units_waiting": self.core.units_waiting,
            "media_left": self.core.media_left,
            "forgotten_units": self.record.forgotten_units,
            "connections": len(intake.inlets),
            "faults_waiting": self.engine.waiting(),
            "faults_lasting": self.actions.lasting(),
            "power": Condition.POWER_OFF not in self.core.conditions,
        }

    def content(self, number: int) -> bytes | None:
        """Return the content of one of the last units, as far as it is kept; None if it is not any more."""
        return next((content for unit, content in self._contents if unit == number), None)

    def load_media(self, units: int | None) -> None:
        """Put in a new roll of so many units (None: endless), which ends media-out."""
        self.core.path.supplies.load_media(units)
        self.core.release(Condition.MEDIA_OUT)

    def load_ribbon(self, units: int | None) -> None:
        """Put in a new ribbon for so many units (None: endless), which ends ribbon-out."""
        self.core.path.supplies.load_ribbon(units)
        self.core.release(Condition.RIBBON_OUT)

    def _unit_left(self, entry: UnitRecord, unit: Unit) -> None:
        self._contents.append((entry.unit, unit.content))
        self._contents_bytes += len(unit.content)
        while len(self._contents) > _CONTENTS or self._contents_bytes > self._most_content_bytes:
            self._contents_bytes -= len(self._contents.popleft()[1])
        self._changed.set()
