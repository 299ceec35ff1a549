"""The function table in Python: what a port monitor is. Read this first.

A monitor is plain blocking code. Each open port has a thread of its own (`session.py`), and all methods of `Port` are
called from it. They block nowhere but in `context.wait`, which cancel, close and lease expiry interrupt; device
descriptors are non-blocking. So a device that hangs never holds anything but its own document, and that not for long.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from chassis.errors import InvalidArgument, NotSupported
from portmon.binds_ports import BindsPorts
from portmon.device_errors import open_error, write_error
from portmon.device_wait import DeviceWait, drain
from portmon.devices.found import FoundDevice
from portmon.devices.tree import DeviceTree
from portmon.document import DocInfo, DocKey, Evidence
from portmon.errand import Errand
from portmon.facts import Fact
from portmon.host_values import HostValues, MonitorValues
from portmon.line_store import LineStore
from portmon.own_functions import Access, OwnFunctions, Power
from portmon.recorder import Recorder
from portmon.reports import Report
from portmon.setting_fields import seconds

__all__ = [  # what a monitor's file imports from here
    "Access", "LineStore", "MonitorInit", "OpenContext", "Port", "PortMonitor", "PortSettings", "Power", "Reporting", "drain",
    "open_error", "write_error",
]  # fmt: skip

WRITE_TIMEOUT = "A device that takes nothing for so long is reported as stuck; its document stays in it."
GRACE = "How long a document in progress waits for its spooler after the connection to it broke."


class PortSettings(BaseModel):
    """What a person may set about a port. One flat object; the same class feeds forms, checks, and `open_port`."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)

    write_timeout_s: float = seconds(45.0, "Write time-out", WRITE_TIMEOUT, most=86400)
    grace_s: float = seconds(30.0, "Grace time", GRACE, most=86400, zero=True)


S = TypeVar("S", bound=PortSettings)

# Who reports, all it has to report, and for how many seconds that counts.
Reporting = Callable[[str, Sequence[Report], float], None]


@dataclass(slots=True)
class OpenContext:
    """What a port gets from the one who opens it."""

    port: str
    wait: DeviceWait
    lines: LineStore
    received: Callable[[bytes], None] = field(default=lambda _: None)  # takes what came meanwhile
    report: Reporting = field(default=lambda *_: None)  # takes what the device says about itself
    recorder: Recorder | None = None  # notes what passes through; monitors need not know of it


class Port(ABC):
    """An acquired port. Attributes may be set by the class or by the instance.

    resumable: a byte pipe; after a crash the same attempt can go on at a proven offset.
    keeps: while the device is the same, what `write` took outlives this process; else what is acked less far_buffer_bytes.
    one_way: this opening can never be read, though its monitor's ports can be.
    readable: has a back channel now; may turn False, never True again within a document.
    piece_bytes: the most that is handed to one `write`, which bounds what a crash leaves in doubt.
    stall: why it stalls when it does: peer_window, xoff or device.
    write_error_is_exact: a failed write has taken nothing, so the offset stays known.
    withholds: nothing of the document has left this process yet, whatever `write` took of it.
    lost: the device is gone; nothing more can be done through this opening.
    write_timeout_s: how long the device may take nothing; SetPortTimeOuts changes it.
    far_buffer_bytes: acknowledged bytes that the far end may still lose when it breaks.
    acks: who says what is `acked`, beside what `end_doc` returns.
    runs_on: nothing parts documents but their own bytes: what one leaves unfinished lies before the next.
    shows_restart: a device that is switched off and on ends this opening, so that it cannot go unseen.
    """

    resumable: bool = False
    keeps: bool = False
    one_way: bool = False
    readable: bool = False
    piece_bytes: int = 65536
    stall: str = "device"
    write_error_is_exact: bool = True
    withholds: bool = False
    lost: bool = False
    write_timeout_s: float = 45.0
    far_buffer_bytes: int = 0
    acks: Evidence = Evidence.NONE
    runs_on: bool = False
    shows_restart: bool = False
    prompt: bool = False  # no call waits for anything but in `context.wait`: such ports' threads take turns

    @abstractmethod
    def fileno(self) -> int | None:
        """Return the descriptor to poll, or None when there is nothing to poll now."""

    @abstractmethod
    def start_doc(self, key: DocKey, info: DocInfo, resume_offset: int) -> None:
        """Make the device ready for a document (StartDocPort); all of `OpenPort`'s work is done already."""

    def close_before(self, closing: bytes) -> bytes:
        """Take what closes an earlier document, after `start_doc`; return what of it is to be written before all else."""
        return closing

    @abstractmethod
    def write(self, data: memoryview) -> int:
        """Give bytes to the driver and return how many it took; 0 when it takes none now. Never blocks."""

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes that the device sent, b"" when there are none now. Never blocks."""
        raise NotSupported("this port cannot be read")

    def signals(self) -> tuple[str, ...]:
        """Return the names of the line signals that are on (RTS, CTS, DTR, DSR, DCD, RI). Never fails."""
        return ()

    def control(self, code: int, data: bytes) -> bytes:
        """Pass a device control through (GetPrinterDataFromPort); may take seconds, in which nothing is written.

        What reads comes between two writes at the earliest, all else between documents.

        Raises:
            NotSupported, AccessDenied, InvalidArgument, DeviceFault: and why.
        """
        raise NotSupported("this port has no device controls")

    def printer_data(self, name: str) -> bytes:
        """Ask the printer for a value by its name (GetPrinterDataFromPort, control 0). Between documents alone.

        Raises:
            InvalidArgument: code 87, nobody here knows that value. DeadlineExceeded: the printer does not answer.
        """
        raise InvalidArgument(
            "a value by its name is asked of a language monitor", fields=[("control_id", "is 0")]
        )

    def maintain(self, what: str) -> None:
        """Let the printer look after itself: AlignHead, CleanHead. Between documents alone.

        Raises:
            NotSupported: it has no such command; and what the device says.
        """
        raise NotSupported(f"this port's printer has no command for {what}")

    def paused(self) -> bool:
        """Tell whether the device asks to wait although its descriptor is writable (DSR low)."""
        return False

    @abstractmethod
    def acked(self) -> int:
        """Return how many bytes since `start_doc` the far end's transport has. Never blocks, never fails."""

    def transmitted(self) -> int | None:
        """Return how many bytes since `start_doc` may have left this host, the last time they are asked for.

        None: nobody can tell, so it may be all that `write` took. Asked after `abort_doc`. Never blocks, never fails.
        """
        return None

    def facts(self) -> Mapping[str, Fact]:
        """Return what the device has told of itself, by path of the bidi schema. Any thread; never blocks, never fails."""
        return {}

    def confirmed(self) -> int:
        """Return how many of the bytes given to `write` since `start_doc` the printer itself said are out."""
        return 0

    def look_after(self) -> float | None:
        """Do what the device needs between documents; return when to be called again, s. None: not by itself."""
        return None

    @abstractmethod
    def end_doc(self) -> Evidence:
        """Flush, wait for what proof there is, and return it (EndDocPort).

        Raises:
            WriteTimeout: bytes are still on their way and made no progress; may be called again.
            DeviceFault and kin: the document is broken.
        """

    @abstractmethod
    def abort_doc(self, keep: bool) -> bool | None:
        """Stop at once. `keep` what a later attempt could go on with, else drop what can be dropped.

        Returns whether all that `write` took is, or will be, with the device; None when all of it is undone.
        """

    def recover(self, key: DocKey, accepted: int, intent: int) -> int | None:
        """Return how far an interrupted document really got, if anybody can tell; asked of `resumable` ports only."""
        return accepted if accepted >= intent else None

    @abstractmethod
    def close(self) -> None:
        """Release the device and restore what was changed about it (ClosePort). Never fails."""


@dataclass(frozen=True, slots=True)
class MonitorInit:
    """What a monitor gets when it is loaded (MONITORINIT)."""

    host: str
    sandbox: Path  # where file ports may write
    tree: DeviceTree = field(default_factory=DeviceTree)
    values: HostValues = field(default_factory=HostValues)  # what is the whole host's, by Windows' names
    own: MonitorValues = field(default_factory=MonitorValues)  # what the monitor keeps itself (MONITORREG)


class PortMonitor(BindsPorts, OwnFunctions, ABC, Generic[S]):
    """One type of port: a scheme, its settings, and how to open it. No global state; one instance per host process."""

    scheme: ClassVar[str]
    name: ClassVar[str]  # Windows' name, which several schemes may share
    description: ClassVar[str] = ""
    version: str = ""  # "": its distribution's
    readable: ClassVar[bool] = False
    talks: ClassVar[bool] = True  # there is a printer behind it, and no file
    net_attached: ClassVar[bool] = False
    controls: ClassVar[bool] = False  # its ports pass device controls through
    form: ClassVar[Mapping[str, Any]] = {}  # layout and presets for DescribeUI, beside the settings' schema
    settings: type[S]

    def __init__(self, init: MonitorInit) -> None:
        self.init = init

    def claims(self, port: str) -> bool:
        """Tell whether a port of this name is of this type, when only the Windows name was given."""
        return True

    def check(self, port: str, settings: S) -> None:
        """Refuse settings that cannot work with this port's name. Touches nothing.

        Raises:
            InvalidSettings, InvalidArgument: and why.
        """

    def check_name(self, port: str) -> None:
        """Refuse a name that no port of this type can have, whatever its settings. Touches nothing."""

    def private(self, port: str) -> bool:
        """Tell whether every opening is a port of its own, so that nobody ever holds it (`FILE:`)."""
        return False

    @abstractmethod
    def device(self, port: str, settings: S) -> str:
        """Name what hangs on the port: a path or an address."""

    def identity(self, port: str, settings: S) -> str:
        """Say which device it is, so that another one behind the same name is noticed. Opens nothing."""
        device = self.device(port, settings)
        try:
            found = Path(device).stat()
        except (OSError, ValueError):
            return device
        return f"{device} {found.st_dev}:{found.st_ino}:{found.st_rdev}"

    def tidy_up(self, port: str, settings: S, lines: LineStore) -> None:
        """Put right what a crashed process left changed about the device; called once at the start. Never fails."""

    @abstractmethod
    def open_port(self, port: str, settings: S, context: OpenContext) -> Port:
        """Acquire the port (OpenPort). Leaves nothing open when it raises.

        Raises:
            DeviceNotConnected, DeviceOffline, PortBusy, AccessDenied: and why.
        """

    def where(self, port: str, settings: S) -> str:
        """Name the device as people would write it down."""
        return self.device(port, settings)

    def probe(self, port: str, settings: S, errand: Errand) -> Mapping[str, Any]:
        """Find out who is there, without printing, where that is no matter of sending bytes and reading some.

        Returns `reached`, `language`, `model` and `text`, a sentence. Runs on a thread, waits in `errand.wait` alone.

        Raises:
            NotSupported: ask through the opened port.
        """
        raise NotSupported("nobody to ask but through the port")

    def devices(self) -> list[FoundDevice]:
        """Return what is there that ports of this type could be made for. Opens nothing; not for the event loop."""
        return []
