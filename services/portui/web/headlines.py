"""The spooler's own sentence for what needs somebody: the console's lists say what `explain` says, a name that stands before it left out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from chassis.errors import FabricError
from portui.fabric_print import Printing
from portui.live import Live
from portui.web import words
from portui.web.problems import Problem


class Headlines:
    """Asks for sentences, and remembers them while nothing changes: all who look share the answers."""

    def __init__(self, live: Live, printing: Printing) -> None:
        self._live, self._printing = live, printing
        self._of = -1  # the structure that what is remembered belongs to
        self._known: dict[str, str] = {}

    async def told(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return problems with the spooler's sentences; where it has none, or is away, the port's own words stay."""
        if self._of != self._live.structure:
            self._of, self._known = self._live.structure, {}
        known = self._known
        names = [one.name for one in problems if one.name and one.name not in known]
        for name, sentence in zip(names, await asyncio.gather(*map(self._ask, names)), strict=True):
            known[name] = sentence
        return [
            replace(one, sentence=words.once(known.get(one.name, ""), one.name) or one.sentence)
            if one.name
            else one
            for one in problems
        ]

    async def _ask(self, name: str) -> str:
        try:
            found = await self._printing.explain(name)
        except FabricError:
            return ""
        return "" if found.verdict in ("fine", "unspecified") else f"{found.headline} {found.loss}".strip()
