"""A printer is a queue: its name, the ports it may use, and the rules for using them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from chassis.errors import InvalidArgument
from spooler.daily_window import Window

MAX_NAME = 127
_FORBIDDEN = frozenset(",/\\")  # the comma parts port lists, the slashes part resource names and Xcv names


class PortName(NamedTuple):
    """A port: the host that owns it and its name there, spelt as it was added. Text form `edge-7/COM1:`."""

    host: str
    port: str

    def __str__(self) -> str:
        return f"{self.host}/{self.port}"

    @property
    def before(self) -> str:
        """The name as it stands before what is said about it: with a colon, of which `COM1:` has its own."""
        return str(self) if self.port.endswith(":") else f"{self}:"

    @property
    def key(self) -> tuple[str, str]:
        """What two spellings of one port have in common: names compare whatever their case."""
        return self.host.casefold(), self.port.casefold()

    @classmethod
    def parse(cls, text: str) -> PortName:
        """Return the port of `edge-7/COM1:`, split at the first slash.

        Raises:
            InvalidArgument: no slash, or nothing before or after it.
        """
        host, slash, port = text.partition("/")
        if not (slash and host and port):
            raise InvalidArgument(f"not a port: {text!r}; it is written host/port", port=text)
        return cls(host, port)


class OnUncertain(StrEnum):
    """What happens to a job when nobody can say what of it came out."""

    HOLD = "hold"  # a person decides
    REPRINT_MARKED = "reprint_marked"  # from the uncertain unit on, with a visible mark
    SKIP = "skip"  # go on behind the uncertain span


class PoolOrder(StrEnum):
    """Which of several free ports takes the next job."""

    FIRST_AVAILABLE = "first_available"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"


class OnPortError(StrEnum):
    """What happens to a job whose port fails after bytes were accepted."""

    WAIT = "wait"
    REDIRECT_AFTER = "redirect_after"
    REDIRECT_NOW = "redirect_now"


class Prefetch(StrEnum):
    """When a document is brought to its host whole, so that a cut changes nothing on paper."""

    NEVER = "never"  # byte by byte, as the device takes it
    AUTO = "auto"  # where it is large and the host on another machine, if that has room
    ALWAYS = "always"  # before it is begun; it waits for room


class OnHostRestart(StrEnum):
    """What a host that restarts while it is cut off does with what was brought to it."""

    FINISH = "finish"  # it goes on where that is proven
    HOLD = "hold"  # it waits for the spooler


class Way(NamedTuple):
    """What a port is opened through: a language monitor, or none; one that does not speak passes everything through."""

    language: str = ""
    bidirectional: bool = True


STRAIGHT = Way()
# Kept among a printer's attributes when its language monitor shall not speak.
BIDIRECTIONAL, _OFF = "printfabric.bidirectional", "off"
# Kept there too: who declares it, as `kubernetes:print/labels`.
MANAGED_BY = "printfabric.managed-by"


class PortAvailability(StrEnum):
    """What the dispatcher knows of a port at this moment."""

    READY = "ready"
    PRINTING = "printing"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Paused(NamedTuple):
    """Who paused a printer or a port, when, and why."""

    by: str
    at: datetime
    reason: str = ""

    def __str__(self) -> str:
        return f"paused by {self.by}" + (f": {self.reason}" if self.reason else "")


class Limits(NamedTuple):
    """What a printer refuses; 0 is no limit."""

    max_document_bytes: int = 0
    max_waiting_jobs: int = 0


UNLIMITED = Limits()
_NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Printer:
    """One queue. Changed by `dataclasses.replace` and `Store.update_printer`; `revision` is the store's."""

    name: str
    ports: tuple[PortName, ...] = ()
    description: str = ""
    location: str = ""
    paused: Paused | None = None
    accepting: bool = True
    language_monitor: str = ""  # "" for none
    on_uncertain: OnUncertain = OnUncertain.HOLD
    pool_order: PoolOrder = PoolOrder.FIRST_AVAILABLE
    on_port_error: OnPortError = OnPortError.WAIT
    redirect_after_s: float = 0.0  # REDIRECT_AFTER only
    standby: frozenset[PortName] = frozenset()  # of the ports; used only while no other one can take a job
    redirect_across_monitors: bool = False  # a failed port's jobs may go to ports of other port monitors
    mark_redirected: bool = False  # "BACKUP FROM …" on what another port prints than the one that failed
    max_backlog_age_s: float | None = None  # an older backlog is held after an outage; None: never
    catch_up_per_minute: int = 0  # jobs a minute after an outage; 0: no limit
    window: Window | None = None  # when it prints
    prefetch: Prefetch = Prefetch.AUTO
    on_host_restart: OnHostRestart = OnHostRestart.FINISH
    print_while_spooling: bool = False  # begin before the whole document is here
    priority: int = 1  # against other printers on the same port, 1 to 99
    default_job_priority: int = 50
    keep_printed: bool = False
    limits: Limits = UNLIMITED
    attributes: Mapping[str, str] = field(
        default_factory=lambda: _NO_ATTRIBUTES
    )  # labels and settings of others; never interpreted here
    pending_deletion: bool = False
    created_at: datetime | None = None  # set by the store
    revision: int = 0  # rises with each change; 0: not stored yet

    @property
    def way(self) -> Way:
        """What its ports are opened through."""
        if not self.language_monitor:
            return STRAIGHT
        return Way(self.language_monitor, self.attributes.get(BIDIRECTIONAL) != _OFF)

    @property
    def minds_outages(self) -> bool:
        """What has waited through an outage is held, or leaves slowly."""
        return self.max_backlog_age_s is not None or self.catch_up_per_minute > 0

    @property
    def managed_by(self) -> str:
        """Who declares it, and alone changes or deletes it; "": anybody with the right to."""
        return self.attributes.get(MANAGED_BY, "")

    @property
    def etag(self) -> str:
        """Changes with each change of the printer."""
        return str(self.revision)


def check_name(name: str) -> None:
    """Raise InvalidArgument unless `name` may name a printer: 1 to 127 characters, no comma, slash, control."""
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidArgument(
            f"a printer's name has 1 to {MAX_NAME} characters, not {len(name)}", field="name"
        )
    bad = sorted({char for char in name if char in _FORBIDDEN or not char.isprintable()})
    if bad:
        raise InvalidArgument(f"a printer's name cannot contain {bad[0]!r}", field="name")
    if name != name.strip():
        raise InvalidArgument("a printer's name cannot begin or end with a space", field="name")


def first_available(
    ports: Sequence[PortName],
    state_of: Callable[[PortName], PortAvailability],
    excluded: Collection[PortName] = (),
) -> PortName | None:
    """Return the first port, in list order, that is neither printing nor failed nor excluded; None if all are.

    "The first available port" of Windows' printer pooling, whose documents leave the order open; here it is the list's.
    """
    for port in ports:
        if port not in excluded and state_of(port) is PortAvailability.READY:
            return port
    return None
