"""The RPC that is being answered: who asks what, under which request id, until when. Pure.

One context variable holds it, so that a call which asks nothing about itself pays for one assignment.
"""

from __future__ import annotations

import itertools
import os
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chassis.identity import Identity

REQUEST_ID = "x-request-id"

_ACCEPTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_process = os.urandom(6).hex()
_numbers = itertools.count(1)


@dataclass(slots=True, eq=False)
class Call:
    """One RPC on this server. `deadline` is on the event loop's clock, in seconds; None means none."""

    method: str
    request_id: str
    peer: str
    identity: Identity
    deadline: float | None = None
    traceparent: str = ""  # where the caller stands in a trace, as it came; only while spans are told here

    def facts(self) -> dict[str, Any]:
        """Return what every log line inside this call says."""
        return {"request_id": self.request_id, "method": self.method, "caller": str(self.identity)}


current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)


def new_request_id() -> str:
    """Return an id that no other call has: this process's random name and a running number."""
    return f"{_process}-{next(_numbers):x}"


def accept_request_id(text: str | bytes) -> str | None:
    """Return a caller's request id if it is fit for logs and metadata, else None."""
    return text if isinstance(text, str) and _ACCEPTABLE.fullmatch(text) else None
