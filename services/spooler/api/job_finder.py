"""Jobs by name and by filter: those that are going on from memory, the others from the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chassis.errors import InvalidArgument
from printfabric.spooler.v1 import print_service_pb2 as pb
from spooler.api.convert import time_from_pb
from spooler.api.convert_job import ACTIVE, outcomes_of, states_of
from spooler.api.inside import Dispatch
from spooler.api.looking import Looking
from spooler.api.names import job_of, printer_of
from spooler.api.paging import page_size
from spooler.job import Job
from spooler.job_state import TERMINAL
from spooler.store import JobFilter, JobOrder, JobPage, Jobs

# What the store does not filter is filtered here, page by page; so many jobs are looked at for one answer. A page may
# then be short, or empty, with a token all the same.
_LOOKED_AT = 5000
_FETCH = 200
_MOST_NAMES = 1000

Wanted = Callable[[Job], bool]

_ORDERS = {
    pb.JOB_ORDER_UNSPECIFIED: JobOrder.NEWEST_FIRST,
    pb.JOB_ORDER_NEWEST_FIRST: JobOrder.NEWEST_FIRST,
    pb.JOB_ORDER_OLDEST_FIRST: JobOrder.OLDEST_FIRST,
}


class JobFinder:
    """Finds jobs, each as it is now."""

    def __init__(self, jobs: Jobs, dispatch: Dispatch) -> None:
        self._jobs = jobs
        self._dispatch = dispatch

    async def find(self, name: str, field: str = "name") -> Job:
        """Return the job of a name. Raises JobNotFound, InvalidArgument."""
        which = job_of(name, field)
        if isinstance(which, int):
            return self._dispatch.book.jobs.get(which) or await self._jobs.get_job(which)
        return self.now(await self._jobs.get_job_by_uid(which))

    async def find_in_turn(self, name: str, looking: Looking, field: str = "name") -> Job:
        """`find` for whoever has no turn: one that goes on is known here, others are looked up as who looks does.

        Raises Overloaded besides.
        """
        which = job_of(name, field)
        if isinstance(which, int) and (job := self._dispatch.book.jobs.get(which)) is not None:
            return job
        async with looking.turn():
            return await self.find(name, field)

    def now(self, job: Job) -> Job:
        """Return a stored job with its newest progress."""
        return self._dispatch.book.jobs.get(job.number) or job

    async def list(self, request: pb.ListJobsRequest) -> JobPage:
        """Return a page of jobs. Raises InvalidArgument."""
        if request.order not in _ORDERS:
            raise InvalidArgument(
                f"order {request.order} is none", fields=[("order", f"{request.order} is none")]
            )
        where, wanted = split_filter(request.filter)
        size, token = page_size(request.page_size), request.page_token
        found: list[Job] = []
        looked_at = 0
        while True:
            limit = size - len(found) if wanted is None else min(_FETCH, size - len(found))
            page = await self._jobs.list_jobs(
                where, order=_ORDERS[request.order], limit=limit, page_token=token
            )
            looked_at += max(limit, 50)  # so that many small fetches end, too
            jobs = map(self.now, page.jobs)
            found += jobs if wanted is None else filter(wanted, jobs)
            token = page.next_token
            if not token or len(found) >= size or looked_at >= _LOOKED_AT:
                return JobPage(found, token)


def split_filter(where: pb.JobFilter) -> tuple[JobFilter, Wanted | None]:
    """Return what the store filters, and a test for the rest (None: nothing is left). Raises InvalidArgument."""
    printers = [printer_of(name, "filter.printers") for name in where.printers]
    stored = replace(
        _times(where),
        printer=printers[0] if len(printers) == 1 else "",
        states=states_of(where),
        request_id=where.request_id,
    )
    if where.names:
        numbers, uids = _named(where)
        stored = replace(stored, numbers=numbers, uids=uids)
    outcomes_of(where)
    if len(printers) < 2 and not (where.user or where.attributes or where.outcomes):
        return stored, None
    return stored, matcher(where)


def matcher(where: pb.JobFilter, *, at_any_state: bool = False) -> Wanted:
    """Return a test that says whether a job fits a filter; `at_any_state`: or would in another state."""
    printers = {printer_of(name, "filter.printers") for name in where.printers}
    states = frozenset() if at_any_state else states_of(where)
    outcomes = frozenset() if at_any_state else outcomes_of(where)
    attributes = dict(where.attributes)
    times = _times(where)
    numbers, uids = _named(where)

    def wanted(job: Job) -> bool:
        sender = job.sender
        return (
            (not where.names or job.number in numbers or job.uid in uids)
            and (not printers or job.printer in printers)
            and (not states or job.state in states)
            and (not outcomes or job.outcome in outcomes)
            and (not where.request_id or sender.request_id == where.request_id)
            and (not where.user or where.user in (sender.user, sender.owner))
            and all(job.attributes.get(key) == value for key, value in attributes.items())
            and (times.created_from is None or job.created_at >= times.created_from)
            and (times.created_until is None or job.created_at < times.created_until)
        )

    return wanted


def ended_too(where: pb.JobFilter) -> bool:
    """Say whether a filter asks for ended jobs in particular: it names more than printers and states that go on."""
    if where.active_only or (where.states and not states_of(where) & TERMINAL):
        return False
    return bool(where.ByteSize())


def stored_ended(where: pb.JobFilter) -> JobFilter:
    """Return the store's filter for the ended jobs that fit."""
    stored, _rest = split_filter(where)
    return replace(stored, states=(stored.states or TERMINAL) - ACTIVE)


def _named(where: pb.JobFilter) -> tuple[frozenset[int], frozenset[bytes]]:
    """Return the jobs that a filter names: by number, and by uid. Raises InvalidArgument."""
    if len(where.names) > _MOST_NAMES:
        raise InvalidArgument(
            f"filter.names: at most {_MOST_NAMES}",
            fields=[("filter.names", f"must be at most {_MOST_NAMES}")],
        )
    named = [job_of(name, "filter.names") for name in where.names]
    return (
        frozenset(name for name in named if isinstance(name, int)),
        frozenset(name for name in named if isinstance(name, bytes)),
    )


def _times(where: pb.JobFilter) -> JobFilter:
    """Return the moments of a filter. Raises InvalidArgument."""
    after, before = where.HasField("created_after"), where.HasField("created_before")
    return JobFilter(
        created_from=time_from_pb(where.created_after, "filter.created_after") if after else None,
        created_until=time_from_pb(where.created_before, "filter.created_before") if before else None,
    )
