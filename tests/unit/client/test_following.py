"""What is said while jobs are followed: each thing once, until the job gets further."""

from __future__ import annotations

from printfabric.spooler.v1.watch_service_pb2 import WatchResponse
from printfabric.types.v1.error_pb2 import ErrorStatus
from printfabric.types.v1.job_pb2 import Job, JobState
from printfabric.types.v1.ledger_pb2 import Ledger, Offsets
from printfabric_client.command.following import _Shown
from printfabric_client.command.output import Output
from printfabric_client.command.watch import _Said

TRIED = JobState.JOB_STATE_PROCESSING
WAITS = JobState.JOB_STATE_PENDING


def job(state: int, accepted: int = 0) -> Job:
    return Job(
        name="jobs/7",
        number=7,
        printer="printers/labels",
        state=state,  # type: ignore[arg-type]
        size_bytes=100,
        last_error=ErrorStatus(message="connection refused"),
        ledger=Ledger(offsets=Offsets(accepted=accepted)),
    )


class Heard(Output):
    """Output that keeps its lines."""

    def __init__(self) -> None:
        super().__init__(as_json=False, quiet=False)
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_printer_that_is_tried_for_hours_is_two_lines_until_the_job_gets_further() -> None:
    heard = Heard()
    shown = _Shown(job(WAITS), heard, None)
    for _ in range(100):
        shown.update(job(TRIED))
        shown.update(job(WAITS))
    assert len(heard.notes) == 2
    shown.update(job(TRIED, accepted=50))
    assert len(heard.notes) == 3


def test_a_watch_says_so_too_and_never_leaves_out_the_end() -> None:
    said, lines = _Said(), []
    for _ in range(100):
        for state in (TRIED, WAITS):
            lines += list(said.fresh(WatchResponse(jobs=[job(state)])))
    assert len(lines) == 2
    ended = job(JobState.JOB_STATE_CANCELED)
    for _ in range(2):
        lines += list(said.fresh(WatchResponse(jobs=[ended])))
    assert len(lines) == 4
