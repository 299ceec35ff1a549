"""The command `printfabric-sim`: one printer, a fleet of them, and lists of what there is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from click.core import ParameterSource

from printfabric_sim.fault_table import ACTIONS, FaultError
from printfabric_sim.fleet import Fleet, load_fleet
from printfabric_sim.personality import personality_class, personality_names, possible
from printfabric_sim.plan import Plan, PlanError
from printfabric_sim.printer import KEEP_CONTENT_BYTES
from printfabric_sim.record import KEEP_UNITS


class _Personalities(click.Group):
    """Every personality, built in, installed or in a file, is a command of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *personality_names()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        try:
            kind = personality_class(cmd_name)
        except LookupError as error:
            raise click.UsageError(
                f"{error}; commands: {', '.join(sorted(super().list_commands(ctx)))}"
            ) from error
        return _printer_command(cmd_name, (kind.__doc__ or "").split("\n")[0])


@click.group(cls=_Personalities)
@click.version_option(package_name="print-fabric")
def main() -> None:
    """Printers that speak real protocols, know what they printed, and break as told."""


_FLAGS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("--name",), {"help": "Name in status and record."}),
    (("--host",), {"default": "127.0.0.1", "show_default": True, "help": "Address the ports listen on."}),
    (("--tcp",), {"type": int, "help": "Raw TCP port; 0 takes a free one."}),
    (("--simultaneous",), {"type": int, "default": 1, "help": "TCP connections served at a time."}),
    (("--refuse-others/--queue-others",), {"default": False, "help": "What happens to further connections."}),
    (
        ("--rcvbuf", "rcvbuf_bytes"),
        {"type": int, "default": 65536, "help": "Kernel receive buffer; 0: its own choice."},
    ),
    (("--lpd",), {"type": int, "help": "LPR/LPD port; 0 takes a free one."}),
    (("--ipp",), {"type": int, "help": "IPP port; 0 takes a free one."}),
    (("--snmp",), {"type": int, "help": "SNMP (UDP) port; 0 takes a free one."}),
    (("--community",), {"default": "public", "show_default": True, "help": "SNMP community."}),
    (("--rfc2217",), {"type": int, "help": "Serial line on a network port; 0 takes a free one."}),
    (("--device",), {"help": "Character device with a way back (a raw pty); the value is the link to make."}),
    (("--fifo",), {"help": "Character device without a way back (a FIFO) at this path."}),
    (("--pty",), {"help": "Serial line on a pty; the value is the link to make."}),
    (
        ("--line",),
        {"default": "", "help": "The printer's line settings, e.g. 9600,8,N,1; without: the host's."},
    ),
    (("--flow",), {"type": click.Choice(["xonxoff", "rtscts", "none"]), "default": "xonxoff"}),
    (("--paced/--unpaced",), {"default": True, "help": "Take serial bytes at the baud rate."}),
    (
        ("--xon-every", "xon_every_s"),
        {
            "type": float,
            "default": 0.0,
            "help": "Say XON every so many seconds while ready; 0: when it matters.",
        },
    ),
    (("--units-per-second",), {"type": float, "default": 0.0, "help": "0: as fast as bytes come."}),
    (("--path-depth",), {"type": int, "default": 2, "help": "Finished units waiting for the paper."}),
    (("--buffer", "buffer_bytes"), {"type": int, "default": 65536, "help": "Input buffer in bytes."}),
    (("--media",), {"type": int, "help": "Units until the media is out."}),
    (("--media-left",), {"type": int, "help": "So many of them are left, of a roll that was used before."}),
    (("--ribbon",), {"type": int, "help": "Units until the ribbon is out."}),
    (("--ribbon-left",), {"type": int, "help": "So many of them are left."}),
    (("--warm-up", "warm_up_s"), {"type": float, "default": 0.0, "help": "Seconds after power-on."}),
    (("--back-channel/--no-back-channel",), {"default": True, "help": "Whether anything is sent back."}),
    (
        ("--fault", "faults"),
        {"multiple": True, "help": "For instance reset@unit:17; see `printfabric-sim faults`."},
    ),
    (("--seed",), {"type": int, "default": 0, "help": "Everything random comes from it."}),
    (("--record",), {"help": "Folder for units.jsonl and events.jsonl."}),
    (("--keep-bytes",), {"help": "File for every byte that arrived."}),
    (
        ("--keep-units",),
        {
            "type": int,
            "default": KEEP_UNITS,
            "show_default": True,
            "help": "Units and events kept in memory; --record has all.",
        },
    ),
    (
        ("--keep-content-bytes",),
        {
            "type": int,
            "default": KEEP_CONTENT_BYTES,
            "show_default": True,
            "help": "Content of the last units kept in memory, for their pictures.",
        },
    ),
    (("--render",), {"help": "Folder for a picture and a text of every unit."}),
    (("--serial-pattern",), {"default": "", "help": "Regular expression for the serial text of a unit."}),
    (("--option", "options"), {"multiple": True, "help": "Setting of the personality, name=value."}),
    (("--control",), {"type": click.IntRange(0, 65535), "help": "HTTP control port; 0 takes a free one."}),
    (("--ready-file",), {"type": click.Path(path_type=Path), "help": "File that gets the ready line too."}),
]


def _printer_command(name: str, text: str) -> click.Command:
    def run(**values: Any) -> None:
        _check_needs(values)
        control = values.pop("control")
        ready_file = values.pop("ready_file")
        values["faults"] = "; ".join(values["faults"])
        values["options"] = dict(_pair(option) for option in values["options"])
        values["name"] = values["name"] or Path(name).stem
        try:
            plan = Plan(personality=name, **values)
            _run(Fleet([plan], control=control), ready_file)
        except _WRONG as error:
            raise _said(error) from error

    params: list[click.Parameter] = [click.Option(list(names), **settings) for names, settings in _FLAGS]
    return click.Command(Path(name).stem, params=params, callback=run, help=text)


@main.command("fleet")
@click.argument("file", default="demo")
@click.option(
    "--control",
    type=click.IntRange(0, 65535),
    help="HTTP control port, if not the file's; 0 takes a free one.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder for records, pictures and links.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="File that gets the ready line too.")
def fleet_command(file: str, control: int | None, output: Path | None, ready_file: Path | None) -> None:
    """Start the printers of a YAML file; `demo` is one that comes with the simulators."""
    try:
        fleet = load_fleet(file, output)
        if control is not None:
            fleet.control = control
        _run(fleet, ready_file)
    except _WRONG as error:
        raise _said(error) from error


@main.command("faults")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def faults_command(as_json: bool) -> None:
    """List every fault with its values."""
    if as_json:
        rows = [
            {
                "name": a.name,
                "group": a.group,
                "values": dict(zip(a.values, a.defaults, strict=True)),
                "text": a.text,
            }
            for a in ACTIONS.values()
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for action in ACTIONS.values():
        values = ",".join(
            f"{name}:{default:g}" if isinstance(default, float) else f"{name}:{default or 'all'}"
            for name, default in zip(action.values, action.defaults, strict=True)
        )
        click.echo(f"{action.name + ('=' + values if values else ''):40} {action.text}")
    click.echo(
        "\nWhen: @unit:k @start:k @byte:n @time:3s @job:k @connect:k @reply:k @chance:0.01;"
        " a..b draws from the seed; *n or * repeats"
    )


@main.command("personalities")
def personalities_command() -> None:
    """List the personalities."""
    for name in personality_names():
        kind = personality_class(name)
        click.echo(f"{name:12} {(kind.__doc__ or '').splitlines()[0]}")
        for option, pattern in kind.known_options.items():
            click.echo(f"{'':12}   --option {option}=…  {possible(pattern)}")


# Options that mean nothing without one of these connections.
_NEEDS = {
    "line": ("pty", "rfc2217"),
    "flow": ("pty",),
    "paced": ("pty",),
    "xon_every_s": ("pty",),
    "community": ("snmp",),
    "simultaneous": ("tcp",),
    "refuse_others": ("tcp",),
    "rcvbuf_bytes": ("tcp", "lpd", "ipp", "rfc2217"),
}
_CONNECTIONS = ("tcp", "lpd", "ipp", "snmp", "rfc2217", "device", "fifo", "pty")
_WRITTEN = {"refuse_others": "refuse-others", "rcvbuf_bytes": "rcvbuf", "xon_every_s": "xon-every"}


def _check_needs(values: Mapping[str, Any]) -> None:
    """Raise click.UsageError for an option that was given and can have no effect."""
    context = click.get_current_context()
    there = {plug for plug in _CONNECTIONS if values[plug] is not None} or {"tcp"}
    for option, plugs in _NEEDS.items():
        given = context.get_parameter_source(option) is ParameterSource.COMMANDLINE
        if given and not there & set(plugs):
            raise click.UsageError(
                f"--{_WRITTEN.get(option, option)} means nothing without {' or '.join(f'--{plug}' for plug in plugs)}"
            )


# What a wrong setting, a wrong file or a port in use raises.
_WRONG = (FaultError, PlanError, LookupError, OSError, ValueError, yaml.YAMLError)


def _said(error: Exception) -> Exception:
    """Return what click makes a sentence of; a reader that has gone away is no wrong use."""
    return error if isinstance(error, BrokenPipeError) else click.UsageError(str(error))


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"--option {text!r}: the form is name=value")
    return key, value


def _run(fleet: Fleet, ready_file: Path | None) -> None:
    asyncio.run(_serve(fleet, ready_file))


async def _serve(fleet: Fleet, ready_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await fleet.start()
    try:
        line = json.dumps({"ready": True, "pid": os.getpid(), **fleet.addresses()})
        if ready_file is not None:
            fresh = ready_file.with_name(ready_file.name + ".new")
            fresh.write_text(line + "\n")
            fresh.replace(ready_file)
        click.echo(line)
        await stop.wait()
    finally:
        await fleet.stop()
        click.echo(json.dumps({"stopped": True, "printers": fleet.summary()}))


def run(arguments: Sequence[str]) -> None:
    """Run the command with `arguments`, as from a shell."""
    main.main(args=list(arguments), prog_name="printfabric-sim")
