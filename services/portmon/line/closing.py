"""Closing a terminal, which the kernel does not do before its output is sent: for a line that is stopped, 30 s."""

from __future__ import annotations

import os
import threading

from chassis import logs

_PATIENCE_S = 0.5
log = logs.get(__name__)


def let_go(fd: int, device: str, patience_s: float = _PATIENCE_S) -> None:
    """Close a line, and leave it to the kernel when that takes longer (`closing_wait`). Raises nothing."""
    closing = threading.Thread(target=_close, args=(fd, device), name=f"close-{device}", daemon=True)
    closing.start()
    closing.join(patience_s)
    if closing.is_alive():
        log.warning("line still closing: it is stopped, and its adapter has bytes", device=device)


def _close(fd: int, device: str) -> None:
    try:
        os.close(fd)
    except OSError as error:
        log.info("line gone when it was closed", device=device, why=str(error))
