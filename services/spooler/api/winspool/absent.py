"""What a raw-first spooler has none of: drivers, print processors, forms. Checked as Windows checks, answered as empty."""

from __future__ import annotations

from typing import Any

from chassis.errors import InvalidArgument
from spooler.api.inside import Inside
from spooler.api.winspool.arguments import Arguments, text_bytes
from spooler.api.winspool.handles import Handles
from spooler.api.winspool.ports import environment_of

Answer = tuple[dict[str, Any], int]


class AbsentCalls:
    """The calls about things there are none of."""

    def __init__(self, inside: Inside, handles: Handles) -> None:
        self._hosts = inside.hosts
        self._handles = handles

    async def directory(self, given: Arguments) -> Answer:
        """GetPrinterDriverDirectory, GetPrintProcessorDirectory: the name of no directory."""
        given.refuse_null("needed")
        given.level(1)
        environment_of(given)
        given.check_server(self._hosts)
        return {"directory": ""}, given.fit(text_bytes(""))

    async def enum_drivers(self, given: Arguments) -> Answer:
        """EnumPrinterDrivers: none."""
        given.refuse_null("needed", "returned")
        given.refuse_missing_buffer()
        given.level(1, 2, 3, 4, 5, 6, 8)
        if given.text("environment").casefold() != "all":
            environment_of(given)
        given.check_server(self._hosts)
        return {"drivers": [], "returned": 0}, 0

    async def enum_processors(self, given: Arguments) -> Answer:
        """EnumPrintProcessors: none."""
        given.refuse_null("needed", "returned")
        given.refuse_missing_buffer()
        given.level(1)
        environment_of(given)
        given.check_server(self._hosts)
        return {"processors": [], "returned": 0}, 0

    async def enum_forms(self, given: Arguments) -> Answer:
        """EnumForms: none."""
        self._handles.find(given)
        given.refuse_null("needed", "returned")
        given.refuse_missing_buffer()
        given.level(1, 2)
        return {"forms": [], "returned": 0}, 0

    async def get_driver(self, given: Arguments) -> Answer:
        """GetPrinterDriver: the printer has none (1797)."""
        handle = self._handles.find(given)
        given.level(1, 2, 3, 4, 5, 6, 8)
        environment_of(given)
        raise InvalidArgument(
            f"printer {handle.printer or 'server'} has no driver", win32=1797, printer=handle.printer or None
        )
