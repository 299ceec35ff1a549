"""`resume`, `resolve`, `reprint`: what only a person can know, because they saw the paper."""

from __future__ import annotations

import re

import click

from printfabric.spooler.v1.print_service_pb2 import UncertainDecision, UnitDecision
from printfabric.types.v1.ledger_pb2 import UnitRange
from printfabric_client.command.options import Session, command, complete_jobs
from printfabric_client.command.steering import reason_option, steer

_DECISIONS = {
    "skip": UncertainDecision.UNCERTAIN_DECISION_SKIP,
    "reprint": UncertainDecision.UNCERTAIN_DECISION_REPRINT,
    "reprint-marked": UncertainDecision.UNCERTAIN_DECISION_REPRINT_MARKED,
}


def _units(text: str) -> UnitRange:
    """Return the range that `7` or `7-9` names."""
    match = re.fullmatch(r"([1-9]\d{0,17})(?:-(\d{1,18}))?", text)
    if not match or int(match[2] or match[1]) < int(match[1]):
        raise click.BadParameter(f"{text!r} is no range; write 7 or 7-9")
    return UnitRange(first=int(match[1]), last=int(match[2] or match[1]))


def _decision(text: str) -> UnitDecision:
    """Return the decision that `skip` or `skip=7-9` names."""
    word, equals, units = text.partition("=")
    if word not in _DECISIONS:
        raise click.BadParameter(f"{word!r} is not one of {', '.join(_DECISIONS)}")
    return UnitDecision(decision=_DECISIONS[word], units=_units(units) if equals else None)


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
@reason_option
def resume_command(
    session: Session, job: str, unit: int | None, offset: int | None, mark: bool, reason: str
) -> None:
    """Go on with a job that stopped in the middle: `printfabric resume 4711 --at 9`."""
    if (unit is None) == (offset is None):
        raise click.UsageError("say where: --at 9 for the ninth label, or --at-byte")
    steer(
        session,
        (job,),
        lambda fabric, name: fabric.resume(name, unit=unit, offset=offset, mark=mark, reason=reason),
    )


@command("resolve")
@_job
@click.argument("decisions", metavar="DECISION…", nargs=-1, required=True, type=_decision)
@click.option("--units", metavar="N[-M]", type=_units, help="Which, when one decision is given without.")
@reason_option
def resolve_command(
    session: Session, job: str, decisions: tuple[UnitDecision, ...], units: UnitRange | None, reason: str
) -> None:
    r"""Say what happens to the labels of which nobody knows whether they came out.

    \b
    skip            they came out, or nobody misses them: go on behind them
    reprint         print them again
    reprint-marked  print them again with a visible mark

    With `skip=17 reprint=18-19` each is decided about by itself; without numbers it is about all of them.
    """
    if units is not None:
        if len(decisions) != 1 or decisions[0].HasField("units"):
            raise click.UsageError("--units goes with one decision that names none: skip=17 reprint=18")
        decisions[0].units.CopyFrom(units)
    steer(session, (job,), lambda fabric, name: fabric.resolve_each(name, decisions, reason=reason))


@command("reprint")
@_job
@click.argument("units", metavar="N[-M]…", nargs=-1, required=True, type=_units)
@_mark
@click.option("--request-id", metavar="ID", help="However often it is called with it: printed once.")
@reason_option
def reprint_command(
    session: Session,
    job: str,
    units: tuple[UnitRange, ...],
    mark: bool,
    request_id: str | None,
    reason: str,
) -> None:
    """Print labels of a job again, as a new job: `printfabric reprint 4711 3-4 20`."""
    ranges = [(one.first, one.last) for one in units]
    steer(
        session,
        (job,),
        lambda fabric, name: fabric.reprint(name, ranges, mark=mark, request_id=request_id, reason=reason),
    )
