"""The commands of a monitor that a form has as buttons, and what can be chosen about them. Pure, as `form_view` is."""

from __future__ import annotations

from dataclasses import dataclass

from portui.web.form_values import list_in, map_in, text_in

_MOST, _MOST_CHOICES, _MOST_TITLE, _MOST_VALUE = 12, 20, 60, 40


@dataclass(frozen=True, slots=True)
class Choice:
    """One word that goes along with a command: `ask`, and what it may be, the first being what is done without it."""

    name: str
    title: str
    options: tuple[tuple[str, str], ...]  # value, label


@dataclass(frozen=True, slots=True)
class Ask:
    """A command of the monitor's as a button."""

    id: str
    title: str
    command: str
    stream: bool = False
    note: str = ""
    confirm: str = ""
    fills: tuple[str, ...] = ()
    timeout_s: float = 60.0
    choice: Choice | None = None


def asks_of(given: object) -> tuple[Ask, ...]:
    """Return the buttons of a form's `actions`."""
    found = []
    for one in map(map_in, list_in(given)[:_MOST]):
        command = text_in(one.get("xcv"))
        if not command.isalnum() or not command[:1].isupper():
            continue
        seconds = one.get("timeoutSeconds")
        found.append(
            Ask(
                id=command,
                title=text_in(one.get("title"))[:_MOST_TITLE] or command,
                command=command,
                stream=one.get("stream") is True,
                note=text_in(one.get("note")),
                confirm=text_in(one.get("confirm")),
                fills=tuple(text_in(name) for name in list_in(one.get("fills"))),
                timeout_s=float(seconds) if isinstance(seconds, int) and 0 < seconds <= 600 else 60.0,
                choice=_choice(one.get("choice")),
            )
        )
    return tuple(found)


def _choice(given: object) -> Choice | None:
    one = map_in(given)
    name, title = text_in(one.get("name")), text_in(one.get("title"))[:_MOST_TITLE]
    options = tuple(
        (text_in(each.get("value")), text_in(each.get("title"))[:_MOST_TITLE])
        for each in map(map_in, list_in(one.get("values"))[:_MOST_CHOICES])
        if 0 < len(text_in(each.get("value"))) <= _MOST_VALUE and text_in(each.get("title"))
    )
    return Choice(name, title or name, options) if name.isalnum() and options else None
