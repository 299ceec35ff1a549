"""What a host's page tells of the whole host: what happened at its ports lately, and a report for a ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.metadata import version

from chassis.errors import FabricError
from portui.fabric_print import Printing
from portui.model import Host, Port
from portui.model_answers import Event, Explanation
from portui.web import story, words
from portui.web.shown import path_of_key

_PORTS = 24  # so many are asked what happened to them: those that need somebody, and the first by name
_OF_EACH = 8
_MOST = 12


async def recent(printing: Printing, ports: Sequence[Port]) -> list[tuple[Port, Event]]:
    """Return what happened lately at a host's ports, newest first; nothing of one that cannot be asked."""

    async def of(port: Port) -> list[tuple[Port, Event]]:
        try:
            return [(port, one) for one in await printing.history(port.name, _OF_EACH)]
        except FabricError:
            return []  # the banner says that the spooler is away

    found = [one for each in await asyncio.gather(*map(of, ports[:_PORTS])) for one in each]
    newest = story.events_newest([event for _port, event in found], _MOST)
    at = {id(event): port for port, event in found}
    return [(at[id(event)], event) for event in newest]


def report(host: Host, ports: Sequence[Port]) -> str:
    """Return how a host and its ports are, as Markdown for a ticket."""
    state = words.HOST_STATES.get(host.state, words.HOST_STATES["connecting"]).word
    headline = f"{state}{f': {host.error}' if host.error else ''}"
    rungs = [
        story.Rung(
            one.key, "", "", f"{words.PORT_STATES[one.state].word}{f', {one.reason}' if one.reason else ''}"
        )
        for one in ports
    ]
    known = [f"port monitor {host.version or 'unknown'}, {host.address}"]
    said = Explanation(host.state, headline, f"{words.many(len(ports), 'port')}.")
    return story.report(f"Host {host.name}", said, rungs, version("print-fabric"), known)


def lines(found: Sequence[tuple[Port, Event]]) -> list[tuple[str, str, Event]]:
    """Return events as a page lists them: (the port's name, its page, the event)."""
    return [(port.port, path_of_key(port.key), event) for port, event in found]
