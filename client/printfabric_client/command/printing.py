"""`printfabric print`: like lp, and it can wait until it is on paper."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from printfabric_client.command import words
from printfabric_client.command.exits import Exit
from printfabric_client.command.following import bars, follow_all
from printfabric_client.command.options import Session, command, printer_option

if TYPE_CHECKING:
    from printfabric.types.v1.job_pb2 import Job
    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output
    from printfabric_client.spec import JobOptions

# A spooler that was there a moment ago is being restarted; a print is worth waiting for it.
_PATIENCE_S = 60.0

_LENGTHS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def parse_time(text: str) -> datetime | timedelta:
    """Return a length of time (90s, 5min, 2h, 1d) or a moment (2030-01-31T08:00, 08:00 today, in local time).

    Raises:
        ValueError: it is neither.
    """
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", text.strip()):
        return timedelta(seconds=float(match[1]) * _LENGTHS[match[2]])
    now = datetime.now(tz=UTC).astimezone()
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", text.strip()):
            hour, minute = map(int, text.split(":"))
            return now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time; write 5min, 2h, 08:00 or 2030-01-31T08:00") from None
    return moment if moment.tzinfo else moment.astimezone()


def _time(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> datetime | timedelta | None:
    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _pairs(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    wrong = [value for value in values if "=" not in value]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE")
    return {name: text for name, _, text in (value.partition("=") for value in values)}


def _about_the_job(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say something about the job."""
    for option in reversed(
        (
            click.option("-n", "--copies", type=click.IntRange(1, 9999), help="How many copies."),
            click.option("-t", "--title", "document_name", metavar="TEXT", help="The document's name."),
            click.option("--priority", type=click.IntRange(1, 99), help="1 (last) to 99 (first)."),
            click.option("-H", "--hold", is_flag=True, help="Hold it until it is released."),
            click.option("--not-before", metavar="TIME", callback=_time, help="Begin no earlier: 2h, 08:00, a date."),
            click.option("--expire", metavar="TIME", callback=_time, help="Begin no later: 5min, 17:30, a date."),
            click.option("--format", metavar="TYPE", help="The media type, like application/vnd.zebra-zpl."),
            click.option("--attribute", "attributes", metavar="NAME=VALUE", multiple=True, callback=_pairs,
                         help="A label of your own on the job; may be given several times."),
            click.option("--user", metavar="NAME", help="Who it is for."),
            click.option("--retain", is_flag=True, help="Keep it after printing."),
            click.option("--output-file", metavar="NAME", help="The file to write, at ports that ask for one."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


@command("print")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@printer_option
@click.option("-d", "printer_as_lp", metavar="NAME", hidden=True)
@_about_the_job
@click.option(
    "-w", "--wait", is_flag=True, help="Wait until it is on paper; the exit code says whether it is."
)
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Wait no longer (with --wait).")
@click.option("--request-id", metavar="ID", help="Your name for this print: the same one never prints twice.")
def print_command(session: Session, files: tuple[Path, ...], **options: Any) -> None:
    r"""Print FILEs, or standard input when there is none or it is -.

    When the job's number appears the document is safe: it survives a crash of any program and a power cut.

    \b
    printfabric print -P labels box.zpl
    printfabric print -n 3 --wait box.zpl pallet.zpl
    cat box.zpl | printfabric print -
    printfabric print --expire 5min --request-id order-812 ticket.bin
    """
    files = files or (Path("-"),)
    if options["request_id"] and len(files) > 1:
        raise click.UsageError("--request-id names one print; give one file with it")
    if files == (Path("-"),) and sys.stdin.isatty():
        session.output.note("printing what you type; end it with Ctrl-D")
    raise SystemExit(session.run_twice(_chosen, _print_all, _PATIENCE_S, session, files, options))


async def _chosen(
    fabric: Client, _session: Session, _files: tuple[Path, ...], options: dict[str, Any]
) -> str:
    printer = options.pop("printer_as_lp", None) or options.pop("printer", None)
    options.pop("printer", None)
    return await choose_printer(fabric, printer)


async def choose_printer(fabric: Client, wanted: str | None) -> str:
    """Return the printer that is meant: the named one if it exists, else the only one there is.

    Raises:
        PrinterNotFound: there is none of that name.
        click.UsageError: none is named and there is not exactly one.
    """
    if wanted:
        return (await fabric.printers.get(wanted)).name
    names = [printer.name async for printer in fabric.printers.list()]
    if len(names) == 1:
        return names[0]
    if not names:
        raise click.UsageError(
            "there is no printer yet; `printfabric printers add --help` shows how to add one"
        )
    known = ", ".join(words.short(name) for name in names[:20])
    raise click.UsageError(f"which printer? Name one with -P or PRINTFABRIC_PRINTER: {known}")


async def _print_all(
    fabric: Client, printer: str, session: Session, files: tuple[Path, ...], options: dict[str, Any]
) -> int:
    output = session.output
    wait, timeout_s = options.pop("wait"), options.pop("timeout")
    request_id = options.pop("request_id")
    if isinstance(options["not_before"], timedelta):
        options["not_before"] += datetime.now(tz=UTC)
    said: JobOptions = {name: value for name, value in options.items() if value}  # type: ignore[assignment]
    jobs: list[Job] = []
    for file in files:
        job = await _print_one(fabric, output, file, printer, request_id, said)
        jobs.append(job)
        _accepted(output, job, wait=wait)
    return await follow_all(fabric, jobs, output, timeout_s) if wait else Exit.OK


async def _print_one(
    fabric: Client, output: Output, file: Path, printer: str, request_id: str | None, said: JobOptions
) -> Job:
    source = sys.stdin.buffer if file == Path("-") else file
    name = "standard input" if file == Path("-") else file.name
    with bars(output) as progress:
        task = (
            progress.add_task(f"sending {words.clean(name)[:30]}", total=None, note="") if progress else None
        )

        def sent(done: int, whole: int) -> None:
            if progress is not None and task is not None:
                progress.update(task, completed=done, total=max(1, whole), note=words.size(whole))

        return await fabric.submit(source, printer=printer, request_id=request_id, progress=sent, **said)


def _accepted(output: Output, job: Job, *, wait: bool) -> None:
    if output.as_json:
        # With --wait the last state follows; one object a job is what a script wants.
        if not wait:
            output.value(job, live=True)
        return
    if output.quiet:
        output.line(str(job.number))
        return
    name = f"{words.clean(job.document_name)}, " if job.document_name else ""
    copies = f", {job.copies} copies" if job.copies > 1 else ""
    state = ", held" if job.state == 4 else ""
    output.line(
        f"job {job.number} on {words.short(job.printer)}: accepted ({name}{words.size(job.size_bytes)}{copies}{state})"
    )
