"""The `printfabric` command: its table of commands, and the wall where errors become one line and an exit code."""

from __future__ import annotations

import difflib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from printfabric_client.command.exits import MEANINGS, Exit, exit_code
from printfabric_client.command.options import Session, shared_options
from printfabric_client.failure import FabricError

# Name: module and one line. A command's module, and gRPC with it, is loaded only when the command runs.
_COMMANDS: dict[str, tuple[str, str]] = {
    "print": ("printing", "Print files, or standard input."),
    "jobs": ("jobs", "List jobs."),
    "job": ("job", "Show one job: what is proven, each attempt, what happened."),
    "watch": ("watch", "Follow a job to its end, or everything that happens."),
    "cancel": ("steering", "End jobs."),
    "hold": ("steering", "Hold jobs until they are released."),
    "release": ("steering", "Release held jobs."),
    "restart": ("steering", "Print jobs again from their beginning."),
    "move": ("steering", "Move jobs to another printer."),
    "change": ("steering", "Change the priority or the copies of jobs."),
    "resume": ("deciding", "Go on with a job that stopped in the middle."),
    "resolve": ("deciding", "Say what came out where nobody knows it."),
    "reprint": ("deciding", "Print labels, receipts or pages of a job again."),
    "alerts": ("alerts", "Show what needs somebody, and say who has it in hand."),
    "explain": ("explain", "Say why a job, printer or port does not print, and what to do."),
    "history": ("history", "Show what happened to a printer or a port, and who did it."),
    "printers": ("printers", "List, add and change printers."),
    "ports": ("ports", "List, add and configure ports."),
    "xcv": ("xcv", "Ask a port monitor by a management command."),
    "hosts": ("hosts", "List the hosts that have ports."),
    "check": ("check", "Say whether all hosts answer, with their ports; fail if not."),
    "up": ("up", "Run a whole fabric on this machine, with simulated printers."),
    "completion": ("completion", "Print the completion script for a shell."),
    "version": ("version", "Show the version."),
}


class Program(click.Group):
    """The command itself; loads what it needs when it needs it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the order in which people need them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"printfabric_client.command.{_COMMANDS[cmd_name][0]}")
        found = getattr(module, f"{cmd_name}_command")
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without loading them, and what the exit codes mean."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), text) for code, text in MEANINGS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a near miss names what was probably meant."""
        name = args[0] if args else ""
        if name and name not in _COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, _COMMANDS, 1)
            hint = f". Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"there is no command {name!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run it and end the process; the wall: whatever went wrong becomes one line and an exit code."""
        session = extra.setdefault("obj", Session())
        try:
            code = super().main(args, prog_name or "printfabric", complete_var, False, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            _usage(session, error)
        except (KeyboardInterrupt, click.Abort):
            _end(Exit.INTERRUPTED)
        except BrokenPipeError:
            # `printfabric jobs | head`: nobody reads on. Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _end(Exit.ERROR)
        except FabricError as error:
            _fail(session, exit_code(error), _words(error), _hint(error), error)
        except TimeoutError as error:
            _fail(session, Exit.UNREACHABLE, str(error) or "it took too long", "", error)
        except ValueError as error:
            _fail(session, Exit.USAGE, str(error), "", error)
        except OSError as error:
            _fail(session, Exit.ERROR, _os_words(error), "", error)
        except Exception as error:  # noqa: BLE001 - the wall of the command: nobody shall see a traceback unasked
            text = f"a bug: {type(error).__name__}: {error}"
            _fail(session, Exit.ERROR, text, "run it again with --debug and report what it shows", error)
        _end(code if isinstance(code, int) else Exit.OK)


def _usage(session: Session, error: click.ClickException) -> NoReturn:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"see `{context.command_path} --help`" if context else ""
    text = error.format_message()
    _fail(
        session,
        Exit(error.exit_code) if error.exit_code in {1, 2} else Exit.ERROR,
        text.rstrip("."),
        hint,
        None,
    )


def _fail(session: Session, code: Exit, text: str, hint: str, error: BaseException | None) -> NoReturn:
    if session.debug and error is not None:
        traceback.print_exception(error, file=sys.stderr)
    if session.json:
        body: dict[str, object] = {"message": text, "exit_code": int(code)}
        if isinstance(error, FabricError):
            body |= {
                "reason": error.reason,
                "code": error.code,
                "win32": error.win32,
                "win32_name": error.win32_name,
            }
            body |= {"metadata": error.metadata, "fields": [field._asdict() for field in error.fields]}
        click.echo(json.dumps({"error": body}, ensure_ascii=False), err=True)
    else:
        from printfabric_client.command.words import clean  # noqa: PLC0415 - only now

        click.echo(f"printfabric: {clean(text)}{f'; {hint}' if hint else ''}", err=True)
        for field in error.fields if isinstance(error, FabricError) else ():
            click.echo(f"  {clean(field.field)}: {clean(field.description)}", err=True)
    _end(code)


def _words(error: FabricError) -> str:
    if error.code == "UNIMPLEMENTED" and error.message == "Method not implemented!":
        return "this spooler does not have that function; it is of another version"
    address = error.metadata.get("address")
    if error.reason != "HOST_UNREACHABLE" or not address:
        return error.message
    # gRPC's own text is three lines about sockets.
    text = error.message.lower()
    if "handshake" in text or "certificate" in text:
        return f"no secure connection to {address}: {error.message.rpartition('error: ')[2]}"
    if "resolving" in text:
        return f"nobody knows the name in {address}"
    never = "all backends failing" in text or "failed to connect" in text
    return (
        f"no spooler answers at {address}" if never else f"the connection to the spooler at {address} broke"
    )


def _hint(error: FabricError) -> str:
    return {
        "HOST_UNREACHABLE": "start one with `printfabric up`, or name another with --address or PRINTFABRIC_ADDRESS",
        "PRINTER_NOT_FOUND": "`printfabric printers` lists them",
        "JOB_NOT_FOUND": "`printfabric jobs --all` lists them",
        "PORT_NOT_FOUND": "`printfabric ports` lists them",
        "SPOOL_FULL": "nothing was accepted; try again when jobs have printed",
        "REQUEST_ID_REUSED": "give this print a request id of its own",
        "ETAG_MISMATCH": "somebody changed it meanwhile; look at it and do it again",
    }.get(error.reason, "")


def _os_words(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def _end(code: int) -> NoReturn:
    sys.exit(int(code))


_EPILOG = """\b
printfabric up                          a fabric to try things on
printfabric print -P labels box.zpl     print a file
cat box.zpl | printfabric print -       print standard input
printfabric print --wait box.zpl        and wait until it is on paper
printfabric explain 4711                why does it not print?
"""

program = Program(
    name="printfabric",
    help="Print where a print is a physical transaction: nothing lost, nothing silently doubled.\n\n"
    + _EPILOG,
    params=list(shared_options(shown=True)),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
