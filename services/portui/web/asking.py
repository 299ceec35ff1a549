"""Questions to a monitor beside the four of PortUI: a form by scheme, and long commands with their progress."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.errors import FabricError, UnknownPrintMonitor
from portui import port_config, questions
from portui.fabric import Fabric
from portui.port_config import Described
from portui.web.form_asks import Ask

_MOST_TEXT = 400


async def describe_for(fabric: Fabric, host: str, monitor: str, name: str) -> Described:
    """Return the form of a new port of this name: a monitor may have several types, told by the name (`COM3:`).

    Raises:
        UnknownPrintMonitor: the host has no such monitor.
        NotSupported: it has no form.
    """
    try:
        async with fabric.session(monitor=f"hosts/{host}/monitors/{monitor}") as xcv:
            ui, form = await questions.form(xcv, {"dialog": "add", "name": name})
            return Described(ui, form.encoded)
    except UnknownPrintMonitor:
        return await port_config.describe(fabric, monitor=f"hosts/{host}/monitors/{monitor}")


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is about: a port, or one that is not there yet: its monitor, and the name it will have."""

    port: str = ""
    monitor: str = ""
    name: str = ""


async def steps(
    fabric: Fabric, target: Target, ask: Ask, values: Mapping[str, Any], chosen: str = ""
) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """Yield what a command says on its way, and values it proposes for the form; errors are said, not raised.

    chosen: one of the command's choice.
    """
    choice = ask.choice
    along = {choice.name: chosen} if choice is not None and chosen in dict(choice.options) else {}
    about = {**along, "settings": dict(values), **({"name": target.name} if target.name else {})}
    document = json.dumps(about).encode()
    try:
        async with fabric.session(port=target.port, monitor=target.monitor, administer=True) as xcv:
            async for text, data, status in fabric.long_data(xcv, ask.command, document, ask.timeout_s):
                if status == 87 and not data:
                    yield (f"This host's monitor does not know {ask.title.lower()} yet.", {})
                else:
                    yield (
                        text or ("Done." if status == 0 else "") or _brief(data),
                        proposed(data, ask.fills),
                    )
    except FabricError as error:
        yield (f"{error.message[:1].upper()}{error.message[1:]}.", {})


def proposed(data: bytes, fills: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the fields an answer fills in: scalars under `fills`, `values`, `settings`, `best`, or at the top."""
    try:
        found = json.loads(data) if data else None
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    for source in (*(found.get(key) for key in ("fills", "values", "settings", "best")), found):
        if isinstance(source, dict):
            values = {
                key: source[key] for key in fills if isinstance(source.get(key), str | int | float | bool)
            }
            if values:
                return values
    return {}


def _brief(data: bytes) -> str:
    return data[:_MOST_TEXT].decode("utf-8", "replace")


def line(text: str, fill: Mapping[str, Any] | None = None) -> bytes:
    """Return one step as a line of JSON."""
    return json.dumps({"text": text[:_MOST_TEXT], **({"fill": dict(fill)} if fill else {})}).encode() + b"\n"


def fresh_id() -> str:
    """Return an idempotency key."""
    return str(uuid.uuid4())
