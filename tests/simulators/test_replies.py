"""A fault of replies waits for a reply that somebody hears."""

from __future__ import annotations

import pytest

from printfabric_sim.inlet import NoLink
from tests.simulators.test_zpl import plug
from tests.simulators.virtual_time import printer_of, run


class Deaf(NoLink):
    """A link without a way back."""

    def hears(self) -> bool:
        return False


@pytest.mark.parametrize("fault", ["status-missing", "status-missing@reply:1"])
def test_a_fault_of_replies_is_not_spent_on_one_without_a_way_back(fault):
    async def life() -> None:
        async with printer_of("zpl", faults=fault) as printer:
            deaf = printer.core.open_inlet("lpd", "test", Deaf())
            inlet, heard = plug(printer)
            printer.core.feed(deaf, b"~HI")
            assert [e for e in printer.record.events if e["event"] == "reply changed"] == []
            printer.core.feed(inlet, b"~HI")
            assert heard.data == b""
            printer.core.feed(inlet, b"~HI")
            assert heard.data.count(b"\x02") == 1

    run(life())
