"""UpdateJob's message to changes of a job, every field checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from printfabric.spooler.v1.print_service_pb2 import UpdateJobRequest
from printfabric.types.v1.job_pb2 import Job as JobPb
from spooler.api.convert import time_from_pb
from spooler.api.submission import MAX_COPIES, MAX_NAME, MAX_PRIORITY, check_attributes, invalid


def changes_of(request: UpdateJobRequest) -> dict[str, Any]:
    """Return the new values by the names of `spooler.job.Job`'s fields; "document_name" for the document's.

    Raises:
        InvalidArgument: no mask, a field that cannot be changed, or a value that cannot be.
    """
    if not request.update_mask.paths:
        raise invalid("update_mask", f"is required; fields: {', '.join(_FIELDS)}")
    wrong = [path for path in request.update_mask.paths if path not in _FIELDS]
    if wrong:
        raise invalid("update_mask", f"cannot change {wrong[0]}; fields: {', '.join(_FIELDS)}")
    changes = {}
    for path in request.update_mask.paths:
        name, read = _FIELDS[path]
        changes[name] = read(request.job)
    return changes


def _priority(job: JobPb) -> int:
    if not 1 <= job.priority <= MAX_PRIORITY:
        raise invalid("job.priority", f"must be 1 to {MAX_PRIORITY}", priority=job.priority)
    return job.priority


def _copies(job: JobPb) -> int:
    if not 1 <= job.copies <= MAX_COPIES:
        raise invalid("job.copies", f"must be 1 to {MAX_COPIES}", copies=job.copies)
    return job.copies


def _name(job: JobPb) -> str:
    if len(job.document_name) > MAX_NAME or not job.document_name.isprintable():
        raise invalid("job.document_name", f"must be at most {MAX_NAME} printable characters")
    return job.document_name


def _attributes(job: JobPb) -> dict[str, str]:
    check_attributes(job.attributes, "job.attributes")
    return dict(job.attributes)


def _time(field: str) -> Callable[[JobPb], Any]:
    def read(job: JobPb) -> Any:
        return time_from_pb(getattr(job, field), f"job.{field}") if job.HasField(field) else None  # type: ignore[arg-type]

    return read


_FIELDS: Mapping[str, tuple[str, Callable[[JobPb], Any]]] = {
    "priority": ("priority", _priority),
    "copies": ("copies", _copies),
    "not_before_time": ("not_before", _time("not_before_time")),
    "expire_time": ("expires_at", _time("expire_time")),
    "attributes": ("attributes", _attributes),
    "retain": ("retain", lambda job: job.retain),
    "document_name": ("document_name", _name),
}
