"""`printfabric alerts`: what needs somebody, and who has it in hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from printfabric_client.command import words
from printfabric_client.command.as_json import as_json
from printfabric_client.command.options import FabricGroup, Session, command, complete_ports
from printfabric_client.command.printing import parse_time
from printfabric_client.command.steering import reason_option
from printfabric_client.names import alert_text

if TYPE_CHECKING:
    from printfabric_client.aio import Client
    from printfabric_client.alerts import Alert

_HEADS = ("NEEDS SOMEBODY", "STATE", "JOBS", "SINCE", "IN HAND", "WHY")
_DAY = timedelta(days=1)
_names = click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_ports)


def _until(_context: click.Context, _option: click.Parameter, value: str) -> datetime:
    now = datetime.now(UTC)
    try:
        found = parse_time(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if isinstance(found, timedelta):
        return now + found
    # 06:00, said at night, is the next one.
    return found + _DAY if found <= now < found + _DAY else found


@click.group("alerts", cls=FabricGroup, invoke_without_command=True)
@click.pass_context
def alerts_command(context: click.Context) -> None:
    """Show what needs somebody, and say who has it in hand."""
    if context.invoked_subcommand is None:
        context.invoke(list_alerts)


@command("list")
def list_alerts(session: Session) -> None:
    """List what needs somebody, what nobody has in hand first."""

    async def ask(fabric: Client) -> None:
        output, found = session.output, await fabric.alerts.list()
        if output.as_json:
            for alert in found:
                output.value(_as_value(alert), live=True)
        elif not found:
            output.note("nothing needs anybody")
        else:
            output.table(_HEADS, map(_row, found))

    session.run(ask)


@command("acknowledge")
@_names
@click.option(
    "--until",
    callback=_until,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="For how long (30min, 4h, 2d; at most 30 days), or until when (06:00, 2030-01-31T08:00).",
)
@reason_option
def acknowledge(session: Session, names: tuple[str, ...], until: datetime, reason: str) -> None:
    r"""Say to everybody that you have something in hand.

    \b
    printfabric alerts acknowledge edge-7/COM1: --until 4h -r "a ribbon is on its way"
    printfabric alerts acknowledge printers/labels/decisions hosts/edge-9

    A name is one that `printfabric alerts` shows: a port, a printer, `hosts/NAME`, or `printers/NAME/decisions`. It holds
    nothing up; what comes again later is told again.
    """

    async def say(fabric: Client) -> None:
        for name in names:
            given = await fabric.alerts.acknowledge(name, until, reason)
            if session.json:
                session.output.value(given, live=True)
            else:
                end = words.clock(given.expire_time)
                session.output.line(
                    f"{words.clean(alert_text(given.name))}: in your hands until {end}, for all to see"
                )

    session.run(say)


@command("withdraw")
@_names
def withdraw(session: Session, names: tuple[str, ...]) -> None:
    """Take acknowledgements back, whoever gave them."""

    async def take_back(fabric: Client) -> None:
        for name in names:
            await fabric.alerts.withdraw(name)
            if not session.json:
                session.output.line(f"{words.clean(name)}: nobody has it in hand now")

    session.run(take_back)


for _command in (list_alerts, acknowledge, withdraw):
    alerts_command.add_command(_command)


def _row(alert: Alert) -> tuple[str, ...]:
    word, in_hand = alert.in_hand, ""
    if word is not None:
        in_hand = f"{word.actor} until {words.clock(word.expire_time)}" + (
            f": {word.reason}" if word.reason else ""
        )
    since = words.span((datetime.now(UTC) - alert.since).total_seconds()) if alert.since else ""
    jobs = str(alert.jobs) if alert.jobs else ""
    return alert_text(alert.name), alert.state, jobs, since, in_hand, words.told(alert.sentence)


def _as_value(alert: Alert) -> dict[str, Any]:
    return {
        "name": alert.name,
        "state": alert.state,
        "sentence": alert.sentence,
        **(
            {"since": alert.since.isoformat(timespec="seconds").replace("+00:00", "Z")} if alert.since else {}
        ),
        "jobs": alert.jobs,
        **({"in_hand": as_json(alert.in_hand)} if alert.in_hand is not None else {}),
    }
