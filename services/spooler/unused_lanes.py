"""Lanes of ports that no printer uses any more: let go, and forgotten when nothing of them is under way."""

from __future__ import annotations

from collections.abc import Iterator

from chassis.tasks import Tasks
from spooler.lane import Lane
from spooler.lane_desk import LaneDesk

Key = tuple[str, str]


class UnusedLanes:
    """See above. What is still on its way through one ends first: `look` is called when printers change and jobs end."""

    def __init__(self, desk: LaneDesk, tasks: Tasks) -> None:
        self._desk, self._tasks = desk, tasks
        self._keys: set[Key] = set()
        self._closing: set[Key] = set()

    def note(self, key: Key) -> None:
        """A port has no printer now, or has a lane all the same."""
        self._keys.add(key)

    def look(self) -> None:
        """Let go what is not needed. Costs nothing while every lane has a printer."""
        for key in list(self._keys):
            lane = self._desk.lanes.get(key)
            if lane is None or key in self._desk.book.users:
                self._keys.discard(key)
            elif key not in self._closing and self._may_go(key, lane):
                self._closing.add(key)
                self._tasks.spawn(f"close {lane.port}", self._let_go(key, lane))

    def of_host(self, host: str) -> Iterator[Lane]:
        """Yield those whose host this is, its name as ports' keys have it."""
        for key in list(self._keys):
            if key[0] == host and (lane := self._desk.lanes.get(key)) is not None:
                yield lane

    async def _let_go(self, key: Key, lane: Lane) -> None:
        """Close the port (S37); forget the lane, unless somebody came meanwhile."""
        desk = self._desk
        try:
            # Looked at once more, without a wait before the closing: another printer may have taken the port meanwhile.
            if self._may_go(key, lane):
                await lane.close()
        finally:
            self._closing.discard(key)
        unused = key not in desk.book.users and lane.is_idle and not lane.is_open
        if unused and desk.lanes.get(key) is lane and not self._is_awaited(key):
            del desk.lanes[key]
            desk.bytes_done.pop(key, None)
            desk.landed_at.pop(key, None)
            self._keys.discard(key)

    def _may_go(self, key: Key, lane: Lane) -> bool:
        """Tell whether a port can be closed."""
        return key not in self._desk.book.users and (lane.is_idle or (lane.is_open and not lane.flights))

    def _is_awaited(self, key: Key) -> bool:
        """Tell whether what the lane gave back is still to be written down, with the fence that it had."""
        book = self._desk.book
        jobs = (book.jobs[number] for queue in book.queues.values() for number in queue.at_port)
        return any(job.port is not None and job.port.key == key for job in jobs)
