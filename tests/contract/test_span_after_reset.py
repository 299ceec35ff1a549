"""What of a document is uncertain once the printer has reset the connection: no more than may have left this host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from portmon.journal.port_journal import Journal
from portmon.languages.zpl import Zpl
from tests.contract.ipp_rig import IppRig
from tests.contract.language_bench import language_bench
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.network_rigs import LprRig, RawRig

DOCUMENT = bytes(range(256)) * 32768  # 8 MiB: more than the kernel takes
RECEIVE_BUFFER = 131072  # what the kernel makes of the 65,536 bytes that the peers ask for


@pytest.fixture(params=[RawRig, LprRig, IppRig], ids=lambda rig: rig.scheme)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RawRig]:
    found = request.param(tmp_path)
    yield found
    found.go_on()
    found.stop()


@pytest.fixture
async def bench(rig: RawRig) -> AsyncIterator[Bench]:
    found = Bench(rig)
    await found.open()
    yield found
    await found.close()
    found.journal.close()


async def test_what_never_left_the_host_is_not_uncertain_and_a_restart_does_not_change_that(
    rig: RawRig, bench: Bench
) -> None:
    rig.stall()
    key = new_key()
    await bench.start(key)
    writing = await bench.stuck(key, DOCUMENT)
    rig.break_off()
    broken = await writing
    assert broken.error is not None
    assert broken.acked <= broken.uncertain_end <= broken.acked + RECEIVE_BUFFER
    assert broken.uncertain_end < broken.accepted
    assert broken.uncertain_start <= len(rig.received()) <= broken.uncertain_end
    await bench.close()
    bench.journal.close()
    bench.journal = Journal.open(rig.folder / "journal", rig.port)
    again = bench.journal.outcome(key, "fabric")
    assert (again.uncertain_start, again.uncertain_end) == (broken.uncertain_start, broken.uncertain_end)


async def test_no_label_that_the_simulator_printed_lies_behind_the_span(tmp_path: Path) -> None:
    label = b"^XA^FO10,10^FDlabel^FS^FX" + b"-" * 900 + b"^XZ\n"
    document = label * (len(DOCUMENT) // len(label))
    async with language_bench(tmp_path, Zpl, "zpl", units_per_second=200, media=20) as bench:
        bench.bidirectional = False
        await bench.open()
        printing = asyncio.create_task(bench.print_or_break(document))
        await bench.until_printed(20)  # then it waits for labels, and its window shuts
        journal = bench.port.journal
        await bench.until(
            lambda: any(one.accepted > one.acked + RECEIVE_BUFFER for one in journal.unsettled("fabric"))
        )
        bench.printer.fault("reset")
        found = await printing
        printed = len(label) * bench.printer.record.printed
        assert found.error is not None
        assert printed <= found.uncertain_end < found.accepted
        assert found.uncertain_end <= found.acked + RECEIVE_BUFFER
