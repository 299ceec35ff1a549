"""`printfabric explain`: one sentence why, what is lost, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from printfabric.spooler.v1.watch_service_pb2 import ExplainResponse
from printfabric_client.command import words
from printfabric_client.command.options import Session, command, complete_jobs

if TYPE_CHECKING:
    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output


@command("explain")
@click.argument("subject", metavar="JOB|PRINTER|PORT", shell_complete=complete_jobs)
def explain_command(session: Session, subject: str) -> None:
    """Say why a job (4711), a printer (labels) or a port (edge-7/COM1:) does not print, and what to do.

    `uploads/` and a request id asks about a document that is still coming in.
    """

    async def ask(fabric: Client) -> None:
        answer = await fabric.explain(subject)
        if session.json:
            session.output.value(answer)
        else:
            _show(session.output, answer)

    session.run(ask)


def _show(output: Output, answer: ExplainResponse) -> None:
    output.line(words.told(answer.headline))
    if answer.loss:
        output.line(words.clean(answer.loss))
    if output.quiet:
        return
    if answer.actions:
        output.line("\nWhat to do:")
        for action in answer.actions:
            output.line(
                f"  {words.clean(action.title)}"
                + (f": {words.clean(action.command)}" if action.command else "")
            )
    if answer.facts:
        output.line("\nKnown:")
        for fact in answer.facts:
            since = words.age(fact.time)
            output.line(f"  {words.told(fact.text)}" + (f" ({since} ago)" if since else ""))
