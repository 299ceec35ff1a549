"""What a language has to say to a device beside the document, until the device has it."""

from __future__ import annotations

from portmon.insertions import Insertions
from portmon.monitor import Port


class LanguageBytes:
    """Bytes of a language in the order they are put, and where they came to be in a document's stream."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._waiting = memoryview(b"")
        self._places = Insertions()

    @property
    def waiting(self) -> int:
        """How many of them the device has not taken."""
        return len(self._waiting)

    @property
    def sent(self) -> int:
        """How many bytes the device took since `begin`, the document's among them."""
        return self._places.sent

    def begin(self) -> None:
        """Count from a document's beginning; what waits goes before it."""
        self._places = Insertions()

    def put(self, data: bytes) -> None:
        """Say something after all that waits."""
        self._waiting = memoryview(bytes(self._waiting) + data)

    def flush(self) -> bool:
        """Give them to the device, as far as it takes them now; tell whether it has them all."""
        while self._waiting:
            count = self._port.write(self._waiting[: self._port.piece_bytes])
            self._places.own(count)
            self._waiting = self._waiting[count:]
            if not count:
                return False
        return True

    def drop(self) -> None:
        """Leave unsaid what waits."""
        self._waiting = memoryview(b"")

    def payload(self, count: int) -> None:
        """So many bytes of the document were taken by the device."""
        self._places.payload(count)

    def payload_at(self, device: int) -> int:
        """Return how many bytes of the document are among the first `device` bytes since `begin`."""
        return self._places.payload_at(device)
