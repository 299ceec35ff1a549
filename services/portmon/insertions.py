"""Bytes of our own among those of a document: where they are, so that counts from the device become payload counts. Pure."""

from __future__ import annotations


class Insertions:
    """What was put into one document's stream. Adjoining insertions are one, so there are few."""

    def __init__(self) -> None:
        self._parts: list[list[int]] = []  # [device offset, length]
        self.sent = 0  # device bytes so far, ours and the document's

    def own(self, count: int) -> None:
        """So many bytes of our own were taken by the device."""
        if self._parts and sum(self._parts[-1]) == self.sent:
            self._parts[-1][1] += count
        elif count:
            self._parts.append([self.sent, count])
        self.sent += count

    def payload(self, count: int) -> None:
        """So many bytes of the document were taken by the device."""
        self.sent += count

    def payload_at(self, device: int) -> int:
        """Return how many payload bytes are among the first `device` bytes."""
        ours = sum(min(length, device - at) for at, length in self._parts if device > at)
        return max(0, min(device, self.sent) - ours)
