"""Idempotency keys that are passed on to a host: each caller has its own."""

from __future__ import annotations

from spooler.api import rights
from spooler.api.submission import MAX_REQUEST_ID, invalid


def once(request_id: str) -> str:
    """Return a caller's request id as the host is given it; "": it has none. Raises InvalidArgument: it is none."""
    if len(request_id) > MAX_REQUEST_ID or not request_id.isprintable():
        raise invalid("request_id", f"must be at most {MAX_REQUEST_ID} printable characters")
    return f"{rights.caller()} {request_id}" if request_id else ""
