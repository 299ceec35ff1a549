"""What the API asks of the rooms behind it: dispatcher, steering, hosts. Interfaces belong to their consumer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from chassis.errors import FabricError
from spooler.book import Book
from spooler.dispatch_view import JobWait, LaneView, NotWritten
from spooler.explain.facts import PATIENT, Patience
from spooler.flight import Flight
from spooler.hosts import HostInfo
from spooler.hub import Hub
from spooler.job import Attempt, Job
from spooler.ledger import UnitSpan
from spooler.new_job import Duplicate, NewJob
from spooler.port import DataQuestion
from spooler.port_info import PortInfo
from spooler.printer import Paused, PortName, Printer
from spooler.printer_steering import AtHost
from spooler.remote_xcv import XcvAnswer
from spooler.reprinting import Asking
from spooler.unit_plan import Decision
from spooler.while_spooling import WhileSpooling


class Link(Protocol):
    """The management side of one host (`spooler.remote_xcv.RemoteXcv`)."""

    async def open(self, *, port: str = "", monitor: str = "", access: int, who: str) -> bytes:
        """Open a management session."""

    async def data(
        self,
        handle: bytes,
        data_name: str,
        input_data: bytes = b"",
        max_output_bytes: int | None = None,
        request_id: str = "",
    ) -> XcvAnswer:
        """Execute one command."""

    def stream(
        self, handle: bytes, data_name: str, input_data: bytes = b"", request_id: str = ""
    ) -> AsyncIterator[Any]:
        """Execute a long command; yields the host's messages."""

    async def close(self, handle: bytes) -> None:
        """Close a management session."""

    async def bidi(self, port: str, request: Any, access: int, request_id: str) -> Any:
        """Ask what is known of the device on a port; the host's message."""

    async def set_port(self, port: str, status: Any) -> PortInfo:
        """Keep what somebody says about a port; the host's own word about the port then."""

    def tap(self, port: str, request: Any, who: str) -> AsyncIterator[Any]:
        """Yield what passes through a port; the host's messages, asked for as the caller asked."""

    async def monitors(self) -> Sequence[Any]:
        """Return the host's monitors as it tells of them (`printfabric.monitor.v1.Monitor`)."""


class HostList(Protocol):
    """Which hosts there are, and their ports; names compare whatever their case."""

    def all(self) -> Sequence[HostInfo]:
        """Return all hosts."""

    def get(self, name: str) -> HostInfo | None:
        """Return a host."""

    def ports(self, host: str = "") -> Sequence[PortInfo]:
        """Return the ports of all hosts or of one."""

    def port(self, name: PortName) -> PortInfo | None:
        """Return a port."""

    def heard(self, port: PortInfo) -> None:
        """Take a host's word about a port that came as an answer."""


class Dispatch(Protocol):
    """What is printing and what waits."""

    @property
    def book(self) -> Book:
        """Unfinished jobs and the printers."""

    @property
    def while_spooling(self) -> WhileSpooling:
        """Jobs that are begun before their documents have come whole."""

    @property
    def paused_ports(self) -> Mapping[tuple[str, str], Paused]:
        """Ports that people paused, by key."""

    async def submit(self, new_jobs: Sequence[NewJob]) -> list[Job | Duplicate | FabricError]:
        """Accept jobs, durably. Raises SpoolFull, StoreUnavailable: none was accepted."""

    def jobs_ahead(self, job: Job) -> int:
        """Return how many jobs its printer will send before it."""

    def wait_of(self, job: Job) -> JobWait:
        """Return what a waiting job waits for beside ports and the jobs before it."""

    def flight_of(self, number: int) -> tuple[object, Flight] | None:
        """Return the flight of a job that is on its way, behind its lane."""

    @property
    def unwritten(self) -> Callable[[int], NotWritten | None]:
        """Tells of a job, by its number, what keeps its outcome from being written down."""

    def lane_view(self, port: PortName) -> LaneView | None:
        """Return what is known of a port in use."""

    async def printer_data(self, printer: Printer, port: PortName, question: DataQuestion) -> bytes:
        """Ask what hangs on a port for data, the way the printer's documents go."""


class Steers(Protocol):
    """What people do to jobs: durable on return, audited, published. They raise FabricErrors."""

    async def cancel(self, number: int, who: str, reason: str = "") -> Job:
        """End a job."""

    async def hold(self, number: int, who: str, reason: str = "") -> Job:
        """Hold a job."""

    async def release(self, number: int, who: str, reason: str = "") -> Job:
        """Release a job."""

    async def restart(self, number: int, who: str, mark: bool = False, reason: str = "") -> Job:
        """Print a job again."""

    async def move(self, number: int, printer: str, who: str, reason: str = "") -> Job:
        """Move a job."""

    async def update(self, number: int, who: str, reason: str = "", **fields: Any) -> Job:
        """Change fields of a job."""

    async def resume(self, number: int, who: str, offset: int, mark: bool = False, reason: str = "") -> Job:
        """Go on with a job at a byte."""

    async def resume_at_unit(
        self, number: int, who: str, unit: int, mark: bool = False, reason: str = ""
    ) -> Job:
        """Go on with a job at a unit."""

    async def resolve_units(
        self, number: int, who: str, decisions: Sequence[Decision], reason: str = ""
    ) -> Job:
        """Decide about what is uncertain."""

    async def reprint(
        self, number: int, asking: Asking, units: Sequence[UnitSpan], mark: bool = False
    ) -> Job:
        """Print units of a job again, as a new job."""

    async def counted(self, job: Job) -> Job:
        """Return a job that waits for a decision with its units, if they are counted soon."""

    async def in_units(self, job: Job, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Return attempts whose ledgers speak of units, where the document can be read for them."""


class PrinterSteers(Protocol):
    """What people do to printers and ports; as `Steers`."""

    async def create_printer(self, printer: Printer, who: str, request_id: str = "") -> Printer:
        """Add a printer."""

    async def update_printer(self, printer: Printer, who: str, etag: str = "", reason: str = "") -> Printer:
        """Change a printer."""

    async def delete_printer(
        self, name: str, who: str, etag: str = "", cancel_jobs: bool = False, reason: str = ""
    ) -> Printer | None:
        """Delete a printer; returned when it is only pending."""

    async def pause_printer(self, name: str, who: str, reason: str = "") -> Printer:
        """Pause a printer."""

    async def resume_printer(self, name: str, who: str, reason: str = "") -> Printer:
        """Resume a printer."""

    async def purge_printer(
        self, name: str, who: str, include_current: bool = False, reason: str = ""
    ) -> int:
        """Cancel a printer's jobs."""

    async def pause_port(self, port: PortName, who: str, reason: str = "") -> None:
        """Send a port no more jobs."""

    async def resume_port(self, port: PortName, who: str, reason: str = "") -> None:
        """Send a port jobs again."""

    async def note_port(self, port: PortName | None, who: str, what: str, detail: str = "") -> None:
        """Write down what somebody did with a port, or with something else that `detail` names."""

    def at_host(
        self, port: PortName | None, who: str, what: str, detail: str = ""
    ) -> AbstractAsyncContextManager[AtHost]:
        """Have something done at a host inside this context, with a line that no crash takes away."""


class Inside(NamedTuple):
    """The rooms, as every servicer gets them."""

    dispatch: Dispatch
    steering: Steers
    printers: PrinterSteers
    hosts: HostList
    xcv: Callable[[str], Link]  # the way to a host's configuration; raises PortNotFound for an unknown host
    hub: Hub
    fabric_id: str
    patience: Patience = PATIENT  # of explanations
