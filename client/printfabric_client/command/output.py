"""Where a command speaks: tables and lines on standard output, JSON on request, progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from printfabric_client.command.as_json import as_json
from printfabric_client.command.words import clean


class Output:
    """One command's voice.

    Args:
        as_json: objects instead of words; one a line where there may be many.
        quiet: results only.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet

    @property
    def bars(self) -> bool:
        """Whether somebody sits at a terminal and would like to see progress."""
        return not (self.as_json or self.quiet) and sys.stderr.isatty()

    def value(self, value: Any, *, live: bool = False) -> None:
        """Write one JSON value; on one line when it is one of many."""
        click.echo(json.dumps(as_json(value), ensure_ascii=False, indent=None if live else 2))
        if live:
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """Write one line of result."""
        click.echo(text)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write what is good to know but no result, to standard error."""
        if not (self.quiet or self.as_json):
            click.echo(text, err=True)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write columns that line up, the last one as long as it likes."""
        kept = [[clean(cell) for cell in row] for row in rows]
        lines = kept if self.quiet else [list(heads), *kept]
        if not lines:
            return
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        for number, line in enumerate(lines):
            last = len(line) - 1
            cells = [cell if at == last else cell.ljust(widths[at]) for at, cell in enumerate(line)]
            text = "  ".join(cells).rstrip()
            click.echo(click.style(text, bold=True) if number == 0 and not self.quiet else text)

    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write names and values, one a line; empty values are left out."""
        kept = [(name, clean(value)) for name, value in pairs if value]
        width = max((len(name) for name, _ in kept), default=0)
        for name, value in kept:
            click.echo(f"{name.ljust(width)}  {value}")
