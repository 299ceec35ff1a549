"""The resources of a cluster, followed by the one spooler that does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

from chassis import logs
from chassis.errors import CallCanceled
from chassis.listeners import StartError
from chassis.tasks import Tasks
from spooler.book import Book
from spooler.discovery import library
from spooler.discovery.reflector import Reflector
from spooler.hub import Hub
from spooler.resources.cluster import Cluster
from spooler.resources.declares import Declares, KnownHosts
from spooler.resources.desk import Desk
from spooler.resources.keeper import Keeper, Kept
from spooler.resources.ports import PortResources
from spooler.resources.printers import PrinterResources
from spooler.resources.resource import Key, Kind
from spooler.resources.subject import subject_of
from spooler.settings import ResourcesSection

log = logs.get(__name__)

_HANDS = 4  # looks side by side: a host that is slow to answer keeps nobody else waiting
_ELECTION_S = 1.0  # how soon a change of who does it is noticed
_SETTLED_S = 5.0  # after a list, before what is not in it counts as gone: it may just have been declared
_NEWS_S = 0.5  # news of printers and ports are taken together for so long


class Surroundings(NamedTuple):
    """What the work looks at, and what it calls."""

    declares: Declares
    book: Book
    hosts: KnownHosts
    hub: Hub
    is_first: Callable[[], bool]


def check(section: ResourcesSection) -> None:
    """Refuse at the start what could never work. Raises StartError."""
    if section.enabled and find_spec("kubernetes") is None:
        raise StartError("[resources] needs the package kubernetes: pip install 'print-fabric[kubernetes]'")


async def follow_resources(section: ResourcesSection, around: Surroundings) -> None:
    """Declare what the resources say, whenever this spooler is the one to do it, until cancelled.

    Raises:
        ClusterError: there are no credentials for the cluster.
    """
    await library.loaded()
    from spooler.discovery.kubernetes_api import KubernetesApi, own_namespace  # noqa: PLC0415 - 0.7 s, 48 MiB

    namespace = section.namespace or own_namespace()
    async with await KubernetesApi.connect(section.kubeconfig) as api:
        cluster = Cluster(api, namespace)
        while True:
            if around.is_first():
                log.info("resources are followed", namespace=namespace)
                await _while_first(cluster, around)
                log.info("resources are another spooler's now")
            await asyncio.sleep(_ELECTION_S)


async def _while_first(cluster: Cluster, around: Surroundings) -> None:
    kinds: dict[Kind, Kept] = {
        Kind.PRINTER: PrinterResources(around.declares, around.book, around.hosts),
        Kind.PORT: PortResources(around.declares, around.hosts),
    }
    keeper = Keeper(cluster, kinds)
    desk = Desk(keeper.look, keeper.subjects)
    try:
        async with Tasks("resources") as tasks:
            tasks.supervise("news of printers and ports", lambda: _hear(around.hub, desk))
            for kind in kinds:
                reflector = _reflector(cluster, kind, desk, around.declares, tasks)
                tasks.supervise(f"watch {kind.plural}", reflector.run)
            for number in range(_HANDS):
                tasks.supervise(f"resources {number}", desk.work)
            while around.is_first():  # noqa: ASYNC110 - an election in the store, of which nobody tells
                await asyncio.sleep(_ELECTION_S)
    finally:
        desk.close()


def _reflector(cluster: Cluster, kind: Kind, desk: Desk, declares: Declares, tasks: Tasks) -> Reflector:
    def all_of_them(objects: Sequence[Mapping[str, Any]]) -> None:
        log.info("resources listed", kind=kind, resources=len(objects))
        desk.listed(kind, objects)
        tasks.spawn(f"{kind.plural} that are gone", _forgotten(cluster, kind, desk, declares))

    return Reflector(cluster.list_watch(kind), all_of_them, partial(desk.changed, kind))


async def _forgotten(cluster: Cluster, kind: Kind, desk: Desk, declares: Declares) -> None:
    """Look at resources that went while nobody watched, and whose printers or ports still carry their names."""
    await asyncio.sleep(_SETTLED_S)
    managers = await declares.managers(kind, cluster.namespace)
    desk.unknown(Key(kind, manager.partition("/")[2]) for manager in managers)


async def _hear(hub: Hub, desk: Desk) -> None:
    with hub.watch() as watcher, suppress(CallCanceled):  # the spooler stops
        while True:
            news = await watcher.changes()
            if news is None:
                desk.all_due()
            for change in news or ():
                subject = subject_of(change)
                if subject is not None:
                    desk.heard(subject)
            await asyncio.sleep(_NEWS_S)
