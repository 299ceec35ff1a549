"""docs/states.md, drawn from the state machines' tables and the comments beside their words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any

from portmon import port_state
from portmon.port_status import OF_STATE, Word
from portmon.staging import state as staged_state
from spooler import job_state
from spooler.choosing import MOST_IN_A_ROW

HEAD = f"""\
# States

Drawn by `make docs` from `services/spooler/job_state.py`, `services/portmon/port_state.py`,
`services/portmon/staging/state.py` and `services/portmon/port_status.py`; edit those, not this page.
Whatever is not in a table is refused with `WrongState`, and nothing changes. Conditions (offline, paper out, stalled) are
not states: they are reasons, listed beside the state.

Who holds a port is beside both. A path is a language monitor or none, and the port monitor; a port is held by one path of one fabric:

| port | on | becomes |
|---|---|---|
| free | OpenPort, OpenPortEx | held, under a fence higher than all that the port has seen, of any fabric |
| held | the same path, the same fabric, a higher fence | held: taken over, with the document in progress (a spooler that was restarted) |
| held | the same owner, the same fence | held: the same handle, a repeat; through another path it is refused with 170 |
| held | the same fabric, any other fence that is not higher | held: that one is stale (6) |
| held | another path of the same fabric, a higher fence | in a document: refused with 170; else closed, then held by that path. Spoolers close it first themselves |
| held | another fabric | held: it is refused with 170 |
| held | ClosePort, the lease ran out, PowerEvent suspend, Shutdown | free; its handle is dead (6) |

Documents of one path go together, at most {MOST_IN_A_ROW} in a row while a printer with another path waits for the port.
"""

# States and events are each machine's own enum; None stands for what does not exist yet.
Table = Mapping[Any, Mapping[Any, Any]]


def explained(words: type[Enum]) -> dict[str, str]:
    """Return each word with the comment that follows it in the source, or nothing."""
    source = inspect.getsource(words)
    return {
        str(word.value if isinstance(word.value, str) else word.name.lower()): found[1]
        if (found := re.search(rf"{word.name} = .*?#\s*(.+)", source))
        else ""
        for word in words
    }


def node(state: StrEnum | None) -> str:
    """Return Mermaid's name of a state; `[*]` is where a machine begins."""
    return "[*]" if state is None else state.value.replace("-", "_")


def diagram(table: Table) -> list[str]:
    """Return a Mermaid diagram; events that change nothing stay in the table below it."""
    lines = ["```mermaid", "stateDiagram-v2"]
    states = [state for state in table if state is not None]
    lines += [f'    state "{state.value}" as {node(state)}' for state in states if node(state) != state.value]
    if None not in table:
        lines.append(f"    [*] --> {node(states[0])}")
    for state, ways in table.items():
        by_target: dict[StrEnum, list[str]] = {}
        for event, target in ways.items():
            if target is not state:
                by_target.setdefault(target, []).append(event.value)
        lines += [
            f"    {node(state)} --> {node(target)}: {', '.join(events)}"
            for target, events in by_target.items()
        ]
    return [*lines, "```"]


def section(title: str, table: Table, states: type[StrEnum], events: type[StrEnum]) -> list[str]:
    """Return one machine: its picture, its table, its words."""
    lines = [f"## {title}", "", *diagram(table), "", "| in | on | becomes |", "|---|---|---|"]
    for state, ways in table.items():
        for event, target in ways.items():
            before = "(new)" if state is None else state.value
            lines.append(f"| {before} | {event.value} | {'stays' if target is state else target.value} |")
    for name, words in (("state", states), ("event", events)):
        meanings = {word: meaning for word, meaning in explained(words).items() if meaning}
        if meanings:
            lines += ["", f"| {name} | when |", "|---|---|"]
            lines += [f"| {word} | {meaning} |" for word, meaning in meanings.items()]
    return [*lines, ""]


def one_word() -> list[str]:
    """Return how the one word of a port is made: the order of precedence, and what an open port's state says."""
    lines = ["## The one word of a port", ""]
    lines += [
        "Host, transport, printer and who works with the port each have a word; the first in this order is shown."
    ]
    lines += ["A source that says nothing counts for nothing.", "", "| word | when |", "|---|---|"]
    lines += [f"| {word} | {meaning} |" for word, meaning in explained(Word).items()]
    lines += ["", "| open port | word of its transport | in words |", "|---|---|---|"]
    lines += [f"| {state} | {word.name.lower()} | {text} |" for state, (word, text) in OF_STATE.items()]
    return [*lines, ""]


def text() -> str:
    """Return the whole page."""
    jobs = section("A job", job_state.TRANSITIONS, job_state.JobState, job_state.JobEvent)
    ports = section("An open port", port_state.TRANSITIONS, port_state.PortState, port_state.PortEvent)
    title = "A document that lies on its host whole"
    staged = section(title, staged_state.TRANSITIONS, staged_state.StagedState, staged_state.StagedEvent)
    return "\n".join([HEAD, *jobs, *ports, *one_word(), *staged]).rstrip() + "\n"
