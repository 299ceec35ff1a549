"""Printers and ports declared by custom resources: the chart's own definitions, on an API server with real rules."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.tasks import Backoff, Tasks
from printfabric.spooler.v1 import printer_service_pb2 as pb
from spooler.discovery import reflector
from spooler.printer import PortName
from spooler.resources import desk, in_cluster, keeper
from spooler.resources.declares import DeclaredPort
from spooler.resources.resource import FINALIZER, Kind
from spooler.settings import ResourcesSection
from tests.fabric.spooler_rig import SpoolerRig, spooler_running
from tests.fabric.test_discovery import KUBECONFIG
from tests.fabric.test_spooler_program import running, submit
from tests.fakes.xcv_link import MONITOR
from tests.kubeapi.objects import How
from tests.kubeapi.server import KubeApi, kube_api
from tests.kubeapi.status import StatusError

CRDS = Path(__file__).parents[2] / "deploy" / "helm" / "print-fabric" / "files" / "crds"
ROOT = "/apis/printfabric.dev/v1alpha1/namespaces/print"
PRINTERS, PORTS = f"{ROOT}/printers", f"{ROOT}/printerports"
EVENTS = "/apis/events.k8s.io/v1/namespaces/print/events"
TILL: dict[str, Any] = {"printerName": "labels", "ports": [{"host": "edge", "port": "P1:"}]}
IP_7: dict[str, Any] = {
    "host": "edge",
    "port": "IP_7",
    "monitor": MONITOR,
    "settings": {"host": "10.0.0.7", "port": 9100},
}


async def until(good: Callable[[], Any], within_s: float = 30.0) -> Any:
    """Wait for something true of the server or the spooler; what is not there yet counts as not."""
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(StatusError, KeyError):
            if found := good():
                return found
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@asynccontextmanager
async def api_with_definitions() -> AsyncIterator[KubeApi]:
    """Run an API server that knows the chart's kinds."""
    async with kube_api() as api:
        for path in CRDS.glob("*.yaml"):
            crd = yaml.safe_load(path.read_text("utf-8"))
            name = crd["metadata"]["name"]
            await api.put("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", name, crd)
        yield api


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with api_with_definitions() as api:
        yield api


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SpoolerRig]:
    async with spooler_running(tmp_path) as rig:
        yield rig


class Follower:
    """What a spooler does about resources; it can be told that it is not the one to do it."""

    def __init__(self, rig: SpoolerRig, kubeconfig: Path) -> None:
        self._first = True
        self._refusals = 0
        declares, book = rig.services.declared, rig.dispatcher.book
        hub = rig.parts["hub"]
        self._around = in_cluster.Surroundings(declares, book, rig.hosts, hub, self._is_first)
        self._section = ResourcesSection(enabled=True, namespace="print", kubeconfig=kubeconfig)

    async def run(self) -> None:
        await in_cluster.follow_resources(self._section, self._around)

    def _is_first(self) -> bool:
        self._refusals += not self._first
        return self._first

    async def step_down(self) -> None:
        """Another is the one to do it; what was under way has ended."""
        self._first, self._refusals = False, 0
        await until(lambda: self._refusals > 2)  # the first refusal ends the work, the others follow it

    def step_up(self) -> None:
        self._first = True


@pytest.fixture
async def follower(
    api: KubeApi, rig: SpoolerRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Follower]:
    monkeypatch.setattr(reflector, "RETRY", Backoff(0.02, 0.1))
    monkeypatch.setattr(desk, "RETRY", Backoff(0.02, 0.1))
    monkeypatch.setattr(keeper, "STATUS_APART_S", 0.1)
    monkeypatch.setattr(keeper, "SOON_S", 0.1)
    for name in ("_ELECTION_S", "_SETTLED_S", "_NEWS_S"):
        monkeypatch.setattr(in_cluster, name, 0.02)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(url=api.url))
    follower = Follower(rig, kubeconfig)
    async with Tasks("test") as tasks:
        tasks.supervise("resources", follower.run)
        yield follower


async def declare(api: KubeApi, collection: str, name: str, spec: dict[str, Any]) -> None:
    """Write a resource as its owner does: the spec alone."""
    with contextlib.suppress(StatusError):
        before = api.get(f"{collection}/{name}")
        del before["metadata"]["resourceVersion"]
        await api.put(collection, name, {**before, "spec": spec})
        return
    await api.put(collection, name, {"spec": spec})


def condition(api: KubeApi, path: str, kind: str) -> dict[str, Any]:
    return next(one for one in api.get(path)["status"]["conditions"] if one["type"] == kind)


def says(api: KubeApi, path: str, kind: str, status: str, reason: str = "") -> Callable[[], bool]:
    def good() -> bool:
        one = condition(api, path, kind)
        return one["status"] == status and reason in ("", one["reason"])

    return good


def printer(rig: SpoolerRig) -> Any:
    """Return the printer labels; KeyError while there is none."""
    return rig.dispatcher.book.queues["labels"].printer


def gone(rig: SpoolerRig) -> bool:
    return "labels" not in rig.dispatcher.book.queues


async def test_what_a_printer_says_is_made_so_and_its_status_says_that_it_is(api, rig, follower):
    await declare(api, PRINTERS, "till-3", {**TILL, "description": "Till 3", "onUncertain": "Skip"})
    await until(says(api, f"{PRINTERS}/till-3", "Ready", "True"))
    made = printer(rig)
    assert (made.description, made.on_uncertain, made.managed_by) == (
        "Till 3",
        "skip",
        "kubernetes:print/till-3",
    )
    one = api.get(f"{PRINTERS}/till-3")
    assert one["metadata"]["finalizers"] == [FINALIZER]
    assert {c["observedGeneration"] for c in one["status"]["conditions"]} == {one["metadata"]["generation"]}
    assert one["spec"] == {
        **TILL,
        "description": "Till 3",
        "onUncertain": "Skip",
    }  # nothing is written into it
    told = {"Accepted", "Ready"}
    await until(
        lambda: (
            {event["reason"] for event in api.all(EVENTS) if event["regarding"]["name"] == "till-3"} == told
        )
    )


async def test_a_changed_spec_changes_the_printer_and_what_it_leaves_out_is_as_new(api, rig, follower):
    await declare(api, PRINTERS, "labels", {"ports": TILL["ports"], "location": "Hall 2", "priority": 7})
    await until(lambda: printer(rig).priority == 7)
    await declare(api, PRINTERS, "labels", {"ports": TILL["ports"], "accepting": False})
    await until(says(api, f"{PRINTERS}/labels", "Ready", "False", "NotAccepting"))
    assert (printer(rig).location, printer(rig).priority, printer(rig).accepting) == ("", 50, False)


async def test_a_printer_that_people_made_is_left_alone_until_its_resource_may_take_it(api, rig, follower):
    await rig.add_printer(description="by hand")
    await declare(api, PRINTERS, "till-3", TILL)
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "False", "PrinterExists"))
    assert printer(rig).description == "by hand"
    await declare(api, PRINTERS, "till-3", {**TILL, "adoptExisting": True})
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "True"))
    assert (printer(rig).description, printer(rig).managed_by) == ("", "kubernetes:print/till-3")


async def test_two_resources_do_not_share_a_printer_and_the_second_is_told_whose_it_is(api, rig, follower):
    await declare(api, PRINTERS, "till-3", TILL)
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "True"))
    await declare(api, PRINTERS, "other", {**TILL, "adoptExisting": True})
    await until(says(api, f"{PRINTERS}/other", "Accepted", "False", "ManagedElsewhere"))
    assert "print/till-3" in condition(api, f"{PRINTERS}/other", "Accepted")["message"]


async def test_a_spec_that_the_fabric_refuses_says_which_field_in_accepted(api, rig, follower):
    await declare(
        api,
        PRINTERS,
        "till-3",
        {**TILL, "window": {"from": "22:00", "until": "06:00", "timeZone": "Mars/Olympus"}},
    )
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "False", "InvalidArgument"))
    assert "window.time_zone" in condition(api, f"{PRINTERS}/till-3", "Accepted")["message"]
    assert gone(rig)


async def test_a_deleted_printer_goes_when_its_last_job_has_ended(api, rig, follower):
    await declare(api, PRINTERS, "till-3", TILL)
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "True"))
    rig.host.ports["P1:"].paused.clear()  # takes nothing
    await rig.submit()
    await api.delete(PRINTERS, "till-3")
    await until(says(api, f"{PRINTERS}/till-3", "Ready", "False", "Draining"))
    assert printer(rig).pending_deletion
    rig.host.ports["P1:"].paused.set()
    await until(lambda: not api.all(PRINTERS))
    assert gone(rig)


async def test_a_purged_printers_jobs_are_cancelled_and_it_goes(api, rig, follower):
    await declare(api, PRINTERS, "till-3", {**TILL, "deletionPolicy": "Purge"})
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "True"))
    await rig.printers.PausePrinter(pb.PausePrinterRequest(name="labels"))
    await until(says(api, f"{PRINTERS}/till-3", "Ready", "False", "Paused"))
    await rig.submit()
    await api.delete(PRINTERS, "till-3")
    await until(lambda: not api.all(PRINTERS) and gone(rig))


async def test_a_kept_printer_is_everybodys_when_its_resource_goes(api, rig, follower):
    await declare(api, PRINTERS, "till-3", {**TILL, "deletionPolicy": "Keep"})
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "True"))
    await api.delete(PRINTERS, "till-3")
    await until(lambda: not api.all(PRINTERS))
    assert printer(rig).managed_by == ""


async def test_a_resource_that_lost_its_finalizer_while_nobody_watched_leaves_its_printer_to_all(
    api, rig, follower
):
    await declare(api, PRINTERS, "till-3", TILL)
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "True"))
    await follower.step_down()
    await _without_finalizer(api, f"{PRINTERS}/till-3")
    await api.delete(PRINTERS, "till-3")
    follower.step_up()
    await until(lambda: printer(rig).managed_by == "")


async def test_with_the_cluster_away_documents_print_and_declarations_wait(api, rig, follower):
    await declare(api, PRINTERS, "till-3", TILL)
    await until(says(api, f"{PRINTERS}/till-3", "Ready", "True"))
    api.down = 503
    await api.break_watches()
    await rig.submit(b"^XA^FDoffline^FS^XZ")
    await until(lambda: len(rig.host.ports["P1:"].printed) == 1)
    assert printer(rig).managed_by == "kubernetes:print/till-3"
    await declare(api, PRINTERS, "till-3", {**TILL, "location": "Hall 2"})
    api.down = 0
    await until(lambda: printer(rig).location == "Hall 2")


async def test_who_is_not_the_one_to_do_it_writes_nothing(api, rig, follower):
    await follower.step_down()
    await declare(api, PRINTERS, "till-3", TILL)
    before = [request for request in api.requests if not request.startswith("GET")]
    await asyncio.sleep(0.2)
    assert [request for request in api.requests if not request.startswith("GET")] == before
    assert gone(rig)
    follower.step_up()
    await until(says(api, f"{PRINTERS}/till-3", "Ready", "True"))


async def test_conflicts_of_versions_and_a_refused_event_cost_another_try_and_nothing_else(
    api, rig, follower
):
    api.fail("PATCH", "/printers/till-3", 409, times=3)
    api.fail("POST", "/events", 500, times=1)
    await declare(api, PRINTERS, "till-3", TILL)
    await until(says(api, f"{PRINTERS}/till-3", "Ready", "True"))


async def test_a_port_is_added_configured_and_deleted_as_declared(api, rig, follower):
    await declare(api, PORTS, "ip-7", IP_7)
    await until(says(api, f"{PORTS}/ip-7", "Ready", "True"))
    assert rig.link.settings["IP_7"] == {"host": "10.0.0.7", "port": 9100}
    await declare(api, PORTS, "ip-7", {**IP_7, "settings": {"port": 9101}})
    await until(lambda: rig.link.settings["IP_7"] == {"host": "10.0.0.7", "port": 9101})
    await api.delete(PORTS, "ip-7")
    await until(lambda: not api.all(PORTS))
    assert rig.hosts.port(PortName("edge", "IP_7")) is None
    assert await rig.services.declared.managers(Kind.PORT, "print") == set()


async def test_a_port_in_use_is_deleted_once_its_printer_has_gone(api, rig, follower):
    await declare(api, PORTS, "ip-7", IP_7)
    await until(says(api, f"{PORTS}/ip-7", "Ready", "True"))
    await declare(api, PRINTERS, "labels", {"ports": [{"host": "edge", "port": "IP_7"}]})
    await until(says(api, f"{PRINTERS}/labels", "Ready", "True"))
    await api.delete(PORTS, "ip-7")
    await until(says(api, f"{PORTS}/ip-7", "Accepted", "False", "PortInUse"))
    await api.delete(PRINTERS, "labels")
    await until(lambda: not api.all(PRINTERS) and not api.all(PORTS))


async def test_a_ports_host_that_is_silent_is_waited_for(api, rig, follower):
    rig.hosts.set_state("edge", "silent")
    await declare(api, PORTS, "ip-7", IP_7)
    await until(says(api, f"{PORTS}/ip-7", "Ready", "False", "HostUnreachable"))
    assert condition(api, f"{PORTS}/ip-7", "Accepted")["status"] == "Unknown"
    rig.hosts.set_state("edge", "online")
    await until(says(api, f"{PORTS}/ip-7", "Ready", "True"))


async def test_settings_that_the_monitor_refuses_are_named(api, rig, follower):
    await declare(api, PORTS, "ip-7", {**IP_7, "settings": {"port": 70000}})
    await until(says(api, f"{PORTS}/ip-7", "Accepted", "False", "InvalidSettings"))
    assert "settings.port" in condition(api, f"{PORTS}/ip-7", "Accepted")["message"]


async def test_a_host_is_not_asked_again_about_what_has_not_changed(rig):
    declares = rig.services.declared
    port = DeclaredPort(PortName("edge", "IP_7"), MONITOR, IP_7["settings"])
    for _ in range(2):  # the second looks whether the host has it so
        await declares.put_port("print/ip-7", port)
    asked = list(rig.link.commands)
    await declares.put_port("print/ip-7", port)
    assert rig.link.commands == asked
    await declares.put_port("print/ip-7", port._replace(settings={"port": 9101}))
    assert rig.link.settings["IP_7"]["port"] == 9101


async def test_the_program_follows_what_its_settings_say_and_ends_well(api, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(url=api.url))
    settings = {"ENABLED": "true", "NAMESPACE": "print", "KUBECONFIG": str(kubeconfig)}
    env = {f"PRINTFABRIC_SPOOLER_RESOURCES__{name}": value for name, value in settings.items()}
    await declare(api, PRINTERS, "till-3", {**TILL, "adoptExisting": True})  # its settings have made it, too
    async with running(tmp_path, env={**os.environ, **env}) as (process, stub, _found):
        await until(says(api, f"{PRINTERS}/till-3", "Ready", "False", "NoPortReady"))
        assert condition(api, f"{PRINTERS}/till-3", "Accepted")["status"] == "True"
        await submit(stub)  # it is there, and takes documents
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0


async def any_spec_is_taken(api: KubeApi, name: str) -> None:
    """Let the server know a definition of the kind under which any spec can be made."""
    at = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    crd = copy.deepcopy(api.get(f"{at}/{name}"))
    for version in crd["spec"]["versions"]:
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version["schema"]["openAPIV3Schema"] = {
            "type": "object",
            "properties": {"spec": anything, "status": anything},
        }
    await api.put(at, name, crd)


@pytest.mark.parametrize("spec", [{}, {"port": "IP_7"}, {"host": ["edge"], "port": {}}], ids=str)
async def test_a_port_that_does_not_say_which_is_let_go_and_what_it_had_declared_is_everybodys(
    api, rig, follower, spec
):
    await declare(api, PORTS, "ip-7", IP_7)
    await until(says(api, f"{PORTS}/ip-7", "Ready", "True"))
    await any_spec_is_taken(api, "printerports.printfabric.dev")
    await declare(api, PORTS, "ip-7", spec)
    await until(says(api, f"{PORTS}/ip-7", "Accepted", "False", "InvalidArgument"))
    await api.delete(PORTS, "ip-7")
    await until(lambda: not api.all(PORTS))
    assert await rig.services.declared.managers(Kind.PORT, "print") == set()
    assert rig.hosts.port(PortName("edge", "IP_7")) is not None


@pytest.mark.parametrize(
    "spec", [{**TILL, "ports": "P1:"}, {**TILL, "ports": [7]}, {**TILL, "window": {"from": 7}}], ids=str
)
async def test_a_printer_whose_spec_cannot_be_read_says_so_and_goes_when_it_is_deleted(
    api, rig, follower, spec
):
    await declare(api, PRINTERS, "till-3", TILL)
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "True"))
    await any_spec_is_taken(api, "printers.printfabric.dev")
    await declare(api, PRINTERS, "till-3", spec)
    await until(says(api, f"{PRINTERS}/till-3", "Accepted", "False", "InvalidArgument"))
    await api.delete(PRINTERS, "till-3")
    await until(lambda: not api.all(PRINTERS) and gone(rig))


async def _without_finalizer(api: KubeApi, path: str) -> None:
    async with api.changed:
        at = api.objects.kinds.address(path)

        def stripped(one: dict[str, Any]) -> dict[str, Any]:
            one["metadata"]["finalizers"] = []
            return one

        api.objects.change(at, stripped, How())
