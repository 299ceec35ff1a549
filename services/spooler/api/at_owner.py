"""Servicers whose calls about a printer are answered by the spooler that owns it. Only where several share a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

from google.protobuf.message import Message

from chassis.errors import FabricError, Overloaded
from printfabric.spooler.v1 import port_service_pb2 as port_pb
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printer_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from spooler.api.inside import Dispatch
from spooler.api.job_finder import JobFinder
from spooler.api.looking import Looking
from spooler.api.names import port_of, printer_of


class Owners(Protocol):
    """The way to other spoolers (`spooler.replicas.asking.Asking`)."""

    methods: dict[str, Callable[[bytes], Awaitable[bytes]]]

    def is_mine(self, printer: str) -> bool:
        """Say whether this spooler answers for a printer."""

    async def ask(self, method: str, printer: str, request: bytes) -> bytes | None:
        """Return what a printer's owner answers; None: it is this spooler."""


class _Way(NamedTuple):
    """One method: which field of its request names a thing of which kind, and the messages' classes."""

    field: str
    kind: str  # "" : the name says
    request: type[Message]
    response: type[Message]

    def about(self, request: Any) -> str:
        """Return the name of what a request is about."""
        for part in self.field.split("."):
            request = getattr(request, part)
        return str(request)


def _ways(module: Any, field: str, kind: str, *methods: str) -> dict[str, _Way]:
    return {
        name: _Way(field, kind, getattr(module, f"{name}Request"), getattr(module, f"{name}Response"))
        for name in methods
    }


_STEERING = (
    "CancelJob",
    "HoldJob",
    "ReleaseJob",
    "RestartJob",
    "MoveJob",
    "ResumeJob",
    "ResolveJob",
    "ReprintUnits",
)
WAYS: Mapping[str, _Way] = {
    **_ways(print_pb, "name", "jobs", *_STEERING),
    **_ways(print_pb, "job.name", "jobs", "UpdateJob"),
    **_ways(printer_pb, "name", "printers", "DeletePrinter", "PausePrinter", "ResumePrinter", "PurgePrinter"),
    **_ways(printer_pb, "name", "printers", "GetPrinterData"),
    **_ways(printer_pb, "printer.name", "printers", "UpdatePrinter"),
    **_ways(port_pb, "name", "hosts", "PausePort", "ResumePort"),
    **_ways(watch_pb, "name", "", "Explain"),
}


class AtOwner:
    """`servicer`, with the methods of WAYS answered by the owner of what they are about."""

    def __init__(
        self, servicer: Any, owners: Owners, finder: JobFinder, looking: Looking, dispatch: Dispatch
    ) -> None:
        self._servicer = servicer
        self._owners = owners
        self._finder = finder
        self._looking = looking
        self._dispatch = dispatch
        for name, way in WAYS.items():
            if hasattr(type(servicer), name):
                owners.methods[name] = self._for_others(getattr(servicer, name), way)
                setattr(self, name, self._routed(name, getattr(servicer, name), way))

    def __getattr__(self, name: str) -> Any:
        """Return what needs no owner."""
        return getattr(self._servicer, name)

    def _routed(self, name: str, behaviour: Any, way: _Way) -> Callable[[Any, Any], Awaitable[Any]]:
        async def routed(request: Any, context: Any) -> Any:
            printer = await self._printer(way.kind, way.about(request))
            if printer and not self._owners.is_mine(printer):
                answer = await self._owners.ask(name, printer, request.SerializeToString())
                if answer is not None:
                    return way.response.FromString(answer)
            return await behaviour(request, context)

        return routed

    @staticmethod
    def _for_others(behaviour: Any, way: _Way) -> Callable[[bytes], Awaitable[bytes]]:
        async def answered(data: bytes) -> bytes:
            response: Message = await behaviour(way.request.FromString(data), None)
            return response.SerializeToString()

        return answered

    async def _printer(self, kind: str, name: str) -> str:
        """Return the printer that a name is about; "" for none, or for a name that the method itself refuses. Raises Overloaded."""
        kind = kind or name.partition("/")[0]
        try:
            if kind == "jobs" or kind.isdecimal():
                return (await self._finder.find_in_turn(name, self._looking)).printer
            if kind == "printers":
                return printer_of(name)
            users = self._dispatch.book.users.get(port_of(name).key, ()) if kind != "uploads" else ()
        except Overloaded:
            raise
        except FabricError:
            return ""
        return users[0] if users else ""
