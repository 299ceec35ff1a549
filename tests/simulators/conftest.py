"""Printers on a test's own loop; `sim_printer` comes from the pytest plugin, as users get it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from printfabric_sim import SimulatedPrinter
from printfabric_sim.plan import Plan, build

Start = Callable[..., Awaitable[SimulatedPrinter]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Lend a function that starts printers on the loop of the test; they are stopped after it."""
    made: list[SimulatedPrinter] = []

    async def begin(personality: str = "zpl", **settings: Any) -> SimulatedPrinter:
        plan = Plan.from_mapping({"personality": personality, "tcp": 0, **settings})
        printer = build(plan)
        made.append(printer)
        await printer.start()
        return printer

    yield begin
    for printer in made:
        await printer.stop()
