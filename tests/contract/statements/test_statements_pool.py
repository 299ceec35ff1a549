"""S10 to S13, S45 and S46: several ports for one printer, and where a job goes when one of them does not take it."""

from __future__ import annotations

import time

from printfabric.types.v1.job_pb2 import JobState
from tests.contract.statements.stage import Stage
from tests.rig.programs import wait_until
from tests.rig.real_fabric import printed

LONG = 40_000  # bytes: 13 s at the rate below, however long the rest takes


def grown(stage: Stage, before: list[int]) -> list[int]:
    return [len(one.paper) - was for one, was in zip(stage.tcp, before, strict=True)]


def lengths(stage: Stage) -> list[int]:
    return [len(one.paper) for one in stage.tcp]


def ports_of(stage: Stage, number: int) -> list[str]:
    return [one.port.port for one in stage.client.attempts(number)]


def test_s10_each_job_goes_to_the_first_available_port(stage: Stage) -> None:
    first, second = stage.tcp[0], stage.tcp[1]
    with stage.printer("IP_1", "IP_2", "IP_3") as printer:
        before = lengths(stage)
        first.rate = 3_000
        try:
            one = stage.submit(printer, b"1" * LONG)
            wait_until(lambda: len(first.paper) > before[0])
            two = stage.submit(printer, b"two")
            wait_until(lambda: len(second.paper) == before[1] + 3)
            assert len(first.paper) - before[0] < LONG, "the second job did not wait for the first"
        finally:
            first.rate = 0
        assert printed(stage.client.wait(one, timeout_s=60))
        assert printed(stage.client.wait(two, timeout_s=60))
        stage.print(printer, b"three")
        assert grown(stage, before) == [LONG + 5, 3, 0]


def test_s11_a_busy_port_sends_the_job_to_another(stage: Stage) -> None:
    handle = stage.holder.open("IP_1", stage.fence())  # another fabric holds it: 170
    try:
        with stage.printer("IP_1", "IP_2") as printer:
            before, asked = lengths(stage), len(stage.log.calls)
            number = stage.submit(printer, b"elsewhere")
            uid = stage.client.get(number).uid
            job = stage.client.wait(number, timeout_s=60)
            assert printed(job)
            assert grown(stage, before) == [0, 9, 0]
            assert (job.number, job.uid) == (number, uid), "it is the same job"
            refused = [one.ok for one in stage.log.calls[asked:] if one.port == "IP_1"]
            assert False in refused, "it was tried at the first port, which was busy"
            assert ports_of(stage, number) == ["IP_2"]
    finally:
        stage.holder.close(handle)


def test_s12_a_port_with_an_error_sends_the_job_to_another(stage: Stage) -> None:
    with stage.printer("IP_DEAD", "IP_2") as printer:
        before = lengths(stage)
        job = stage.print(printer, b"whole")
        assert grown(stage, before) == [0, 5, 0]
        assert ports_of(stage, job.number)[-1] == "IP_2"


def test_s13_the_other_port_is_one_of_the_printers(stage: Stage) -> None:
    with stage.printer("IP_DEAD") as printer:
        before = lengths(stage)
        number = stage.submit(printer, b"nowhere else")
        time.sleep(1)
        job = stage.client.get(number)
        assert job.state in (JobState.JOB_STATE_PENDING, JobState.JOB_STATE_PROCESSING)
        assert grown(stage, before) == [0, 0, 0]
        stage.client.cancel(number)


def test_s45_a_redirected_job_stays_what_it_was(stage: Stage) -> None:
    handle = stage.holder.open("IP_1", stage.fence())
    try:
        with stage.printer("IP_1", "IP_2") as printer:
            number = stage.submit(printer, b"the same", priority=77)
            before = stage.client.get(number)
            after = stage.client.wait(number, timeout_s=60)
            assert printed(after)
            assert (after.number, after.uid, after.priority) == (before.number, before.uid, 77)
            assert after.owner == before.owner
            assert after.create_time == before.create_time
    finally:
        stage.holder.close(handle)


def test_s46_all_busy_means_waiting(stage: Stage) -> None:
    handles = [stage.holder.open(port, stage.fence()) for port in ("IP_1", "IP_2")]
    with stage.printer("IP_1", "IP_2", "IP_3") as printer:
        before = lengths(stage)
        stage.print(printer, b"the next one")
        assert grown(stage, before) == [0, 0, 12]
    with stage.printer("IP_1", "IP_2") as printer:
        number = stage.submit(printer, b"waits")
        time.sleep(0.5)
        assert stage.client.get(number).state in (JobState.JOB_STATE_PENDING, JobState.JOB_STATE_PROCESSING)
        for handle in handles:
            stage.holder.close(handle)
        assert printed(stage.client.wait(number, timeout_s=60))
