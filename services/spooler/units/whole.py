"""Documents that show no units: all of it is one."""

from __future__ import annotations

from spooler.ledger import UnitKind
from spooler.units.splitter import Setup, Splitter


class WholeSplitter(Splitter):
    """One unit, ended by the document's end; none in an empty document."""

    kind = UnitKind.DOCUMENT

    def _scan(self, buffer: bytes, *, final: bool) -> int:
        return len(buffer)

    def _over(self) -> None:
        if self._position:
            self._end(0)

    def setup(self, head: bytes) -> Setup:
        """See `Splitter.setup`."""
        return Setup(refusal="the document shows no units")
