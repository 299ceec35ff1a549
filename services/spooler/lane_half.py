"""Half a document that a lane has met in its printer: what closes it goes before the next one."""

from __future__ import annotations

from dataclasses import replace

from chassis.errors import DeviceNotConnected, FabricError, Verdict
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

    def lost_place(self, flight: Flight, news: Progress, refused: FabricError) -> Progress | None:
        """Return the end of a document that was to go on by itself, if its host cannot prove any more where it broke off.

        Between the question and the start its device became another one, and what the first had taken is uncertain.
        """
        said = refused.metadata
        start, end = int(said["uncertain_start"]), int(said["uncertain_end"])
        own = flight.pinned and said["document_uid"] == flight.key.uid.hex()
        offset = flight.info.resume_offset
        if not own or not start < end or start >= offset:
            return None
        text = f"port {self._port}: the device that job {flight.number} was to go on at is another one by now"
        why = DeviceNotConnected(text, verdict=Verdict.HOLD, port=self._port)
        return replace(
            news, phase=Phase.ENDED, accepted=offset, uncertain_start=start, uncertain_end=end, error=why
        )

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
