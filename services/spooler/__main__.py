"""fabric-spooler: accepts documents, keeps them, sends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import chassis.grpc_log
import chassis.grpc_poller  # noqa: F401 - both before grpc is loaded
from chassis import logs, server
from chassis.authentication import Callers
from chassis.client import Channels
from chassis.errors import PrinterExists
from chassis.metrics import REGISTRY
from chassis.tasks import Tasks
from chassis.tracing import tracing
from spooler.access.sign_in import SignIn
from spooler.api.inside import Inside
from spooler.api.rights import authorize, everybody
from spooler.api.services import Services
from spooler.concluding import Concluding
from spooler.dial_in.arrivals import DialIn
from spooler.dial_in.metrics import DialInCollector
from spooler.discovery import in_cluster
from spooler.discovery.reviews import AskedCluster, asked_cluster
from spooler.dispatch_view import DispatchSettings
from spooler.dispatcher import Dispatcher
from spooler.explain.facts import Patience
from spooler.host_directory import HostDirectory
from spooler.host_proving import HostProof
from spooler.hosts import Hosts
from spooler.hub import Hub
from spooler.job import DEFAULT_PRIORITY
from spooler.metrics import SpoolerMetrics
from spooler.printer import PortName, Printer
from spooler.printer_steering import PrinterSteering
from spooler.replicas.sharing import Alone, sharing
from spooler.resources import in_cluster as resources
from spooler.retention import Keep, Retention
from spooler.settings import ExplainSection, PrinterSection, SpoolerSettings
from spooler.sql.store import SqlStore, StoreSettings
from spooler.steering import Steering
from spooler.store import Notes, Snapshot, Store
from spooler.trace_telling import TraceTelling

if TYPE_CHECKING:
    from spooler.sql.postgres.store import PostgresStore

log = logs.get(__name__)

WHO = "settings"  # who adds what the settings name
_ADDED_AT_ONCE = 100  # by one commit


async def run(settings: SpoolerSettings) -> None:
    """Serve until told to stop; then send nothing new, release the ports, close the store.

    Raises:
        StoreUnavailable: the store has died under us; drained all the same. Another process may have more luck.
    """
    _check(settings)
    async with (
        _open_store(settings) as store,
        Channels(settings.monitors) as channels,
        Tasks("spooler") as tasks,
        asked_cluster(settings.cluster, settings.discovery) as cluster,
        DialIn(settings.dial_in, settings.spooler_id) as dial_in,
    ):
        snapshot, epoch = await store.load(), await store.next_epoch()
        metrics = SpoolerMetrics()
        traces = TraceTelling(store, metrics.job_changed)
        hub = Hub(epoch, on_job=traces.job_changed if tracing.on else metrics.job_changed)
        hosts, directory = _hosts(settings, channels, snapshot.fabric_id, store, hub, tasks)
        dispatcher = Dispatcher(store, hosts, hub, tasks, _dispatch(settings))
        concluding, steering = Concluding(dispatcher, metrics.attempts_ended), Steering(dispatcher)
        printers = PrinterSteering(dispatcher, steering)
        known_as, patience = snapshot.fabric_id, _patience(settings.explain)
        inside = Inside(dispatcher, steering, printers, hosts, directory.plane, hub, known_as, patience)
        callers = _callers(settings, sign_in := await _sign_in(settings, store), cluster)
        shares = sharing(store.membership, store, dispatcher, tasks)
        dial_in.begin(directory, epoch, shares.spoolers)
        services = Services(store, inside, metrics, sign_in, dial_in, snapshot.uploads, shares.asking)
        retention = Retention(store, metrics, _keep(settings), services.uploads.forget_idle, shares.is_first)
        tasks.supervise("concluding", concluding.run)
        await shares.start(snapshot, epoch)
        await _add_missing(printers, dispatcher, settings)
        _find_hosts(settings, directory, cluster.hosts, tasks)
        _follow_resources(settings, inside, services, shares, tasks)
        _say_start(settings, snapshot, epoch, dispatcher)
        with _shown(metrics, dispatcher, hosts, services, dial_in):
            await server.serve(
                settings,
                servicers=services.servicers,
                loops=[hosts.start, retention.run, traces.run],
                on_drain=_letting_go(services, shares, dispatcher, hosts, dial_in, traces),
                authorize=authorize,
                callers=callers,
                until=store.died,
            )


def _check(settings: SpoolerSettings) -> None:
    """Refuse at the start what could never work. Raises StartError."""
    in_cluster.check(settings.discovery)
    resources.check(settings.resources)


async def _sign_in(settings: SpoolerSettings, store: Notes) -> SignIn:
    section = settings.sign_in
    return await SignIn.open(store, section.user_file, section.session_s, settings.server.access)


def _letting_go(
    services: Services,
    shares: Alone,
    dispatcher: Dispatcher,
    hosts: Hosts,
    dial_in: DialIn,
    traces: TraceTelling,
) -> tuple[server.Callback, ...]:
    """Return how all is let go: documents on their way end and printers are others', before the hosts are cut off."""

    async def shut_down() -> None:
        if await shares.is_member():  # else its ports are another run's of its name, or will be
            await hosts.shut_down()

    ports = (shares.withdraw, dispatcher.drain, shut_down, shares.leave, dial_in.close)
    return services.end_streams, *ports, traces.tell


def _callers(settings: SpoolerSettings, sign_in: SignIn, cluster: AskedCluster) -> Callers:
    return Callers([sign_in.sessions, *cluster.verifiers], everybody(settings.everybody), cluster.rights)


@contextmanager
def _shown(
    metrics: SpoolerMetrics, dispatcher: Dispatcher, hosts: Hosts, services: Services, dial_in: DialIn
) -> Iterator[None]:
    """Show the spooler's numbers on the page of metrics meanwhile."""
    with (
        metrics.shown_in(REGISTRY, dispatcher.book.tallies, hosts.answering, hosts.not_believed),
        services.verdicts.shown_in(REGISTRY),
        DialInCollector(dial_in).shown_in(REGISTRY),
    ):
        yield


def _say_start(settings: SpoolerSettings, snapshot: Snapshot, epoch: int, dispatcher: Dispatcher) -> None:
    log.info(
        "spooler starts",
        fabric=snapshot.fabric_id,
        epoch=epoch,
        jobs=len(snapshot.jobs),
        printers=len(dispatcher.book.queues),
        hosts=len(settings.hosts),
    )


@asynccontextmanager
async def _open_store(settings: SpoolerSettings) -> AsyncIterator[SqlStore | PostgresStore]:
    store = await _opened(settings)
    try:
        yield store
    finally:
        await store.close()


async def _opened(settings: SpoolerSettings) -> SqlStore | PostgresStore:
    if url := settings.database.get_secret_value():
        from spooler.sql.postgres.store import PostgresStore  # noqa: PLC0415 - its driver is an extra

        name = f"fabric-spooler {settings.spooler_id}"
        limits = settings.standby_s, settings.takeover_s, settings.database_bytes
        return await PostgresStore.open(url, name, *limits)
    # Documents lie in it, small ones in the database's rows: nobody else reads them.
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return await SqlStore.open(settings.state_dir, StoreSettings(reserve_bytes=settings.reserve_bytes))


def _hosts(
    settings: SpoolerSettings, channels: Channels, fabric_id: str, store: Store, hub: Hub, tasks: Tasks
) -> tuple[Hosts, HostDirectory]:
    """Return the hosts of the settings, and the directory that makes more of them known."""
    hosts = Hosts(hub, tasks)
    owner = (fabric_id, settings.spooler_id)
    directory = HostDirectory(hosts, channels, owner, settings.dispatch.lease_s, store.uid_time_ms)
    for host in settings.hosts:
        directory.put(host.name, host.address, host.server_name)
    return hosts, directory


def _find_hosts(
    settings: SpoolerSettings, directory: HostDirectory, proof: HostProof | None, tasks: Tasks
) -> None:
    section = settings.discovery

    def found(node: str, address: str) -> None:
        directory.put(node, address, node if section.host_certificates else None, proof)

    if section.kubernetes_service:
        if proof is None and not section.host_certificates:
            log.warning(
                "hosts that are found are believed about their names: set discovery.host_token_audience"
            )
        tasks.supervise("discovery", lambda: in_cluster.find_hosts(section, found))


def _follow_resources(
    settings: SpoolerSettings, inside: Inside, services: Services, shares: Alone, tasks: Tasks
) -> None:
    """Declare what the cluster's resources say, on one of the spoolers that share the store."""
    if settings.resources.enabled:
        book, hosts = inside.dispatch.book, inside.hosts
        around = resources.Surroundings(services.declared, book, hosts, inside.hub, shares.is_first)
        tasks.supervise("resources", lambda: resources.follow_resources(settings.resources, around))


def _keep(settings: SpoolerSettings) -> Keep:
    return Keep(
        settings.keep_finished_s,
        settings.keep_finished_jobs,
        settings.keep_document_bytes,
        settings.keep_events_s,
        settings.keep_decisions_s,
        settings.keep_decisions,
        settings.keep_decision_bytes,
    )


def _dispatch(settings: SpoolerSettings) -> DispatchSettings:
    section, stall_s = settings.dispatch, settings.explain.stall_s
    return DispatchSettings(
        section.window, section.cache_bytes, section.sender_patience_s, stall_s, section.drain_s
    )


def _patience(section: ExplainSection) -> Patience:
    return Patience(section.stall_s, section.stale_s)


async def _add_missing(printers: PrinterSteering, dispatcher: Dispatcher, settings: SpoolerSettings) -> None:
    """Add the printers that the settings name and the store does not have; what people changed since stays."""
    missing = [wanted for wanted in settings.printers if wanted.name not in dispatcher.book.queues]
    for first in range(0, len(missing), _ADDED_AT_ONCE):
        some = missing[first : first + _ADDED_AT_ONCE]
        await asyncio.gather(*(_add(printers, wanted) for wanted in some))


async def _add(printers: PrinterSteering, wanted: PrinterSection) -> None:
    ports = tuple(PortName.parse(port) for port in wanted.ports)
    printer = Printer(wanted.name, ports, wanted.description, wanted.location, priority=DEFAULT_PRIORITY)
    with suppress(PrinterExists):  # another spooler was faster
        await printers.create_printer(printer, WHO)


def main() -> None:
    """Run the program."""
    server.main(SpoolerSettings, run)


if __name__ == "__main__":
    main()
