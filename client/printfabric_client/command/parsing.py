"""What people type as settings."""

from __future__ import annotations

import json
from typing import Any

import click


def parse_settings(pairs: tuple[str, ...], file: Any = None) -> dict[str, Any]:
    """Return settings of a JSON file and NAME=VALUE pairs; a value is JSON if it can be read as such, else text.

    Raises:
        click.BadParameter: a pair without =, or a file that is no JSON object.
    """
    found: dict[str, Any] = {}
    if file is not None:
        try:
            found = json.load(file)
        except ValueError as error:
            raise click.BadParameter(f"{file.name} is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise click.BadParameter(f"{file.name} is no JSON object")
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
