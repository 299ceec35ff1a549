"""The wall: printers, jobs, and answers about them, as the console asks the spooler. Everything raises FabricError."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from chassis.client import Channels
from portui import fabric_convert as convert
from portui import fabric_printers
from portui.model import Job, Printer
from portui.model_answers import Attempt, Event, Explanation, Moment, Monitor
from portui.printer_rules import RULES
from printfabric.monitor.v1 import monitor_service_pb2
from printfabric.spooler.v1 import port_service_pb2 as ports_pb
from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub
from printfabric.types.v1 import job_pb2, ledger_pb2

_PIECE = 128 << 10
_PAGE = 100
_MOST_LATELY = 1000
_WHEN_AND_WHERE = ("number", "state", "outcome", "port", "attempts", "create_time", "start_time", "end_time")
# People wait for these; a document's upload takes as long as it takes.
_UPLOAD_S = 3600.0
_DECIDED = "decided at the console"


class Printing:
    """The spooler's printers and jobs. One instance per process."""

    def __init__(self, channels: Channels, address: str) -> None:
        channel = channels.get(address)
        self._jobs: Any = PrintServiceStub(channel)
        self._printers: Any = PrinterServiceStub(channel)
        self._ports: Any = PortServiceStub(channel)
        self._watch: Any = WatchServiceStub(channel)

    # --- asking

    async def explain(self, name: str) -> Explanation:
        """Say why `jobs/4711`, `printers/labels` or `hosts/edge-7/ports/COM1:` does not print."""
        return convert.explanation(await self._watch.Explain(watch_pb.ExplainRequest(name=name)))

    async def history(self, name: str, size: int = _PAGE) -> list[Event]:
        """Return what happened to a port or a printer, newest first."""
        request = watch_pb.ListHistoryRequest(parent=name, page_size=size)
        return [convert.event(one) for one in (await self._watch.ListHistory(request)).entries]

    async def acts(self, page: str = "", size: int = _PAGE) -> tuple[list[Event], str]:
        """Return a page of what people did, newest first, and the next page's token."""
        request = watch_pb.ListHistoryRequest(parent="-", page_size=size, page_token=page)
        answer = await self._watch.ListHistory(request)
        return [convert.event(one) for one in answer.entries], answer.next_page_token

    async def job(self, number: int) -> Job:
        """Return one job."""
        return convert.job((await self._jobs.GetJob(pb.GetJobRequest(name=f"jobs/{number}"))).job)

    async def jobs(
        self,
        *,
        printer: str = "",
        user: str = "",
        before: datetime | None = None,
        active: bool = False,
        undecided: bool = False,
        page: str = "",
    ) -> tuple[list[Job], str]:
        """Return a page of jobs, newest first, and the next page's token. before: accepted before that."""
        wanted = pb.JobFilter(
            printers=[f"printers/{printer}"] if printer else [], active_only=active, user=user
        )
        if before is not None:
            wanted.created_before.FromDatetime(before)
        if undecided:
            wanted.states.append(job_pb2.JOB_STATE_PENDING_HELD)
            wanted.outcomes.append(ledger_pb2.OUTCOME_UNKNOWN)
        answer = await self._jobs.ListJobs(
            pb.ListJobsRequest(filter=wanted, page_size=_PAGE, page_token=page)
        )
        return [convert.job(one) for one in answer.jobs], answer.next_page_token

    async def lately(self, printer: str, since: datetime) -> tuple[list[Job], bool]:
        """Return when and where a printer's newest jobs printed, of those accepted since a time; and whether these are all."""
        wanted = pb.JobFilter(printers=[f"printers/{printer}"])
        wanted.created_after.FromDatetime(since)
        request = pb.ListJobsRequest(filter=wanted, page_size=_MOST_LATELY)
        request.read_mask.paths.extend(_WHEN_AND_WHERE)
        answer = await self._jobs.ListJobs(request)
        return [convert.job(one) for one in answer.jobs], not answer.next_page_token

    async def attempts(self, number: int) -> list[Attempt]:
        """Return a job's attempts, first one first."""
        request = pb.ListAttemptsRequest(parent=f"jobs/{number}")
        return [convert.attempt(one) for one in (await self._jobs.ListAttempts(request)).attempts]

    async def events(self, number: int) -> list[Event]:
        """Return what happened to a job, oldest first."""
        request = pb.ListJobEventsRequest(parent=f"jobs/{number}")
        return [convert.event(one) for one in (await self._jobs.ListJobEvents(request)).events]

    async def document(self, number: int, most_bytes: int) -> bytes:
        """Return the beginning of a job's document."""
        found = bytearray()
        request = pb.ReadDocumentRequest(name=f"jobs/{number}", limit=most_bytes)
        async for piece in self._jobs.ReadDocument(request):
            found += piece.data
        return bytes(found)

    async def monitors(self, host: str = "-") -> list[Monitor]:
        """Return the port monitors of a host, or of all; language monitors own no ports."""
        answer = await self._ports.ListMonitors(ports_pb.ListMonitorsRequest(parent=f"hosts/{host}"))
        names = monitor_service_pb2.MonitorFunction
        return [
            Monitor(
                each.host.removeprefix("hosts/"),
                one.name,
                tuple(names.Name(number).removeprefix("MONITOR_FUNCTION_") for number in one.capabilities),
                one.version,
            )
            for each in answer.hosts
            for one in each.monitors
            if one.kind != monitor_service_pb2.MONITOR_KIND_LANGUAGE
        ]

    async def wire(self, name: str, *, mask: bool = False) -> AsyncIterator[Moment]:
        """Yield what passes through a port, what the recorder still holds first. The spooler writes down who looks."""
        request = ports_pb.TapPortRequest(name=name, include_recorded=True, mask=mask)
        async for message in self._ports.TapPort(request):
            yield convert.moment(message.moment)

    # --- jobs

    async def cancel(self, number: int) -> None:
        """End a job."""
        await self._jobs.CancelJob(pb.CancelJobRequest(name=f"jobs/{number}", reason="from the console"))

    async def hold(self, number: int) -> None:
        """Hold a job until it is released."""
        await self._jobs.HoldJob(pb.HoldJobRequest(name=f"jobs/{number}", reason="held from the console"))

    async def release(self, number: int) -> None:
        """Release a held job."""
        await self._jobs.ReleaseJob(pb.ReleaseJobRequest(name=f"jobs/{number}"))

    async def restart(self, number: int) -> None:
        """Print a job again from its beginning."""
        await self._jobs.RestartJob(pb.RestartJobRequest(name=f"jobs/{number}"))

    async def move(self, number: int, printer: str) -> None:
        """Move a job to another printer."""
        await self._jobs.MoveJob(pb.MoveJobRequest(name=f"jobs/{number}", printer=f"printers/{printer}"))

    async def set_priority(self, number: int, priority: int) -> None:
        """Give a waiting job another priority, 1 to 99."""
        request = pb.UpdateJobRequest(job=job_pb2.Job(name=f"jobs/{number}", priority=priority))
        request.update_mask.paths.append("priority")
        await self._jobs.UpdateJob(request)

    async def resume(self, number: int, unit: int, *, mark: bool = False) -> None:
        """Go on with a job at a unit, which gets a visible mark if that is wanted."""
        request = pb.ResumeJobRequest(name=f"jobs/{number}", unit=unit, mark=mark, reason=_DECIDED)
        await self._jobs.ResumeJob(request)

    async def reprint(
        self, number: int, units: tuple[int, int], request_id: str, *, mark: bool = False
    ) -> Job:
        """Print units (first, last) of a job again; return the new job that does it, the same for the same request."""
        request = pb.ReprintUnitsRequest(
            name=f"jobs/{number}", request_id=request_id, mark=mark, reason="from the console"
        )
        request.units.add(first=units[0], last=units[1])
        return convert.job((await self._jobs.ReprintUnits(request)).job)

    async def resolve(self, number: int, decisions: Sequence[tuple[int, int, str]]) -> None:
        """Decide about uncertain units: (first, last, "skip", "reprint" or "reprint_marked"); first 0: all of them."""
        request = pb.ResolveJobRequest(name=f"jobs/{number}", reason=_DECIDED)
        for first, last, what in decisions:
            one = request.decisions.add(
                decision=pb.UncertainDecision.Value(f"UNCERTAIN_DECISION_{what.upper()}")
            )
            if first:
                one.units.first, one.units.last = first, last
        await self._jobs.ResolveJob(request)

    async def submit(
        self, printer: str, title: str, pieces: AsyncIterator[bytes], request_id: str, size: int | None = None
    ) -> Job:
        """Upload a document piece by piece; the job is durable when this returns."""

        async def requests() -> AsyncIterator[pb.UploadJobRequest]:
            spec = pb.JobSpec(printer=f"printers/{printer}", document_name=title)
            yield pb.UploadJobRequest(begin=pb.UploadBegin(request_id=request_id, spec=spec, size_bytes=size))
            offset = 0
            async for data in pieces:
                for start in range(0, len(data), _PIECE):
                    piece = data[start : start + _PIECE]
                    yield pb.UploadJobRequest(offset=offset, data=piece)
                    offset += len(piece)
            yield pb.UploadJobRequest(offset=offset, finish=pb.UploadFinish(size_bytes=offset))

        return convert.job((await self._jobs.UploadJob(requests(), timeout=_UPLOAD_S)).job)

    # --- printers and ports

    async def pause_printer(self, name: str) -> None:
        """Stop scheduling."""
        request = printers_pb.PausePrinterRequest(name=f"printers/{name}", reason="from the console")
        await self._printers.PausePrinter(request)

    async def resume_printer(self, name: str) -> None:
        """Schedule again."""
        await self._printers.ResumePrinter(printers_pb.ResumePrinterRequest(name=f"printers/{name}"))

    async def pause_port(self, name: str) -> None:
        """Send a port no more jobs."""
        await self._ports.PausePort(ports_pb.PausePortRequest(name=name, reason="from the console"))

    async def resume_port(self, name: str) -> None:
        """Send it jobs again."""
        await self._ports.ResumePort(ports_pb.ResumePortRequest(name=name))

    async def printer(self, name: str) -> Printer:
        """Return a printer as it is at this moment."""
        request = printers_pb.GetPrinterRequest(name=f"printers/{name}")
        return fabric_printers.printer((await self._printers.GetPrinter(request)).printer)

    async def create_printer(self, name: str, settings: Printer) -> None:
        """Add a printer."""
        request = printers_pb.CreatePrinterRequest(
            printer_id=name, printer=fabric_printers.printer_message(settings)
        )
        await self._printers.CreatePrinter(request)

    async def update_printer(self, settings: Printer) -> None:
        """Change description, location, language, ports and rules, if nobody changed them meanwhile."""
        request = printers_pb.UpdatePrinterRequest(printer=fabric_printers.printer_message(settings))
        request.update_mask.paths.extend(["ports", "description", "location", "default_format"])
        request.update_mask.paths.extend(rule.name for rule in RULES)
        await self._printers.UpdatePrinter(request)

    async def delete_printer(self, name: str) -> None:
        """Delete a printer; its jobs print first."""
        await self._printers.DeletePrinter(printers_pb.DeletePrinterRequest(name=f"printers/{name}"))
