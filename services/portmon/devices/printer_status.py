"""What a printer on a class driver says of itself by the three lines of a parallel port (LPGETSTATUS), and when it is asked.

The numbers are those of linux/lp.h, and Windows' in usbprint.h; a USB printer answers in the same form (PORT_STATUS of the
printer class). A request may take seconds, and usblp lets no write begin meanwhile: so it has a thread of its own, and who
writes sees by `asking` that it had better wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait

from portmon.reports import Condition, Report, Severity

REPORTER = "lpt-status"
_PAPER_OUT, _SELECTED, _NO_ERROR = 0x20, 0x10, 0x08
_WELL = _SELECTED | _NO_ERROR
_LINES = _PAPER_OUT | _WELL
_STALLED_S = 1.0  # bytes wait for so long before it is asked why, and then so often
_TROUBLE_S = 1.0  # how often it is asked while its word keeps jobs away
_IDLE_S = 30.0
_COUNTS_S = 90.0  # how long an answer counts that is not repeated
_BRIEFLY_S = 0.3  # that the end waits for an answer

# Begins a question on a thread of its own; the answer is GET_LPT_STATUS's, a DWORD.
Asking = Callable[[], Future[bytes]]
Telling = Callable[[str, Sequence[Report], float], None]


class PrinterStatus:
    """What one printer says; belongs to its port's thread. `first`: its answer when the port was opened."""

    def __init__(self, first: bytes, begin: Asking, tell: Telling) -> None:
        self._begin, self._tell = begin, tell
        self._question: Future[bytes] | None = None
        self._asked_at = time.monotonic()
        self._moves = False  # it has been seen to say that all is well
        self._told: Report | None = None
        self._take(first, stalls=False)

    @property
    def asking(self) -> bool:
        """Whether a question is under way."""
        return self._question is not None and not self._question.done()

    @property
    def in_trouble(self) -> bool:
        """Whether its last word keeps jobs from the port."""
        return self._told is not None and self._told.severity is Severity.ERROR

    def ask(self) -> Future[bytes]:
        """Ask now; none is under way."""
        self._asked_at, self._question = time.monotonic(), self._begin()
        return self._question

    def idle(self) -> float:
        """Look between documents; return when to look again, s. Never blocks, never fails."""
        return self._look(_TROUBLE_S if self.in_trouble else _IDLE_S, stalls=False)

    def writing(self, stalled_s: float) -> None:
        """Look in a document: for so long bytes wait that the printer does not take. Never blocks, never fails."""
        stalls = stalled_s >= _STALLED_S
        if stalls or self.in_trouble or self._question is not None:
            self._look(_STALLED_S, stalls=stalls)

    def _look(self, pause_s: float, *, stalls: bool) -> float:
        question = self._question
        if question is not None and question.done():
            self._question = None
            self._take(question.result() if question.exception() is None else None, stalls=stalls)
        left = self._asked_at + pause_s - time.monotonic()
        if left > 0:
            return min(left, _TROUBLE_S) if self.asking else left
        if self._question is None:
            self.ask()
        return _TROUBLE_S

    def close(self) -> None:
        """Nobody asks any more, and what was said counts no more."""
        if self._question is not None:
            wait([self._question], _BRIEFLY_S)  # while it is under way, the node is open
        if self._told is not None:
            self._tell(REPORTER, [], 0.0)

    def _take(self, answer: bytes | None, *, stalls: bool) -> None:
        """Report what it says; None: it did not answer, so nothing is known."""
        lines = _WELL if answer is None else answer[0] & _LINES
        self._moves = self._moves or (answer is not None and lines == _WELL)
        said = meaning(lines, sure=stalls, moves=self._moves)
        if said is not None or self._told is not None:
            self._tell(REPORTER, [] if said is None else [said], _COUNTS_S)
        self._told = said


def meaning(lines: int, *, sure: bool, moves: bool) -> Report | None:
    """Return what a printer says by its lines; None: all is well.

    Not every printer sets them truly. An error keeps jobs from the port, and so it takes one that takes nothing meanwhile
    (`sure`), or no paper at a printer that has been seen to say that all is well (`moves`); a printer that is not selected
    may only be asleep.
    """
    if lines & _PAPER_OUT:
        severity = Severity.ERROR if sure or moves else Severity.WARNING
        return Report(Condition.PAPER_OUT, severity, "out of paper")
    severity = Severity.ERROR if sure else Severity.WARNING
    if not lines & _SELECTED:
        return Report(Condition.OFFLINE, severity, "the printer says that it is off line")
    if not lines & _NO_ERROR:
        return Report(Condition.USER_INTERVENTION, severity, "the printer says that it has an error")
    return None
