"""`printfabric history`: what happened to a printer, a port or a job, and who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from printfabric_client.command import words
from printfabric_client.command.options import Session, command, complete_printers

if TYPE_CHECKING:
    from printfabric_client.aio import Client


@command("history")
@click.argument("subject", metavar="[PRINTER|PORT|JOB]", default="-", shell_complete=complete_printers)
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many."
)
def history_command(session: Session, subject: str, limit: int) -> None:
    """Show what happened to a printer (labels), a port (edge-7/COM1:) or a job (4711), newest first, and who did it.

    Without one: what people did to anything. What they decided about a job stays when the job is forgotten.
    """

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
                ("WHEN", "WHAT", "WHO", "OF", ""),
                (
                    (
                        words.clock(entry.time),
                        entry.kind,
                        entry.actor,
                        words.short(entry.subject) or "-",
                        words.told(entry.text),
                    )
                    for entry in entries
                ),
            )

    session.run(ask)
