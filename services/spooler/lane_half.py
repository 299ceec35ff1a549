"""Half a document that a lane has met in its printer: what closes it goes before the next one."""

from __future__ import annotations

from dataclasses import replace

from chassis.errors import FabricError
from spooler.flight import Flight, LaneOwner
from spooler.port import DocumentKey, Phase, Progress
from spooler.printer import PortName


class LaneHalf:
    """What one lane knows of it. `refused` is what the host said, while nothing was done about it."""

    def __init__(self, port: PortName, owner: LaneOwner) -> None:
        self.refused: FabricError | None = None
        # What was refused for it since the port was opened: the host's word at that moment proves that it was not begun,
        # and a journal that lacks it might not (decision 0039).
        self.untouched: dict[DocumentKey, Progress] = {}
        self._port, self._owner = port, owner
        self._met = ("", "")  # the one that was met last
        self._looked = False  # a person has looked at the printer since

    def met(self, news: Progress, refused: FabricError) -> None:
        """Take the host's refusal of a document that would have come behind it."""
        self.refused = refused
        if news.phase is Phase.NEVER_SEEN:
            self.untouched[news.key] = news

    async def close(self, flight: Flight, refused: FabricError) -> None:
        """Put before a flight what closes it. Raises FabricError: a person has to look."""
        half = (refused.metadata["document_uid"], refused.metadata["attempt"])
        looked, self._looked = self._looked and half == self._met, False
        self._met = half
        closing = await self._owner.closing(self._port, refused, flight, left=looked)
        flight.info = replace(flight.info, closing=closing)
        flight.prefix_words = "; ".join(filter(None, (closing.words, flight.prefix_words)))

    def looked(self) -> None:
        """A person has looked: what lies there now is left as it is."""
        self._looked = True
