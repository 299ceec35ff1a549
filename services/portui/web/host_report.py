"""What a host's page tells of the whole host: what happened at its ports lately, and a report for a ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

from chassis.errors import FabricError
from portui.fabric_print import Printing
from portui.model import Host, Port
from portui.model_answers import Event, Explanation
from portui.web import story, words

_PORTS = 24  # so many are asked what happened to them: those that need somebody, and the first by name
_OF_EACH = 8


async def recent(printing: Printing, ports: Sequence[Port]) -> list[Event]:
    """Return what happened lately at a host's ports, each with its port as subject; nothing of one that cannot be asked."""

    async def of(port: Port) -> list[Event]:
        try:
            found = await printing.history(port.name, _OF_EACH)
        except FabricError:
            return []  # the banner says that the spooler is away
        return [replace(one, subject=port.name) for one in found]

    return [one for each in await asyncio.gather(*map(of, ports[:_PORTS])) for one in each]


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
