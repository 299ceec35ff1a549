"""`printfabric job 4711`: one job with its ledger, its attempts and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from printfabric.types.v1.job_pb2 import Attempt, Job
from printfabric.types.v1.ledger_pb2 import Ledger
from printfabric_client.command import words
from printfabric_client.command.as_json import as_json
from printfabric_client.command.options import Session, command, complete_jobs
from printfabric_client.names import port_text

if TYPE_CHECKING:
    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output


@command("job")
@click.argument("number", metavar="JOB", shell_complete=complete_jobs)
def job_command(session: Session, number: str) -> None:
    """Show one job: what is proven, each attempt, and what happened."""

    async def ask(fabric: Client) -> None:
        job = await fabric.get(number)
        attempts = [attempt async for attempt in fabric.attempts(job)]
        events = [event async for event in fabric.events(job)]
        output = session.output
        if output.as_json:
            output.value({**as_json(job), "attempt_list": as_json(attempts), "events": as_json(events)})
            return
        _show_job(output, job)
        if attempts:
            output.line("")
            output.table(("TRY", "PORT", "BEGAN", "TOOK", "PROVEN", "RESULT"), map(_attempt_row, attempts))
        if events:
            output.line("")
            output.table(
                ("WHEN", "WHAT", "WHO", ""),
                (
                    (words.clock(event.time), event.kind, event.actor, words.told(event.text))
                    for event in events
                ),
            )

    session.run(ask)


def _show_job(output: Output, job: Job) -> None:
    reasons = ", ".join(job.state_reasons)
    error = job.last_error
    code = f" ({error.reason}{f', Win32 {error.win32}' if error.win32 else ''})" if error.reason else ""
    output.fields(
        (
            ("job", str(job.number)),
            ("printer", words.short(job.printer)),
            ("document", job.document_name),
            ("state", words.job_state(job.state) + (f" ({reasons})" if reasons else "")),
            ("held", job.hold_reason),
            ("result", words.outcome(job.outcome, job.ledger)),
            ("proven", _proven(job.ledger)),
            *(("  proof", text) for text in words.proofs(job.ledger)),
            ("uncertain", words.uncertain(job.ledger) if _doubtful(job.ledger) else ""),
            ("error", f"{error.message}{code}" if error.message or error.reason else ""),
            ("size", words.size(job.size_bytes) + (f", {job.copies} copies" if job.copies > 1 else "")),
            ("format", job.format),
            ("priority", str(job.priority)),
            ("port", port_text(job.port) if job.port.port else ""),
            ("owner", job.owner),
            ("for", job.user),
            ("from", job.client),
            ("accepted", words.clock(job.create_time)),
            ("began", words.clock(job.start_time)),
            ("ended", words.clock(job.end_time)),
            ("not before", words.clock(job.not_before_time)),
            ("expires", words.clock(job.expire_time)),
            ("request id", job.request_id),
            ("sha256", job.digest.hex()),
            *((f"  {name}", text) for name, text in sorted(job.attributes.items())),
        )
    )


def _attempt_row(attempt: Attempt) -> tuple[str, ...]:
    result = words.outcome(attempt.outcome, attempt.ledger) or "running"
    if attempt.error.message:
        result = f"{result}; {attempt.error.message}"
    notes = [f"from byte {attempt.resume_offset}"] if attempt.resume_offset else []
    notes += [f"marked {attempt.mark!r}"] if attempt.mark else []
    end = attempt.end_time if attempt.HasField("end_time") else None
    took = (end.ToDatetime() - attempt.start_time.ToDatetime()).total_seconds() if end else 0.0
    return (
        str(attempt.number),
        port_text(attempt.port),
        words.clock(attempt.start_time),
        f"{took:.1f} s" if end else "-",
        _proven(attempt.ledger) or "-",
        f"{result} ({', '.join(notes)})" if notes else result,
    )


def _proven(ledger: Ledger) -> str:
    offsets, units = ledger.offsets, ledger.units
    parts = [
        f"{count} B {name}"
        for name, count in (
            ("taken", offsets.accepted),
            ("acknowledged", offsets.acked),
            ("confirmed", offsets.confirmed),
        )
        if count
    ]
    if units.total > 1:
        # The highest level that says anything: what was only taken may not have come out.
        for name, reached in (
            ("confirmed", units.confirmed),
            ("acknowledged", units.acked),
            ("taken", units.accepted),
        ):
            if reached:
                parts.append(f"{reached} of {units.total} {words.unit(units.kind, 2)} {name}")
                break
    return ", ".join(parts)


def _doubtful(ledger: Ledger) -> bool:
    return ledger.HasField("uncertain") or ledger.HasField("uncertain_units")
