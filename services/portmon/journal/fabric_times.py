"""What time it was at each fabric when it greeted this run of the port monitor. The host's own clock is nobody's witness."""

from __future__ import annotations

from collections import OrderedDict

_MOST = 1024


class FabricTimes:
    """Milliseconds since the epoch by fabric, each by the clock that dates the fabric's job ids."""

    def __init__(self) -> None:
        self._first: OrderedDict[str, int] = OrderedDict()

    def hear(self, fabric: str, ms: int) -> None:
        """Take a fabric's time. The first word counts: what this run began since then is in its journals."""
        self._first.setdefault(fabric, ms)
        while len(self._first) > _MOST:
            self._first.popitem(last=False)

    def get(self, fabric: str) -> int | None:
        """Return a fabric's time as it was first told; None: it never was."""
        return self._first.get(fabric)
