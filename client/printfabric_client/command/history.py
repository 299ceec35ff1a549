"""`printfabric history`: what happened to a printer or a port, and who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from printfabric_client.command import words
from printfabric_client.command.options import Session, command, complete_printers

if TYPE_CHECKING:
    from printfabric_client.aio import Client


@command("history")
@click.argument("subject", metavar="PRINTER|PORT", shell_complete=complete_printers)
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many."
)
def history_command(session: Session, subject: str, limit: int) -> None:
    """Show what happened to a printer (labels) or a port (edge-7/COM1:), newest first: states, acts, who did them."""

    async def ask(fabric: Client) -> None:
        entries = []
        async for entry in fabric.history(subject):
            entries.append(entry)
            if len(entries) == limit:
                break
        output = session.output
        if output.as_json:
            for entry in entries:
                output.value(entry, live=True)
        elif not entries:
            output.note("nothing has happened yet")
        else:
            output.table(
                ("WHEN", "WHAT", "WHO", "JOB", ""),
                (
                    (
                        words.clock(entry.time),
                        entry.kind,
                        entry.actor,
                        words.short(entry.job) or "-",
                        words.clean(entry.text),
                    )
                    for entry in entries
                ),
            )

    session.run(ask)
