"""How many labels a ZPL document prints, and where each ends: only as far as can be told without being a printer."""

from __future__ import annotations

import re
from bisect import bisect_right

_TOKEN = re.compile(
    rb"\^(?:(XA)|(XZ)|PQ *(\d{1,8})(?!\d)|(DF)|(FD|FV|SN|G[BCDES]|IM|B[A-Z0-9])|(GF)[Aa]|(GF|XG|XF|IL|MC|C[CDT]))"
    rb"|(~C[CDT]|~DY)",
    re.IGNORECASE,
)
_LONGEST = 12
_MOST_MARKS = 65536


class Labels:
    """Counts while a document goes by. `sure`: nothing in it could make the count wrong."""

    def __init__(self) -> None:
        self.count = 0
        self.sure = True
        self._tail = b""
        self._seen = 0
        self._ends: list[tuple[int, int]] = []  # labels so far, payload offset
        self._copies, self._prints, self._stores = 1, False, False

    def look(self, data: memoryview) -> None:
        """Take the next piece."""
        text = self._tail + bytes(data)
        self._seen += len(data)
        self._tail = text[self._scan(text, len(text) - _LONGEST) :]

    def finish(self) -> None:
        """The document is over."""
        self._scan(self._tail, len(self._tail))
        self._tail = b""

    def _scan(self, text: bytes, limit: int) -> int:
        """Take the tokens that begin before `limit`; return where to go on."""
        done = max(0, limit)
        for found in _TOKEN.finditer(text):
            if found.start() >= limit:
                break
            self._token(found, self._seen - len(text) + found.end())
            done = max(done, found.end())
        return done

    def _token(self, found: re.Match[bytes], end: int) -> None:
        begins, ends, copies, stores, prints, ascii_graphic, unsure, control = found.groups()
        if begins:
            self._copies, self._prints, self._stores = 1, False, False
        elif ends:
            self._label(end)
        elif copies:
            self._copies = max(1, int(copies))
        elif stores:
            self._stores = True
        elif prints or ascii_graphic:
            self._prints = True
        elif unsure or control:  # stored formats, binary data, other prefixes: only a printer knows
            self.sure = False

    def _label(self, end: int) -> None:
        if self._prints and not self._stores:
            self.count += self._copies
            self._ends.append((self.count, end))
            if len(self._ends) >= _MOST_MARKS:
                del self._ends[::2]
        self._copies, self._prints, self._stores = 1, False, False

    def offset_of(self, printed: int) -> int:
        """Return up to which payload byte the first `printed` labels reach."""
        at = bisect_right(self._ends, (printed, 1 << 62))
        return self._ends[at - 1][1] if at else 0
