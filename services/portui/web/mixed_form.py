"""One form for several ports: where their settings differ a field says so, and is left as it is unless it is touched. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from portui.web.form_values import as_text
from portui.web.form_view import Field, FormView

_LEAVE = ("", "leave as it is")
_LEFT = "differs; empty leaves each as it is"


def shared(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values that all ports have in common."""
    first, *others = values
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }


def drawn(view: FormView, common: Mapping[str, Any]) -> FormView:
    """Return a form whose fields outside `common` can be left as they are; what is about one line alone is not in it."""
    groups = tuple(
        replace(
            group,
            fields=tuple(one if one.name in common or one.hidden else _open(one) for one in group.fields),
        )
        for group in view.groups
    )
    return replace(view, groups=groups, presets=(), asks=(), summary="")


def _open(one: Field) -> Field:
    if one.kind == "boolean":
        return replace(one, widget="select", value="", options=(_LEAVE, ("true", "on"), ("false", "off")))
    if one.options:
        return replace(one, widget="select", value="", options=(_LEAVE, *one.options))
    return replace(one, value="", placeholder=_LEFT)


def touched(
    given: Mapping[str, str], names: Sequence[str], kinds: Mapping[str, str], common: Mapping[str, Any]
) -> tuple[dict[str, str], list[str]]:
    """Return what was typed and not left as it is, in the shape of a form for one port: (given, names of its fields).

    `common` are the values that the form showed; a switch that was shown as one is off when it is not in `given`.
    """
    kept: dict[str, str] = {}
    wanted: list[str] = []
    for name in names:
        text, switch = given.get(name), kinds.get(name) == "boolean"
        if name not in common:
            if text is None or not text:
                continue
            wanted.append(name)
            if not switch or text == "true":
                kept[name] = text
        elif switch and (text is not None) != bool(common[name]):
            wanted.append(name)
            kept.update({name: text} if text is not None else {})
        elif not switch and text is not None and text != as_text(common[name]):
            wanted.append(name)
            kept[name] = text
    return kept, wanted
