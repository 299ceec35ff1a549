"""`printfabric hosts`: the machines that have ports, and what their port monitors can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from printfabric.monitor.v1.monitor_service_pb2 import Monitor
from printfabric_client.command import words
from printfabric_client.command.as_json import as_json
from printfabric_client.command.options import Session, command
from printfabric_client.errors import Unavailable, Unsupported

if TYPE_CHECKING:
    from printfabric_client.aio import Client

_MOST = 60  # characters of an error in the table


@command("hosts")
def hosts_command(session: Session) -> None:
    """List the hosts, whether they answer, and their port monitors."""

    async def ask(fabric: Client) -> None:
        found = [host async for host in fabric.hosts.list()]
        monitors = await _monitors(fabric) if found else {}
        output = session.output
        if output.as_json:
            for host in found:
                output.value({**as_json(host), "monitors": as_json(monitors.get(host.name, []))}, live=True)
        elif not found:
            output.note("no hosts; a port monitor announces itself, or is named in the spooler's settings")
        else:
            output.table(
                ("HOST", "STATE", "PORTS", "ADDRESS", "HEARD", "MONITORS"),
                (
                    (
                        words.short(host.name),
                        words.host_state(host.state) + (f" ({_short(host.error)})" if host.error else ""),
                        str(host.ports),
                        host.address or "-",
                        words.age(host.last_seen_time) or "-",
                        ", ".join(monitor.name for monitor in monitors.get(host.name, [])) or "-",
                    )
                    for host in found
                ),
            )

    session.run(ask)


def _short(error: str) -> str:
    """Return the beginning of an error; --json has all of it."""
    text = words.clean(error)
    return text if len(text) <= _MOST else f"{text[:_MOST].rstrip()}…"


async def _monitors(fabric: Client) -> dict[str, list[Monitor]]:
    try:
        return {each.host: list(each.monitors) for each in await fabric.hosts.monitors()}
    except (Unsupported, Unavailable):
        return {}  # the hosts are worth showing without
