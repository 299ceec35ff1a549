"""`printfabric check`: is everything there that prints? For monitoring, and for the test of a release."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import click

from printfabric.spooler.v1 import port_service_pb2 as pb
from printfabric_client.command import words
from printfabric_client.command.as_json import as_json
from printfabric_client.command.options import Session, command

if TYPE_CHECKING:
    from printfabric_client.aio import Client

_PAUSE_S = 1.0


@command("check")
@click.option(
    "--hosts",
    "wanted",
    type=click.IntRange(0),
    default=1,
    metavar="N",
    help="How many have to answer; else 1.",
)
@click.option(
    "--within",
    "within_s",
    type=click.FloatRange(0),
    default=0,
    metavar="SECONDS",
    help="How long to wait for them.",
)
def check_command(session: Session, wanted: int, within_s: float) -> None:
    """Ask the spooler, and through it each host, what is there; fail when a host does not answer."""

    async def ask(fabric: Client) -> None:
        deadline = time.monotonic() + within_s
        while True:
            missing = await _missing(fabric, wanted)
            if not missing or time.monotonic() >= deadline:
                break
            await asyncio.sleep(_PAUSE_S)
        await _show(session, fabric)
        if missing:
            raise TimeoutError(missing)

    session.run(ask)


async def _missing(fabric: Client, wanted: int) -> str:
    """Return the sentence about hosts that do not answer now; empty: all is well."""
    hosts = [host async for host in fabric.hosts.list()]
    # The list has what the spooler heard last; their monitors they are asked for.
    answer = {one.host for one in await fabric.hosts.monitors()} if hosts else set()
    silent = [host for host in hosts if host.name not in answer or host.state != pb.HOST_STATE_ONLINE]
    if silent:
        told = ", ".join(words.short(host.name) + _why(host) for host in silent)
        return f"{len(silent)} of {len(hosts)} hosts do not answer: {told}"
    if len(hosts) < wanted:
        return f"{len(hosts)} hosts answer, {wanted} are expected"
    return ""


def _why(host: pb.Host) -> str:
    return f" ({words.clean(host.error)})" if host.error else ""


async def _show(session: Session, fabric: Client) -> None:
    """Show each host with its ports, those that do not answer too."""
    ports = defaultdict(list)
    async for port in fabric.ports.list("-"):
        owner, _, name = words.short(port.name).partition("/")
        ports[owner].append(name)
    hosts = [host async for host in fabric.hosts.list()]
    if session.json:
        for host in hosts:
            session.output.value({**as_json(host), "port_names": ports[words.short(host.name)]}, live=True)
        return
    rows = [
        (name, words.host_state(host.state), " ".join(ports[name]) or "-")
        for name, host in ((words.short(host.name), host) for host in hosts)
    ]
    session.output.table(("HOST", "STATE", "PORTS"), rows)
