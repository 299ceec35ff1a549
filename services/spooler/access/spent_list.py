"""What must not be used again, by name, until it would run out by itself: durable, and one list for all spoolers of a store."""

from __future__ import annotations

import json
import time
from typing import Any

from chassis.errors import EtagMismatch
from spooler.store import Notes

_FRESH_S = 5.0  # how long what others wrote may be unknown here
_MOST = 10_000  # names; the ones that run out first go
_TRIES = 50


class SpentList:
    """Names and when they run out, in seconds since 1970; kept in one note of the store."""

    def __init__(self, notes: Notes, note: str) -> None:
        self._notes = notes
        self._note = note
        self._known: dict[str, int] = {}
        self._looked = float("-inf")

    async def has(self, name: str) -> bool:
        """Say whether a name is on the list; what another spooler wrote is seen within 5 s."""
        now = time.monotonic()
        if now - self._looked >= _FRESH_S:
            self._looked = now
            self._known = _living(await self._notes.get_note(self._note))
        return name in self._known

    async def add(self, name: str, expires: int) -> bool:
        """Put a name on the list, durably; return False if it is there already.

        Raises:
            EtagMismatch: many write at once; try again.
            StoreUnavailable: it is not written.
        """
        for _ in range(_TRIES):
            kept = await self._notes.get_note(self._note)
            known = _living(kept)
            if name in known:
                return False
            known[name] = expires
            latest = sorted(known, key=known.__getitem__)[-_MOST:]
            value = json.dumps({one: known[one] for one in latest})
            try:
                await self._notes.put_note(self._note, value, kept)
            except EtagMismatch:
                continue  # somebody else wrote in this moment
            self._known = known
            return True
        raise EtagMismatch(f"{self._note}: too many at once; try again")


def _living(kept: str | None) -> dict[str, int]:
    """Return what would still be good."""
    known: dict[str, Any] = json.loads(kept) if kept else {}
    now = time.time()
    return {name: expires for name, expires in known.items() if expires > now}
