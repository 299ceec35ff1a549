"""What every command takes (--json, --quiet, --address, …), and how a command gets its client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from printfabric_client.aio import Client
    from printfabric_client.command.output import Output

# A person who asked something and finds nobody there wants to know it soon.
PATIENCE_S = 2.0

_P = ParamSpec("_P")
_S = TypeVar("_S")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass
class Session:
    """What was said on the command line, wherever in it: before the command or behind it."""

    json: bool = False
    quiet: bool = False
    debug: bool = False
    address: str | None = None
    state_dir: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @property
    def output(self) -> Output:
        """The command's voice."""
        from printfabric_client.command.output import Output  # noqa: PLC0415 - --help must not pay for it

        return Output(as_json=self.json, quiet=self.quiet)

    def client(self, *, patience_s: float = PATIENCE_S, **more: Any) -> Client:
        """Return a client for the spooler that is meant, not yet open."""
        from printfabric_client.address import Tls, find_address  # noqa: PLC0415 - --help must not pay for it
        from printfabric_client.aio import Client  # noqa: PLC0415 - the same
        from printfabric_client.retry import Retry  # noqa: PLC0415 - the same

        tls = Tls(self.ca, self.cert, self.key) if self.ca or self.cert or self.key else None
        address = self.address or find_address(self.state_dir)
        return Client(address, tls=tls, retry=Retry(total_s=patience_s), **more)

    def run(self, work: Callable[[Client], Awaitable[_T]]) -> _T:
        """Run `work` with an open client and return what it returns."""

        async def whole() -> _T:
            async with self.client() as fabric:
                return await work(fabric)

        return asyncio.run(whole())

    def run_twice(
        self,
        first: Callable[Concatenate[Client, _P], Awaitable[_S]],
        then: Callable[Concatenate[Client, _S, _P], Awaitable[_T]],
        patience_s: float,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Run `first`, which soon finds out that nobody is there, then `then` with its result and more patience."""

        async def whole() -> _T:
            async with self.client() as fabric:
                found = await first(fabric, *args, **kwargs)
                # On the same connection: another is a channel and a handshake, here and at the spooler.
                connection = fabric._connection  # noqa: SLF001 - nobody else changes his mind
                connection.retry = replace(connection.retry, total_s=patience_s)
                return await then(fabric, found, *args, **kwargs)

        return asyncio.run(whole())


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    session = context.find_object(Session)
    # Behind the command an option that is not given must not undo what was given before it.
    if session is not None and option.name and value not in {None, False}:
        setattr(session, option.name, value)


def shared_options(*, shown: bool) -> list[click.Option]:
    """Return fresh options that every command takes; only `--json` and `--quiet` are shown in a command's own help."""
    file = click.Path(dir_okay=False, path_type=Path)
    rare: list[tuple[list[str], dict[str, Any]]] = [
        (
            ["--address"],
            {"metavar": "HOST:PORT", "help": "The spooler; else PRINTFABRIC_ADDRESS, else the one here."},
        ),
        (
            ["--state-dir"],
            {
                "type": click.Path(file_okay=False, path_type=Path),
                "metavar": "DIR",
                "help": "Where `printfabric up` keeps everything.",
            },
        ),
        (["--ca"], {"type": file, "metavar": "FILE", "help": "Who may sign the spooler's certificate."}),
        (["--cert"], {"type": file, "metavar": "FILE", "help": "Your certificate."}),
        (["--key"], {"type": file, "metavar": "FILE", "help": "Your certificate's key."}),
        (["--debug"], {"is_flag": True, "help": "Show a traceback when something fails."}),
    ]
    often: list[tuple[list[str], dict[str, Any]]] = [
        (
            ["--json"],
            {"is_flag": True, "help": "JSON instead of words; one object a line where there may be many."},
        ),
        (["-q", "--quiet"], {"is_flag": True, "help": "Results only."}),
    ]
    return [click.Option(names, expose_value=False, callback=_keep, **how) for names, how in often] + [
        click.Option(names, expose_value=False, callback=_keep, hidden=not shown, **how)
        for names, how in rare
    ]


class FabricCommand(click.Command):
    """A command with the shared options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.help:
            # click keeps the lines behind a backspace; a docstring with a backslash is written raw, and has none.
            self.help = self.help.replace("\\b\n", "\b\n")
        self.params.extend(shared_options(shown=False))


class FabricGroup(click.Group):
    """A group of commands with the shared options: `printers`, `ports`."""

    command_class = FabricCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(shared_options(shown=False))


def command(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], FabricCommand]:
    """Make a function a command; it gets the `Session` as its first argument."""

    def make(function: Callable[..., Any]) -> FabricCommand:
        return click.command(name, cls=FabricCommand, **attributes)(click.pass_obj(function))

    return make


def _complete(ask: Callable[[Client], Awaitable[list[str]]]) -> Callable[..., list[str]]:
    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        session = context.find_object(Session) or Session()
        # A shell waits for this at every Tab: no answer in time is no answer.
        try:
            found = asyncio.run(asyncio.wait_for(_asked(session, ask), 1.5))
        except Exception:  # noqa: BLE001 - whatever went wrong, a shell has no place to show it
            return []
        return [name for name in found if name.startswith(typed)]

    return complete


async def _asked(session: Session, ask: Callable[[Client], Awaitable[list[str]]]) -> list[str]:
    async with session.client(patience_s=0, timeout_s=1.0) as fabric:
        return await ask(fabric)


async def _printer_names(fabric: Client) -> list[str]:
    return [printer.name.removeprefix("printers/") async for printer in fabric.printers.list()]


async def _job_numbers(fabric: Client) -> list[str]:
    return [str(job.number) async for job in fabric.list(limit=50)]


async def _port_names(fabric: Client) -> list[str]:
    return [f"{port.port.host}/{port.port.port}" async for port in fabric.ports.list()]


complete_printers = _complete(_printer_names)
complete_jobs = _complete(_job_numbers)
complete_ports = _complete(_port_names)


def printer_option(function: _F) -> _F:
    """Add `-P, --printer`."""
    return click.option(
        "-P",
        "--printer",
        metavar="NAME",
        envvar="PRINTFABRIC_PRINTER",
        shell_complete=complete_printers,
        help="The printer; else PRINTFABRIC_PRINTER, else the only one there is.",
    )(function)


def jobs_argument(function: _F) -> _F:
    """Add `JOB...`."""
    return click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=complete_jobs)(
        function
    )
