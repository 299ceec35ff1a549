"""`resume` and `resolve`: what only a person can know, because they saw the paper."""

from __future__ import annotations

import re

import click

from printfabric.spooler.v1.print_service_pb2 import UncertainDecision
from printfabric_client.command.options import Session, command, complete_jobs
from printfabric_client.command.steering import steer

_DECISIONS = {
    "skip": UncertainDecision.UNCERTAIN_DECISION_SKIP,
    "reprint": UncertainDecision.UNCERTAIN_DECISION_REPRINT,
    "reprint-marked": UncertainDecision.UNCERTAIN_DECISION_REPRINT_MARKED,
}

_job = click.argument("job", metavar="JOB", shell_complete=complete_jobs)
_mark = click.option(
    "--mark", is_flag=True, help="Put a visible mark on the paper where the language allows it."
)


@command("resume")
@_job
@click.option(
    "--at", "unit", type=click.IntRange(1), metavar="N", help="Go on at this label, receipt or page, from 1."
)
@click.option("--at-byte", "offset", type=click.IntRange(0), metavar="N", help="Go on at this byte, from 0.")
@_mark
def resume_command(session: Session, job: str, unit: int | None, offset: int | None, mark: bool) -> None:
    """Go on with a job that stopped in the middle: `printfabric resume 4711 --at 9`."""
    if (unit is None) == (offset is None):
        raise click.UsageError("say where: --at 9 for the ninth label, or --at-byte")
    steer(session, (job,), lambda fabric, name: fabric.resume(name, unit=unit, offset=offset, mark=mark))


@command("resolve")
@_job
@click.argument("decision", type=click.Choice(list(_DECISIONS)))
@click.option(
    "--units", metavar="N[-M]", help="Only these labels, receipts or pages. Else all that are uncertain."
)
@click.option("-r", "--reason", default="", metavar="TEXT", help="Why, for the record.")
def resolve_command(session: Session, job: str, decision: str, units: str | None, reason: str) -> None:
    r"""Say what happens to the labels of which nobody knows whether they came out.

    \b
    skip            they came out, or nobody misses them: go on behind them
    reprint         print them again
    reprint-marked  print them again with a visible mark
    """
    chosen: tuple[int, int] | None = None
    if units is not None:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", units)
        if not match or int(match[1]) < 1 or int(match[2] or match[1]) < int(match[1]):
            raise click.BadParameter(f"{units!r} is no range; write 7 or 7-9", param_hint="--units")
        chosen = (int(match[1]), int(match[2] or match[1]))
    steer(
        session,
        (job,),
        lambda fabric, name: fabric.resolve(name, _DECISIONS[decision], units=chosen, reason=reason),
    )
