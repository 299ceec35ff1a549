"""What became of one document at its port, and when: its span below the attempt's, told when the device lets go of it.

Below it are three: `open` until the device is ready for it (a connection is made, a language monitor has spoken), `write`
until the device has its bytes, `wait` until there is proof of the whole document, or none came in time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple, Self
from uuid import UUID

from chassis.tracing import Event, Kind, Position, Span, Value, position_of, tracing
from portmon.document import DocKey, Evidence


class Offsets(NamedTuple):
    """How far a document got, in payload bytes."""

    accepted: int
    acked: int
    confirmed: int


@dataclass(slots=True)
class DocumentTrace:
    """The moments of one document, nanoseconds since the epoch; 0: it did not get so far."""

    port: str
    key: DocKey
    attempt: Position
    asked_ns: int
    ready_ns: int
    written_ns: int = 0
    proven_ns: int = 0
    evidence: Evidence = Evidence.NONE

    @classmethod
    def begun(cls, port: str, key: DocKey, traceparent: str, asked_at: float) -> Self | None:
        """Return the trace of a document for which the device is ready; `asked_at` is on the monotonic clock.

        None: what its spooler sent is no traceparent, or nobody records it.
        """
        attempt = position_of(traceparent)
        if attempt is None or not attempt.sampled:
            return None
        now_ns = time.time_ns()
        return cls(port, key, attempt, now_ns - int((time.monotonic() - asked_at) * 1e9), now_ns)

    def written(self) -> None:
        """The device has all bytes."""
        self.written_ns = time.time_ns()

    def proven(self, evidence: Evidence) -> None:
        """The end was waited for, and rests on this."""
        self.proven_ns, self.evidence = time.time_ns(), evidence

    def ended(self, outcome: str, offsets: Offsets) -> None:
        """Tell it: `complete`, `broken` or `aborted`."""
        end_ns, position = time.time_ns(), self.attempt.child()
        for name, start_ns, to_ns in (
            ("open", self.asked_ns, self.ready_ns),
            ("write", self.ready_ns, self.written_ns or end_ns),
            ("wait", self.written_ns, self.proven_ns or end_ns),
        ):
            if start_ns:
                tracing.tell(Span(name, position.child(), position.span_id, start_ns, to_ns))
        values: dict[str, Value] = {
            "messaging.system": "printfabric",
            "messaging.operation.type": "process",
            "messaging.message.id": str(UUID(bytes=self.key.uid)),
            "printfabric.attempt": self.key.attempt,
            "printfabric.port": self.port,
            "printfabric.evidence.source": self.evidence.name.lower(),
            **{f"printfabric.offset.{name}": value for name, value in offsets._asdict().items()},
        }
        failed = "" if outcome == "complete" else outcome.upper()
        events = [Event("proven", self.proven_ns)] if self.proven_ns else []
        tracing.tell(
            Span(
                f"document {self.port}", position, self.attempt.span_id, self.asked_ns, end_ns, Kind.CONSUMER, values,
                events, failed,
            )
        )  # fmt: skip
