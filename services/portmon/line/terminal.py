"""Opening and closing a terminal, either of which the kernel may make last as long as `closing_wait`, 30 s.

It closes a line only when its output is sent, which of a line that is stopped it never is; and whoever opens it meanwhile waits,
whatever was said about blocking. Nobody here waits so long: what is not done yet is left to a thread.
"""

from __future__ import annotations

import errno
import os
import queue
import threading

from chassis import logs

_OPENS_WITHIN_S = 5.0
_CLOSES_WITHIN_S = 1.0
_OPEN = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
log = logs.get(__name__)


def open_terminal(device: str, flags: int = _OPEN, patience_s: float = _OPENS_WITHIN_S) -> int:
    """Open a line without waiting for it. Raises OSError; EBUSY: whoever had it last is still closing it."""
    opened: queue.SimpleQueue[int | OSError] = queue.SimpleQueue()
    late = threading.Lock()  # taken by whoever comes first: he who opened, or he who has waited long enough

    def run() -> None:
        found: int | OSError
        try:
            found = os.open(device, flags)
        except OSError as error:
            found = error
        if late.acquire(blocking=False):
            opened.put(found)
        elif isinstance(found, int):
            _close(found, device)

    threading.Thread(target=run, name=f"open-{device}", daemon=True).start()
    try:
        found = opened.get(timeout=patience_s)
    except queue.Empty:
        if late.acquire(blocking=False):
            text = "what was sent over it last is still on its way, for the line is stopped"
            raise OSError(errno.EBUSY, text, device) from None
        found = opened.get()
    if isinstance(found, OSError):
        raise found
    return found


def let_go(fd: int, device: str, patience_s: float = _CLOSES_WITHIN_S) -> None:
    """Close a line, and leave it to the kernel when that takes longer. Raises nothing."""
    closing = threading.Thread(target=_close, args=(fd, device), name=f"close-{device}", daemon=True)
    closing.start()
    closing.join(patience_s)
    if closing.is_alive():
        log.warning("line still closing: it is stopped, and has bytes", device=device)


def _close(fd: int, device: str) -> None:
    try:
        os.close(fd)
    except OSError as error:
        log.info("line gone when it was closed", device=device, why=str(error))
