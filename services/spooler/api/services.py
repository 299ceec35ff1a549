"""All services of a spooler, put together for its server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from printfabric.spooler.v1 import access_service_pb2_grpc as access_grpc
from printfabric.spooler.v1 import alert_service_pb2_grpc as alert_grpc
from printfabric.spooler.v1 import port_service_pb2_grpc as port_grpc
from printfabric.spooler.v1 import print_service_pb2_grpc as print_grpc
from printfabric.spooler.v1 import printer_service_pb2_grpc as printer_grpc
from printfabric.spooler.v1 import registry_service_pb2_grpc as registry_grpc
from printfabric.spooler.v1 import watch_service_pb2_grpc as watch_grpc
from printfabric.spooler.v1 import winspool_service_pb2_grpc as winspool_grpc
from spooler.access.sign_in import SignIn
from spooler.acknowledging import Acknowledgements
from spooler.api.access_servicer import AccessServicer
from spooler.api.alert_servicer import AlertServicer
from spooler.api.at_owner import AtOwner, Owners
from spooler.api.declared import Declared
from spooler.api.inside import Inside
from spooler.api.job_finder import JobFinder
from spooler.api.look import Look
from spooler.api.looking import Looking
from spooler.api.port_servicer import PortServicer
from spooler.api.port_use import PortUse
from spooler.api.print_servicer import PrintServicer
from spooler.api.printer_news import PrinterNews
from spooler.api.printer_servicer import PrinterServicer
from spooler.api.printer_verdicts import PrinterVerdicts
from spooler.api.registry_servicer import RegistryServicer
from spooler.api.submission import Submission
from spooler.api.uploads import Uploads
from spooler.api.watch_servicer import WatchServicer
from spooler.api.winspool.servicer import WinspoolServicer
from spooler.dial_in.arrivals import DialIn
from spooler.managed import ManagedPorts
from spooler.metrics import SpoolerMetrics
from spooler.new_job import Upload
from spooler.store import Store

_PACKAGE = "printfabric.spooler.v1"


class Services:
    """The servicers, and what they share.

    Args:
        known_uploads: uploads that the last run left.
        owners: the way to other spoolers that share the store.
    """

    def __init__(
        self,
        store: Store,
        inside: Inside,
        metrics: SpoolerMetrics,
        sign_in: SignIn,
        dial_in: DialIn,
        known_uploads: Iterable[Upload] = (),
        owners: Owners | None = None,
    ) -> None:
        looking, managed = Looking(), ManagedPorts(store)
        submission = Submission(inside.dispatch, store, metrics, looking)
        look, use = Look(inside, managed), PortUse(inside.dispatch, managed)
        self.uploads = Uploads(store, submission, known_uploads)
        self._print = PrintServicer(store, inside, submission, self.uploads, looking)
        self._hub, self.verdicts = inside.hub, PrinterVerdicts(inside.dispatch.book, look)
        self.printer_news = PrinterNews(inside.hub, inside.dispatch.book, look)
        ports, printers = PortServicer(inside, look, use), PrinterServicer(inside, look, use)
        watch = WatchServicer(store, inside, look, self.uploads, self.verdicts, looking)
        prints: Any = self._print
        if owners is not None:
            way = owners, JobFinder(store, inside.dispatch), looking, inside.dispatch
            all_four = (prints, printers, ports, watch)
            prints, printers, ports, watch = (cast(Any, AtOwner(one, *way)) for one in all_four)
        self.declared = Declared(printers, ports, managed, inside.hosts, inside.dispatch.book)
        registry, alerts = RegistryServicer(store, dial_in), AlertServicer(Acknowledgements(store))
        winspool = WinspoolServicer(inside, use, ports, printers, prints)
        served: dict[str, tuple[Any, Any]] = {
            "PrintService": (print_grpc.add_PrintServiceServicer_to_server, prints),
            "PrinterService": (printer_grpc.add_PrinterServiceServicer_to_server, printers),
            "PortService": (port_grpc.add_PortServiceServicer_to_server, ports),
            "WatchService": (watch_grpc.add_WatchServiceServicer_to_server, watch),
            "RegistryService": (registry_grpc.add_RegistryServiceServicer_to_server, registry),
            "WinspoolService": (winspool_grpc.add_WinspoolServiceServicer_to_server, winspool),
            "AlertService": (alert_grpc.add_AlertServiceServicer_to_server, alerts),
            "AccessService": (access_grpc.add_AccessServiceServicer_to_server, AccessServicer(sign_in)),
        }
        self.servicers: list[tuple[Any, Any, str]] = [
            (add, servicer, f"{_PACKAGE}.{name}") for name, (add, servicer) in served.items()
        ]

    async def end_streams(self) -> None:
        """Let those go who listen, and those who send once they are answered: the server stops."""
        await self._print.drain()
        self.printer_news.close()
        await self._hub.close()
