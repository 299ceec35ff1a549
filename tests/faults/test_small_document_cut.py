"""A document of one message is on the host whole when it is begun: a cut of the network changes nothing on paper.

Only its lease bounds it, 30 s from the cut: what is still printing by then is broken off at its byte.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from printfabric.spooler.v1.printer_service_pb2 import PrefetchPolicy, Printer
from printfabric.types.v1.job_pb2 import JobState
from tests.rig.documents import noise
from tests.rig.programs import wait_until
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import PtyReceiver, TcpReceiver

SIZE = 60_000  # below the 64 KiB of one message
PATIENCE_S = 60.0


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_cut_in_the_middle_of_a_small_document_does_not_show_on_paper(tmp_path: Path) -> None:
    receivers = [TcpReceiver("IP_A"), PtyReceiver("COM1:")]
    with real_fabric(tmp_path, receivers, proxied=True) as fabric, fabric.client() as client:
        assert fabric.proxy is not None
        jobs, documents = {}, {}
        for place, (name, receiver) in enumerate(fabric.receivers.items()):
            auto = Printer(name=f"printers/{name}", prefetch=PrefetchPolicy.PREFETCH_POLICY_AUTO)
            client.printers.update(auto, "prefetch")
            receiver.rate = 1_000  # bytes a second: it does not end before the cut
            documents[name] = noise(SIZE, place)
            jobs[name] = client.submit(documents[name], printer=name)
        wait_until(
            lambda: all(0 < one.count < SIZE for one in fabric.receivers.values()),
            PATIENCE_S,
            "nothing comes out",
        )
        fabric.proxy.part()
        for receiver in fabric.receivers.values():
            receiver.rate = 0
        wait_until(
            lambda: all(one.count >= SIZE for one in fabric.receivers.values()),
            PATIENCE_S,
            "it does not come out",
        )
        assert not list((fabric.folder / "pm" / "staged").glob("*.staged")), (
            "it was staged: this proves nothing"
        )
        assert all(client.get(job.number).state == JobState.JOB_STATE_PROCESSING for job in jobs.values())
        fabric.proxy.away = False
        for name, job in jobs.items():
            ended = client.wait(job.number, timeout_s=PATIENCE_S, or_decision=True)
            assert printed(ended), brief(ended)
            assert fabric.receivers[name].settled() == documents[name]
