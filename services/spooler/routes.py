"""Which ports one job may use: those that have just refused it come last, and a job that is half on paper stays.

A port's place is taken by ports of the same port monitor, unless the printer's rules allow others. A monitor that is
not known, since its host has not told of the port yet, keeps nobody away.

In memory only: after a restart all ports are tried anew, and what is half on paper begins to wait for its port anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from spooler.job import Job, Segment
from spooler.printer import OnPortError, PortName, Printer

Key = tuple[str, str]


class Backup(NamedTuple):
    """All of a job, with a mark that says whose place the port took, should it print elsewhere."""

    failed: Key  # the port whose place is taken
    segment: Segment


class Routes:
    """What the last attempts of waiting jobs have taught. `alive` says whether a port works, as far as is known."""

    def __init__(self, alive: Callable[[PortName], bool]) -> None:
        self._alive = alive
        self.monitor_of: Callable[[PortName], str] = lambda _port: ""  # the hosts': the port monitor's name
        self._refused: dict[int, set[Key]] = {}
        self._first: dict[int, PortName] = {}  # job -> the first port that failed it
        self._left: dict[int, float] = {}  # job -> when its port failed, loop time
        self.backups: dict[int, Backup] = {}

    def failed(self, number: int, port: PortName, now: float) -> None:
        """A port has failed a job."""
        self._refused.setdefault(number, set()).add(port.key)
        self._first.setdefault(number, port)
        self._left[number] = now

    def forget(self, number: int) -> None:
        """A job has ended, or begins anew."""
        self._refused.pop(number, None)
        self._first.pop(number, None)
        self._left.pop(number, None)
        self.backups.pop(number, None)

    def in_place_of(self, port: PortName, printer: Printer) -> Sequence[PortName]:
        """Return the ports that may take a port's jobs when it fails, itself among them."""
        monitor = self.monitor_of(port)
        if printer.redirect_across_monitors or not monitor:
            return printer.ports
        same = (monitor, "")
        return [one for one in printer.ports if one in printer.standby or self.monitor_of(one) in same]

    def kept_from(self, job: Job, printer: Printer) -> Collection[PortName]:
        """Return the ports of its printer that a job may not use, since another monitor's has failed it."""
        bound = self._home(job, printer) or self._first.get(job.number)
        if bound not in printer.ports:
            return ()
        return set(printer.ports).difference(self.in_place_of(bound, printer))

    def picky(self, job: Job, printer: Printer) -> bool:
        """Whether other jobs may find a port where this one does not."""
        bound = job.number in self._refused or _is_half_printed(job) or bool(self.kept_from(job, printer))
        return len(printer.ports) > 1 and bound

    def allowed(self, job: Job, printer: Printer, now: float) -> Collection[PortName] | None:
        """Return the ports that a job may use now; None: all of the printer's."""
        if not self.picky(job, printer):
            return None
        home = self._home(job, printer)
        if home is not None and self.waits_for_home(job, printer, now) is not None:
            return (home,)
        refused, kept_from = self._refused.get(job.number, set()), self.kept_from(job, printer)
        may = [port for port in printer.ports if port not in kept_from]
        others = [port for port in may if port.key not in refused]
        if any(self._alive(port) for port in others):
            return others
        self._refused.pop(job.number, None)  # none is left: all are tried again
        return may

    def waits_for_home(self, job: Job, printer: Printer, now: float) -> float | None:
        """Return until when (loop time) a half printed job waits for its own port; None: it may go elsewhere."""
        home = self._home(job, printer)
        if home is None or job.number in self.backups:
            return None
        if printer.on_port_error is OnPortError.WAIT or self._alive(home):
            return float("inf")
        if len(self.in_place_of(home, printer)) == 1:
            return float("inf")
        if printer.on_port_error is OnPortError.REDIRECT_NOW:
            return None
        until = self._left.setdefault(job.number, now) + printer.redirect_after_s
        return until if until > now else None

    @staticmethod
    def _home(job: Job, printer: Printer) -> PortName | None:
        if not _is_half_printed(job) or job.port is None:
            return None
        return next((port for port in printer.ports if port.key == job.port.key), None)


def _is_half_printed(job: Job) -> bool:
    return bool(job.rest or job.resume_offset)
