"""PostScript: pages where the document's structure shows them. Pure.

After Adobe's "PostScript Language Document Structuring Conventions 3.0" (TN 5001): a page begins at `%%Page:` and ends where
the next one, or the `%%Trailer`, begins. Documents in documents (%%BeginDocument) and counted data (%%BeginBinary,
%%BeginData) hide theirs. Without `%!PS-Adobe-` in front nothing is visible: what `showpage` does, only an interpreter knows.
"""

from __future__ import annotations

import re

CONFORMS = b"%!PS-Adobe-"
_COMMENT = re.compile(rb"[\r\n]%%(Page:|Trailer|BeginDocument|EndDocument|BeginBinary:|BeginData:)")
_LONGEST = 16  # bytes of a comment's name with what stands before it
_LINE = re.compile(rb"[^\r\n]{0,255}")
_COUNT = re.compile(rb" *(\d{1,10})([^\r\n]*)")


class DscPages:
    """Reads a conforming document."""

    def __init__(self) -> None:
        self.begun = False  # a page is open
        self.ends: list[int] = []
        self._depth = 0

    def read(self, buffer: bytes, start: int, stop: int, *, final: bool) -> int:
        """Read from `start` to `stop`; return how far it was read (more than there is: skip)."""
        self.ends = []
        position = start
        while True:
            found = _COMMENT.search(buffer, position, stop)
            if found is None:
                return stop if final else max(position, stop - _LONGEST)
            name = found[1]
            if name in (b"BeginBinary:", b"BeginData:"):
                line = _LINE.match(buffer, found.end(), stop)
                assert line is not None
                if line.end() == stop and len(line[0]) < 255 and not final:
                    return found.start()
                position = line.end() + _counted(name, line[0])
                if position >= stop:
                    return position
            else:
                self._comment(name, found.start() + 1)
                position = found.end()

    def _comment(self, name: bytes, at: int) -> None:
        if name == b"BeginDocument":
            self._depth += 1
        elif name == b"EndDocument":
            self._depth = max(0, self._depth - 1)
        elif self._depth == 0:
            if self.begun:
                self.ends.append(at)
            self.begun = name == b"Page:"


def _counted(name: bytes, line: bytes) -> int:
    """Return how many bytes of data follow; 0 where they are counted in lines."""
    found = _COUNT.match(line)
    if found is None or (name == b"BeginData:" and b"Lines" in found[2]):
        return 0
    return int(found[1])
