"""Settings as TOML, for the programs' files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml(table: Mapping[str, Any]) -> str:
    """Return `table` as TOML: scalars and lists first, then tables, then arrays of tables."""
    lines: list[str] = []
    _table(lines, "", table)
    return "\n".join(lines) + "\n"


def _table(lines: list[str], path: str, table: Mapping[str, Any]) -> None:
    for name, value in table.items():
        if not isinstance(value, Mapping) and not _is_tables(value):
            # A JSON string, number or list of strings is a TOML one.
            lines.append(f"{name} = {json.dumps(value)}")
    for name, value in table.items():
        if isinstance(value, Mapping):
            lines.append(f"\n[{path}{name}]")
            _table(lines, f"{path}{name}.", value)
        elif _is_tables(value):
            for item in value:
                lines.append(f"\n[[{path}{name}]]")
                _table(lines, f"{path}{name}.", item)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
