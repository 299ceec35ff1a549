"""Fixtures for tests of printing code: printers on an event loop of their own, so that blocking tests can use them too.

def test_receipt_survives_a_reset(sim_printer):
    printer = sim_printer("escpos", faults="reset@byte:200")
    my_code.print_receipt("127.0.0.1", printer.port)
    assert printer.units()[0]["outcome"] == "printed"
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from printfabric_sim.plan import Plan
    from printfabric_sim.printer import SimulatedPrinter

T = TypeVar("T")


class PrinterLoop:
    """One event loop on a thread, for all printers of a test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="printfabric-sim", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float = 10.0) -> T:
        """Run a coroutine there and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def call(self, work: Callable[[], T]) -> T:
        """Call a function there and return its result."""

        async def called() -> T:
            return work()

        return self.run(called())

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


class PrinterHandle:
    """A simulated printer as a blocking test sees it. `printer` is the thing itself, for use on its loop only."""

    def __init__(self, loop: PrinterLoop, printer: SimulatedPrinter) -> None:
        self.printer = printer
        self._loop = loop

    @property
    def address(self) -> dict[str, Any]:
        """Where it is found: {"tcp": 9100}, {"pty": "/dev/pts/3"}, ….."""
        address: dict[str, Any] = self.status()["address"]
        return address

    @property
    def port(self) -> int:
        """Its TCP port. Raises LookupError if it has none."""
        return self.printer.tcp.port

    def status(self) -> dict[str, Any]:
        """Return conditions, counters and addresses."""
        return self._loop.call(self.printer.status)

    def fault(self, text: str) -> None:
        """Add faults, for instance `media-out=3` or `reset@unit:17`."""
        self._loop.call(lambda: self.printer.fault(text))

    def clear(self, name: str = "") -> None:
        """End lasting faults and withdraw waiting ones."""
        self._loop.call(lambda: self.printer.clear(name))

    def load_media(self, units: int | None) -> None:
        """Put in a roll for so many units; None: an endless one."""
        self._loop.call(lambda: self.printer.load_media(units))

    def units(self) -> list[dict[str, Any]]:
        """Return what left the printer so far. Raises LookupError beyond `keep_units`."""
        return self._loop.call(lambda: [unit.as_dict() for unit in self.printer.record.all_units()])

    def serials(self) -> list[str | None]:
        """Return the serial texts of the units printed so far, in order."""
        return self._loop.call(self.printer.record.serials)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Return what else happened, or only the events of one name."""
        return self._loop.call(lambda: [e for e in self.printer.record.events if name in ("", e["event"])])

    def wait_units(self, count: int, timeout_s: float = 10.0) -> list[dict[str, Any]]:
        """Wait until `count` units are printed and return all. Raises TimeoutError."""
        self._loop.run(self.printer.wait_units(count, timeout_s), timeout_s + 5)
        return self.units()

    def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Wait until nothing is buffered and nothing moves. Raises TimeoutError."""
        self._loop.run(self.printer.wait_idle(timeout_s), timeout_s + 5)

    def wait_event(self, name: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait for an event and return the first of that name. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while not (found := self.events(name)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no event {name!r} within {timeout_s:g} s: {self.events()}")
            time.sleep(0.01)
        return found[0]

    def stop(self) -> None:
        """Stop it before the test ends, as SIGTERM does: what is still inside is told as lost. The record stays."""
        self._loop.run(self.printer.stop())


MakePrinter = Callable[..., PrinterHandle]


@pytest.fixture
def sim_loop() -> Iterator[PrinterLoop]:
    """The event loop of a test's printers."""
    loop = PrinterLoop()
    yield loop
    loop.close()


@pytest.fixture
def sim_printer(sim_loop: PrinterLoop) -> Iterator[MakePrinter]:
    """Start printers: `sim_printer("zpl", units_per_second=8, faults="reset@unit:17")`, any setting of a plan.

    Without a plug among the settings it listens on a free TCP port. All are stopped after the test, which fails if one of
    them has a fault that never struck: it has proved nothing about it. (`handle.clear()` withdraws those that may not;
    chances may pass.)
    """
    # Not before a test asks: the plugin is loaded into every pytest of whoever has the package installed.
    from printfabric_sim.plan import Plan, build  # noqa: PLC0415

    made: list[SimulatedPrinter] = []
    plugs = {"tcp", "pty", "lpd", "ipp", "snmp", "rfc2217", "device", "fifo"}

    async def start(plan: Plan) -> SimulatedPrinter:
        printer = build(plan)
        made.append(printer)
        await printer.start()
        return printer

    def make(personality: str = "zpl", **settings: Any) -> PrinterHandle:
        if not plugs & settings.keys():
            settings["tcp"] = 0
        plan = Plan.from_mapping({"personality": personality, **settings})
        return PrinterHandle(sim_loop, sim_loop.run(start(plan)))

    yield make
    idle: list[str] = []
    for printer in made:
        sim_loop.run(printer.stop())
        idle += [f"{printer.name}: {fault}" for fault in printer.never_struck if "@chance:" not in fault]
    if idle:
        pytest.fail(f"faults that never struck: {'; '.join(idle)}", pytrace=False)
