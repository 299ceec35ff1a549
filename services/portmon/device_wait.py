"""Where a port's thread waits: for its device or for a wake-up, and never for ever."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from portmon.turns import Turn

READ = select.POLLIN
WRITE = select.POLLOUT
HANGUP = select.POLLHUP | select.POLLERR | select.POLLNVAL
_SOON_MS = 1
# A device that answers sooner is waited for with the turn. One in the network needs longer, and others can begin meanwhile.
_NEAR_S = 0.0002
_LONGEST_S = 86_400.0  # poll() counts in an int's milliseconds; whoever waits longer waits again


class DeviceWait:
    """poll() over one device and one eventfd, so that cancel and close end any wait at once.

    One instance per port. `wait`, `pause` and `until` are called by the port's thread only; `wake` by any thread.
    `check` is called before each wait and after each wake-up; it raises what shall unwind the monitor's code
    (`JobCanceled`, `PortClosing`), which is how blocking device code is interrupted.
    """

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self.check, self.turn = check, Turn()
        self.in_line_s = 0.0  # waited behind a device for the turn, in all
        self._near = True  # the last wait was a short one
        self.idle = False  # the thread is, or is about to be, in poll(): a wake-up is needed
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC)

    def wake(self) -> None:
        """End the present or next wait."""
        os.eventfd_write(self._wake_fd, 1)

    def wait(self, fd: int | None, events: int, timeout_s: float | None) -> int:
        """Return the poll bits of `fd`, or 0 after `timeout_s` or a wake-up. None waits for a wake-up without limit."""
        self.check()
        found = self.poll(fd, events, timeout_s)
        self.check()
        return found

    def poll(self, fd: int | None, events: int, timeout_s: float | None) -> int:
        """Do the same without asking `check`."""
        if fd is None and timeout_s is None:  # between documents: one system call a wake-up, not two
            self.turn.give()
            os.eventfd_read(self._wake_fd)
            return 0
        poll = select.poll()
        poll.register(self._wake_fd, READ)
        if fd is not None:
            poll.register(fd, events)
        found = 0
        for ready, bits in self._poll(poll, None if timeout_s is None else _milliseconds(timeout_s)):
            if ready == self._wake_fd:
                os.eventfd_read(self._wake_fd)
            else:
                found = bits
        return found

    def _poll(self, poll: select.poll, timeout_ms: int | None) -> list[tuple[int, int]]:
        """Whoever waits keeps nobody waiting: a thread that has the turn gives it away meanwhile.

        Not for a device that was near the last time: another thread would hardly have begun.
        """
        if not self.turn.held:
            return poll.poll(timeout_ms)
        began = time.monotonic()
        if self._near and (timeout_ms is None or timeout_ms >= _SOON_MS):
            found = poll.poll(_SOON_MS)
            self._near = bool(found) and time.monotonic() - began < _NEAR_S
            if found or timeout_ms == _SOON_MS:
                return found
        self.turn.give()
        began = time.monotonic()
        try:
            return poll.poll(timeout_ms)
        finally:
            ended = time.monotonic()
            self._near = ended - began < _NEAR_S
            self.turn.take()
            self.in_line_s += time.monotonic() - ended

    def until_ready(self, fd: int, events: int, timeout_s: float) -> int:
        """Return the poll bits of `fd`, or 0 after `timeout_s`: a wake-up that `check` lets pass ends nothing."""
        deadline = time.monotonic() + timeout_s
        while True:
            # Looked at once more when the time is over: this process may have been stopped meanwhile.
            left = max(0.0, deadline - time.monotonic())
            found = self.wait(fd, events, left)
            if found or not left:
                return found

    def pause(self, seconds: float) -> None:
        """Sleep, but end early on a wake-up."""
        self.wait(None, 0, seconds)

    def until(self, done: Callable[[], bool], deadline: float) -> bool:
        """Ask `done` again and again, ever more slowly (1 to 50 ms), until it is true or `deadline` (monotonic) passed."""
        pause = 0.001
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.pause(min(pause, left))
            pause = min(pause * 1.5, 0.05)
        return True

    def close(self) -> None:
        """Free the eventfd."""
        os.close(self._wake_fd)


def _milliseconds(seconds: float) -> int:
    return int(min(max(0.0, seconds), _LONGEST_S) * 1000 + 0.999)


def polled(fd: int, events: int) -> int:
    """Return the poll bits of a descriptor as it is now."""
    poll = select.poll()
    poll.register(fd, events)
    return next((bits for _, bits in poll.poll(0)), 0)


def is_hung_up(fd: int) -> bool:
    """Tell whether the far end of a descriptor is gone."""
    return bool(polled(fd, 0))


def drain(wait: DeviceWait, pending: Callable[[], int], timeout_s: float) -> bool:
    """Wait until `pending()` is 0; False when it did not get smaller for `timeout_s`."""
    before, deadline = pending(), time.monotonic() + timeout_s
    while before > 0:
        if not wait.until(lambda was=before: pending() < was, deadline):  # type: ignore[misc]
            return False
        before, deadline = pending(), time.monotonic() + timeout_s
    return True
