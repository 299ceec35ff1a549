"""The roll and the ribbon of a printer: how many units are left on each."""

from __future__ import annotations

from printfabric_sim.condition import Condition


class Supplies:
    """Counts down with every unit that leaves. None is endless."""

    def __init__(self) -> None:
        self.media_left: int | None = None
        self.media_loaded: int | None = None
        self.ribbon_left: int | None = None
        self.ribbon_loaded: int | None = None

    def load_media(self, units: int | None, left: int | None = None) -> None:
        """Put in a roll for so many units; of one that has been used before, some are left."""
        self.media_loaded, self.media_left = units, _left(units, left)

    def load_ribbon(self, units: int | None, left: int | None = None) -> None:
        """Put in a ribbon for so many units; of one that has been used before, some are left."""
        self.ribbon_loaded, self.ribbon_left = units, _left(units, left)

    @property
    def ribbon_percent(self) -> int:
        """How much of the ribbon is left, rounded up; an endless one is always full."""
        if self.ribbon_left is None or not self.ribbon_loaded:
            return 100
        return -(-100 * self.ribbon_left // self.ribbon_loaded)

    def used(self) -> list[Condition]:
        """One unit has left; return what has run empty with it."""
        empty: list[Condition] = []
        if self.media_left is not None:
            self.media_left = max(0, self.media_left - 1)
            empty += [Condition.MEDIA_OUT] if self.media_left == 0 else []
        if self.ribbon_left is not None:
            self.ribbon_left = max(0, self.ribbon_left - 1)
            empty += [Condition.RIBBON_OUT] if self.ribbon_left == 0 else []
        return empty

    def renew(self, condition: Condition) -> None:
        """What had run empty has been seen to: the same roll again, an endless ribbon."""
        if condition is Condition.MEDIA_OUT and self.media_left == 0:
            self.media_left = self.media_loaded
        if condition is Condition.RIBBON_OUT and self.ribbon_left == 0:
            self.load_ribbon(None)


def _left(units: int | None, left: int | None) -> int | None:
    return units if units is None or left is None else min(units, left)
