"""How a raw TCP document ends: by the printer's own close, by a time-out, or without being waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from portmon.api.convert import progress_to_pb
from portmon.document import Disposition, DocInfo, Evidence
from printfabric.types.v1 import ledger_pb2
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.network_rigs import RawRig


class OpenRig(RawRig):
    """A printer that never closes its side."""

    def _serve(self, connection, got) -> None:
        super()._serve(connection, got)
        while not self._ended and not self._reset.wait(0.01):
            pass


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[RawRig]:
    found = OpenRig(tmp_path)
    yield found
    found.go_on()
    found.stop()


@pytest.fixture
async def bench(rig: RawRig, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    found = Bench(rig, **request.param)
    await found.open()
    yield found
    await found.close()
    found.journal.close()


@pytest.mark.parametrize(
    ("bench", "evidence", "source"),
    [
        ({"endTimeoutS": 0.05}, Evidence.TCP_NO_CLOSE, ledger_pb2.EVIDENCE_SOURCE_TIMEOUT),
        ({"endTimeoutS": 0}, Evidence.TCP_ACK, ledger_pb2.EVIDENCE_SOURCE_TCP_ACK),
    ],
    indirect=["bench"],
    ids=["waited for", "not waited for"],
)
async def test_an_end_without_the_printers_close_is_told_as_a_time_out_if_it_was_waited_for(
    bench: Bench, evidence: Evidence, source: int
) -> None:
    end = await bench.slice(new_key(), start=DocInfo(), data=b"label", end=Disposition.COMPLETE, size=5)
    assert (end.error, end.acked, end.evidence) == (None, 5, evidence)
    told = progress_to_pb(end)
    assert told.level == ledger_pb2.EVIDENCE_LEVEL_ACKED
    assert (told.source, told.transport) == (source, ledger_pb2.EVIDENCE_SOURCE_TCP_ACK)
