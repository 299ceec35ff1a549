"""A spooler with its wall: real server on a port of its own, real store, real dispatcher; the host is by hand."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from chassis.authentication import Callers
from chassis.client import Channels
from chassis.errors import PortNotFound
from chassis.server import Server
from chassis.settings import AccessSettings, ChannelSettings, ServerSettings
from chassis.tasks import Tasks
from printfabric.spooler.v1.access_service_pb2_grpc import AccessServiceStub
from printfabric.spooler.v1.alert_service_pb2_grpc import AlertServiceStub
from printfabric.spooler.v1.port_service_pb2_grpc import PortServiceStub
from printfabric.spooler.v1.print_service_pb2 import JobSpec, SubmitJobRequest
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from printfabric.spooler.v1.printer_service_pb2_grpc import PrinterServiceStub
from printfabric.spooler.v1.registry_service_pb2_grpc import RegistryServiceStub
from printfabric.spooler.v1.watch_service_pb2_grpc import WatchServiceStub
from printfabric.spooler.v1.winspool_service_pb2_grpc import WinspoolServiceStub
from spooler.access.sign_in import SignIn
from spooler.api.inside import Inside
from spooler.api.rights import authorize, everybody
from spooler.api.services import Services
from spooler.concluding import Concluding
from spooler.dial_in.arrivals import DialIn
from spooler.dispatch_view import DispatchSettings
from spooler.dispatcher import Dispatcher
from spooler.explain.facts import PATIENT, Patience
from spooler.hub import Hub
from spooler.metrics import SpoolerMetrics
from spooler.printer import PortName, Printer
from spooler.printer_steering import PrinterSteering
from spooler.settings import DialInSection
from spooler.sql.postgres.store import PostgresStore
from spooler.sql.store import SqlStore
from spooler.steering import Steering
from tests.fakes.host import FakeHost
from tests.fakes.xcv_link import ApiHosts, FakeXcvLink

PEOPLE = {"ann": (), "ben": (), "olga": ("operator",), "ada": ("administrator",)}


class SpoolerRig:
    """The stubs of one caller, and what stands behind the wall."""

    def __init__(self, address: str, channels: Channels, parts: dict[str, Any]) -> None:
        channel = channels.get(address)
        self.address = address
        # Stubs of an asyncio channel are typed as synchronous ones by the generated code.
        self.print: Any = PrintServiceStub(channel)
        self.printers: Any = PrinterServiceStub(channel)
        self.ports: Any = PortServiceStub(channel)
        self.watch: Any = WatchServiceStub(channel)
        self.registry: Any = RegistryServiceStub(channel)
        self.access: Any = AccessServiceStub(channel)
        self.alerts: Any = AlertServiceStub(channel)
        self.winspool: Any = WinspoolServiceStub(channel)
        self.parts = parts
        self.host: FakeHost = parts["host"]
        self.hosts: ApiHosts = parts["hosts"]
        self.link: FakeXcvLink = parts["link"]
        self.dispatcher: Dispatcher = parts["dispatcher"]
        self.store: SqlStore = parts["store"]
        self.services: Services = parts["services"]
        self.metrics: SpoolerMetrics = parts["metrics"]

    async def add_printer(self, name: str = "labels", *ports: str, **more: Any) -> Printer:
        names = tuple(PortName("edge", port) for port in ports or ("P1:",))
        steering: PrinterSteering = self.parts["printers"]
        return await steering.create_printer(Printer(name, names, **more), "test")

    async def submit(self, document: bytes = b"^XA^XZ", request_id: str = "", **spec: Any) -> Any:
        spec.setdefault("printer", "printers/labels")
        request = SubmitJobRequest(request_id=request_id, spec=JobSpec(**spec), document=document)
        return await self.print.SubmitJob(request)

    @asynccontextmanager
    async def as_caller(self, person: str, folder: Path) -> AsyncIterator[SpoolerRig]:
        """Give the stubs of somebody else."""
        token = folder / f"{person}.token"
        token.write_text(f"secret-of-{person}")
        async with Channels(ChannelSettings(token_file=token)) as channels:
            yield SpoolerRig(self.address, channels, self.parts)


async def verdict_series(rig: SpoolerRig) -> list[tuple[str, str, str]]:
    """Return printer, words and verdict of all series of the metric, as the page has them."""
    registry = CollectorRegistry()
    with rig.services.verdicts.shown_in(registry):
        page = (await asyncio.to_thread(generate_latest, registry)).decode()
    return re.findall(r'verdict\{printer="(.*)",says="(.*)",verdict="(.*)"\} 1.0', page)


async def eventually(
    get: Callable[[], Awaitable[Any]], good: Callable[[Any], object], within_s: float = 5.0
) -> Any:
    """Return what `get` gives as soon as it is good; fails when the time is up."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        value = await get()
        if good(value):
            return value
        assert asyncio.get_running_loop().time() < deadline, f"still {value}"
        await asyncio.sleep(0.01)


def access_of_people(folder: Path) -> AccessSettings:
    """Return settings under which everybody needs a token, `secret-of-<name>`."""
    lines = [f"{hashlib.sha256(f'secret-of-{name}'.encode()).hexdigest()} {name}" for name in PEOPLE]
    (folder / "tokens").write_text("\n".join(lines) + "\n")
    roles = {
        role: tuple(f"token:{name}" for name, has in PEOPLE.items() if role in has)
        for role in ("operator", "administrator")
    }
    return AccessSettings(roles=roles, token_file=folder / "tokens", trust_loopback="never")  # type: ignore[arg-type]


def _server(
    services: Services, dispatcher: Dispatcher, access: AccessSettings | None, callers: Callers
) -> Server:
    return Server(
        ServerSettings(listen=("127.0.0.1:0",), access=access or AccessSettings(), grace_s=2.0),
        servicers=services.servicers,
        authorize=authorize,
        callers=callers,
        on_drain=[services.end_streams, dispatcher.drain],
        log_ok=False,
    )


def _links(hosts: ApiHosts, link: FakeXcvLink) -> Callable[[str], FakeXcvLink]:
    def of(host: str) -> FakeXcvLink:
        if hosts.get(host) is None:
            raise PortNotFound(f"there is no host {host}")
        return link

    return of


@asynccontextmanager
async def spooler_running(
    folder: Path,
    host: FakeHost | None = None,
    access: AccessSettings | None = None,
    user_file: Path | None = None,
    everybody_is: str = "user",
    patience: Patience = PATIENT,
    dispatch: DispatchSettings | None = None,
    opening: Callable[[Path], Awaitable[SqlStore | PostgresStore]] = SqlStore.open,
) -> AsyncIterator[SpoolerRig]:
    """Run a spooler in this process until the context ends; then drain it as the program does."""
    host = host or FakeHost("edge", "P1:", "P2:", "P3:")
    store = await opening(folder)
    try:
        async with Tasks("rig") as tasks, DialIn(DialInSection(), "rig") as dial_in:
            snapshot, metrics, epoch = await store.load(), SpoolerMetrics(), await store.next_epoch()
            hub = Hub(epoch, on_job=metrics.job_changed)
            hosts = ApiHosts(hub, host)
            link = FakeXcvLink(hosts, host.name)
            dispatcher = Dispatcher(store, hosts, hub, tasks, dispatch)  # type: ignore[arg-type]
            concluding, steering = Concluding(dispatcher, metrics.attempts_ended), Steering(dispatcher)
            printers = PrinterSteering(dispatcher, steering)
            inside = Inside(
                dispatcher, steering, printers, hosts, _links(hosts, link), hub, snapshot.fabric_id, patience
            )
            sign_in = await SignIn.open(store, user_file, 3600.0, access)
            services = Services(store, inside, metrics, sign_in, dial_in, snapshot.uploads)
            tasks.supervise("concluding", concluding.run)
            await dispatcher.start(snapshot, epoch)
            parts = {
                "host": host, "hosts": hosts, "link": link, "dispatcher": dispatcher, "store": store,
                "services": services, "printers": printers, "metrics": metrics, "hub": hub,
            }  # fmt: skip
            callers = Callers([sign_in.sessions], everybody(everybody_is))
            async with Channels() as channels, _server(services, dispatcher, access, callers) as server:
                yield SpoolerRig(server.addresses[0], channels, parts)
            for port in host.ports.values():
                port.paused.set()
            await asyncio.sleep(0.01)
    finally:
        await store.close()
