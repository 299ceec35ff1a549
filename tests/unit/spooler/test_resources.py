"""Custom resources read: specs as the contract has them, conditions as the cluster has them, and which are looked at when."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml
from google.protobuf.json_format import ParseDict

from chassis.errors import InvalidArgument, StoreUnavailable
from chassis.tasks import Backoff, Tasks
from printfabric.spooler.v1 import printer_service_pb2 as pb
from spooler.api.convert_printer import SETTABLE, settings_from_pb
from spooler.printer import Printer
from spooler.resources import desk as desks
from spooler.resources.conditions import Condition, changed, status_of
from spooler.resources.desk import Desk
from spooler.resources.ports import PortResources
from spooler.resources.printer_spec import settings_of
from spooler.resources.printers import PrinterResources
from spooler.resources.resource import Key, Kind, Resource

CRDS = Path(__file__).parents[3] / "deploy" / "helm" / "print-fabric" / "files" / "crds"
ALL: dict[str, Any] = {
    "ports": [{"host": "edge-7", "port": "COM1:"}, {"host": "edge-8", "port": "COM1:", "standby": True}],
    "description": "Till 3",
    "location": "Hall 2",
    "labels": {"floor": "1"},
    "accepting": True,
    "languageMonitor": "zpl",
    "bidirectional": False,
    "priority": 7,
    "defaultPriority": 8,
    "defaultFormat": "application/vnd.zebra-zpl",
    "poolOrder": "RoundRobin",
    "onUncertain": "ReprintMarked",
    "redirect": "RedirectAfter",
    "redirectAfterSeconds": 90,
    "redirectAcrossMonitors": True,
    "markRedirected": True,
    "maxBacklogAgeSeconds": 3600,
    "catchUpPerMinute": 30,
    "prefetch": "Never",
    "onHostRestart": "Hold",
    "printWhileSpooling": True,
    "keepPrintedJobs": True,
    "window": {"from": "22:30", "until": "24:00", "timeZone": "Europe/Berlin"},
}  # fmt: skip
OURS = {"printerName", "adoptExisting", "deletionPolicy"}  # about the resource, not about the printer


def schema(kind: Kind) -> Any:
    crd = yaml.safe_load((CRDS / f"{kind.plural}.yaml").read_text("utf-8"))
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def test_every_setting_of_a_printer_can_be_declared_and_arrives():
    message = ParseDict(settings_of(ALL), pb.Printer())
    assert {field.name for field, _ in message.ListFields()} == SETTABLE
    assert not message.bidirectional
    assert message.window == pb.DailyWindow(start_minute=1350, until_minute=1440, time_zone="Europe/Berlin")
    assert (message.redirect_after.seconds, message.max_backlog_age.seconds) == (90, 3600)
    assert [port.standby for port in message.ports] == [False, True]


def test_the_definition_and_the_reader_know_the_same_settings():
    assert set(schema(Kind.PRINTER)["properties"]) == set(ALL) | OURS


@pytest.mark.parametrize(
    ("field", "words"),
    [(name, one["enum"]) for name, one in schema(Kind.PRINTER)["properties"].items() if "enum" in one],
)
def test_every_word_of_the_definition_is_one_of_the_contract(field: str, words: list[str]):
    for word in words if field not in OURS else ():
        given = {"ports": ALL["ports"], field: word} | (
            {"redirectAfterSeconds": 5} if word == "RedirectAfter" else {}
        )
        settings_from_pb(ParseDict(settings_of(given), pb.Printer()), Printer("labels"))


def test_a_spec_with_ports_alone_is_a_new_printer():
    message = ParseDict(settings_of({"ports": [{"host": "e", "port": "P"}]}), pb.Printer())
    made = settings_from_pb(message, Printer("labels", accepting=False))
    new = settings_from_pb(
        ParseDict({"ports": [{"port": {"host": "e", "port": "P"}}]}, pb.Printer()), Printer("labels")
    )
    assert made == new


ONE_PORT, TWO_PORTS = ALL["ports"][:1], [{"host": "a", "port": "P"}, {"host": "b", "port": "P"}]


@pytest.mark.parametrize(
    ("before", "spec", "good"),
    [
        (None, {"ports": ONE_PORT}, True),
        (None, {"ports": [{"host": "a", "port": "P", "standby": True}]}, False),
        (None, {"ports": ONE_PORT, "redirect": "RedirectAfter"}, False),
        (None, {"ports": ONE_PORT, "redirectAfterSeconds": 5}, False),
        (None, {"ports": ONE_PORT, "redirect": "RedirectAfter", "redirectAfterSeconds": 5}, True),
        (None, {"ports": ONE_PORT, "printWhileSpooling": True}, True),
        (None, {"ports": TWO_PORTS, "printWhileSpooling": True}, False),
        (None, {"ports": ONE_PORT, "printWhileSpooling": True, "languageMonitor": "PJL"}, False),
        (None, {"ports": ONE_PORT, "printWhileSpooling": True, "prefetch": "Always"}, False),
        ({"ports": ONE_PORT}, {"ports": TWO_PORTS}, True),
        ({"ports": ONE_PORT, "printerName": "a"}, {"ports": ONE_PORT, "printerName": "b"}, False),
        ({"ports": ONE_PORT, "printerName": "a"}, {"ports": ONE_PORT}, False),
        ({"ports": ONE_PORT}, {"ports": ONE_PORT, "printerName": "b"}, False),
    ],
)
def test_the_definitions_rules_refuse_what_can_never_work(before, spec, good):
    rules = schema(Kind.PRINTER)["x-kubernetes-validations"]
    asked = [one["rule"] for one in rules if before is not None or "oldSelf" not in one["rule"]]
    assert all(cel.evaluate(rule, {"self": spec, "oldSelf": before}) is True for rule in asked) is good


def resource(name: str = "till-3", **status: object) -> Resource:
    return Resource(Key(Kind.PRINTER, name), "print", "u", "7", 3, {}, status, (), False)


NOON, LATER = datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 13, tzinfo=UTC)


def test_the_time_of_a_condition_moves_with_its_status_and_not_with_its_reason():
    first = status_of(resource(), [Condition("Ready", False, "Paused")], NOON)
    assert first is not None
    again = status_of(resource(**first), [Condition("Ready", False, "NoPortReady")], LATER)
    assert again is not None
    assert again["conditions"][0]["lastTransitionTime"] == "2026-11-22T12:00:00Z"
    well = status_of(resource(**again), [Condition("Ready", True, "Ready")], LATER)
    assert well is not None
    assert well["conditions"][0]["lastTransitionTime"] == "2026-11-22T13:00:00Z"


def test_a_status_that_says_the_same_is_not_written():
    ready = [Condition("Ready", True, "Ready", "so it is")]
    status = status_of(resource(), ready, NOON)
    assert status is not None
    assert status_of(resource(**status), ready, LATER) is None
    assert changed(resource(**status), ready) == []
    assert changed(resource(), ready) == ready


def given(name: str, *ports: str) -> dict[str, Any]:
    spec = {"ports": [{"host": "edge", "port": port} for port in ports]}
    return {
        "metadata": {"name": name, "namespace": "print", "uid": "u", "resourceVersion": "1"},
        "spec": spec,
    }


def about(one: Resource) -> list[tuple[str, ...]]:
    return [("port", port["port"]) for port in one.spec["ports"]]


async def test_a_resource_is_looked_at_once_however_much_happened_to_it_meanwhile():
    looked, go_on = [], asyncio.Event()

    async def look(key: Key, _one: Resource | None) -> float:
        looked.append(key.name)
        await go_on.wait()
        return 0

    desk = Desk(look, about)
    desk.listed(Kind.PRINTER, [given("a", "P1"), given("b", "P2")])
    async with Tasks("test") as tasks:
        tasks.spawn("work", desk.work())
        tasks.spawn("work too", desk.work())
        await _until(lambda: looked == ["a", "b"])
        for _ in range(5):  # while both are in hand
            desk.heard(("port", "P1"))
        go_on.set()
        await _until(lambda: looked == ["a", "b", "a"])


async def test_what_is_gone_is_looked_at_as_gone_and_what_is_still_there_is_not_forgotten():
    looked = []

    async def look(key: Key, one: Resource | None) -> float:
        looked.append((key.name, one is not None))
        return 0

    desk = Desk(look, about)
    async with Tasks("test") as tasks:
        tasks.spawn("work", desk.work())
        desk.listed(Kind.PRINTER, [given("a", "P1"), given("b", "P2")])
        await _until(lambda: len(looked) == 2)
        desk.listed(Kind.PRINTER, [given("b", "P2")])
        desk.unknown([Key(Kind.PRINTER, "b"), Key(Kind.PRINTER, "c")])
        await _until(lambda: len(looked) == 5)
    assert sorted(looked[2:]) == [("a", False), ("b", True), ("c", False)]


async def test_a_look_that_fails_is_taken_again(monkeypatch):
    monkeypatch.setattr(desks, "RETRY", Backoff(0.01, 0.01))
    looked = []

    async def look(key: Key, _one: Resource | None) -> float:
        looked.append(key.name)
        if len(looked) < 3:
            raise StoreUnavailable("not now")
        return 0

    desk = Desk(look, about)
    desk.listed(Kind.PRINTER, [given("a", "P1")])
    async with Tasks("test") as tasks:
        tasks.spawn("work", desk.work())
        await _until(lambda: len(looked) == 3)
    desk.close()


@pytest.mark.parametrize(
    ("kind", "kept", "spec", "missing"),
    [
        (Kind.PORT, PortResources, {"port": "COM1:", "monitor": "Local Port"}, "spec.host"),
        (Kind.PORT, PortResources, {}, "spec.host"),
        (Kind.PRINTER, PrinterResources, {"ports": [{"host": "edge"}]}, "spec.ports.port"),
    ],
)
async def test_a_resource_without_what_it_needs_says_so_and_keeps_no_other_from_being_looked_at(
    kind, kept, spec, missing
):
    resources = kept.__new__(kept)  # what a resource is about is in the resource alone
    looked = {}

    async def look(key: Key, one: Resource | None) -> float:
        looked[key.name] = ""
        try:
            resources.subjects(one)
        except InvalidArgument as error:
            looked[key.name] = error.metadata["field"]
        return 0

    desk = Desk(look, resources.subjects)
    good = {"host": "edge", "port": "P2", "monitor": "Local Port", "ports": [{"host": "edge", "port": "P2"}]}
    desk.listed(kind, [{**given("bad"), "spec": spec}, {**given("good"), "spec": good}])
    desk.changed(kind, "MODIFIED", {**given("bad"), "spec": spec})
    async with Tasks("test") as tasks:
        tasks.spawn("work", desk.work())
        await _until(lambda: len(looked) == 2)
    assert looked == {"bad": missing, "good": ""}


async def _until(good) -> None:
    async with asyncio.timeout(30):
        while not good():  # noqa: ASYNC110 - of a list that only grows
            await asyncio.sleep(0.005)
