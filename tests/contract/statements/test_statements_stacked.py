"""S41 to S44: a language monitor on a port monitor, both of third parties, which note each call that they get."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.spooler.v1.printer_service_pb2 import Printer
from printfabric_client.sync import Client
from tests.contract.statements.stage import events
from tests.contract.statements.third_parties import NotingFabric
from tests.rig.programs import wait_until
from tests.rig.real_fabric import HOST, printed
from tests.rig.wire import Holder, channel_to, new_key, refusal

# §3 of the function table: what port monitors and language monitors have to have.
OF_PORT_MONITORS = {
    "ENUM_PORTS", "OPEN_PORT", "START_DOC_PORT", "WRITE_PORT", "READ_PORT", "END_DOC_PORT", "CLOSE_PORT", "XCV_OPEN_PORT",
    "XCV_DATA_PORT", "XCV_CLOSE_PORT",
}  # fmt: skip
OF_LANGUAGE_MONITORS = {
    "OPEN_PORT_EX", "START_DOC_PORT", "WRITE_PORT", "READ_PORT", "END_DOC_PORT", "CLOSE_PORT",
}  # fmt: skip
NEVER_OF_LANGUAGE_MONITORS = OF_PORT_MONITORS - OF_LANGUAGE_MONITORS
NEEDED = {
    "OPEN_PORT": "OpenPort", "START_DOC_PORT": "StartDocPort", "WRITE_PORT": "WritePort", "READ_PORT": "ReadPort",
    "END_DOC_PORT": "EndDocPort", "CLOSE_PORT": "ClosePort",
}  # fmt: skip
ALL = {name.removeprefix("MONITOR_FUNCTION_") for name, value in pb.MonitorFunction.items() if value}


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotingFabric]:
    ports = {
        "N1": ("Noting Port", {}),
        "N2": ("Noting Port", {}),
        "MUTE1": ("Mute Port", {}),
        **{f"BAD{code}": ("Noting Port", {"fails": code}) for code in ("5", "170", "1167")},
    }
    found = NotingFabric(tmp_path_factory.mktemp("noting"), ports)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def holder(fabric: NotingFabric) -> Iterator[Holder]:
    with channel_to(fabric.portmon.address) as channel:
        yield Holder(channel)


def monitors(holder: Holder) -> dict[str, tuple[int, set[str]]]:
    """Return each monitor's kind and functions, as it registers them."""
    hello = holder.stub.Initialize(pb.InitializeRequest(owner=holder.owner))
    return {one.name: (one.kind, functions_of(one.capabilities)) for one in hello.monitors}


def functions_of(numbers: Any) -> set[str]:
    return {pb.MonitorFunction.Name(one).removeprefix("MONITOR_FUNCTION_") for one in numbers}


def through(
    holder: Holder, port: str, language: str = "Noting Port", functions: set[str] | None = None
) -> pb.OpenPortExRequest:
    """Return a request for a port through a language monitor, of a port monitor with these functions."""
    request = pb.OpenPortExRequest(language_monitor=language, bidirectional=True)
    request.open.owner.CopyFrom(holder.owner)
    request.open.port, request.open.fence, request.open.printer = port, time.time_ns(), "statement"
    names = (f"MONITOR_FUNCTION_{one}" for one in functions or ())
    request.port_monitor.capabilities.extend(map(pb.MonitorFunction.Value, names))
    return request


def test_s41_language_monitors_implement_open_port_ex_and_what_no_port_monitor_has(
    fabric: NotingFabric, holder: Holder
) -> None:
    found, before = monitors(holder), fabric.calls("N1")
    for name in ("PJL", "ZPL", "ESC/POS"):
        kind, functions = found[name]
        assert kind == pb.MONITOR_KIND_LANGUAGE
        assert functions >= OF_LANGUAGE_MONITORS
        assert not functions & NEVER_OF_LANGUAGE_MONITORS, "ports are the port monitor's"
    for name in ("Local Port", "Standard TCP/IP Port", "Mute Port"):
        kind, functions = found[name]
        assert kind == pb.MONITOR_KIND_PORT
        assert "OPEN_PORT_EX" not in functions
        error = refusal(partial(holder.stub.OpenPortEx, through(holder, "N1", language=name)))
        assert (error.win32, error.code) == (50, "UNIMPLEMENTED"), f"{name} has no such function"
    error = refusal(partial(holder.stub.OpenPortEx, through(holder, "N1", language="Nobody's")))
    assert (error.win32, error.code) == (3000, "NOT_FOUND")
    assert fabric.calls("N1") == before, "and nothing was opened for any of it"


def test_s41_a_combined_monitor_offers_both_sets_and_is_opened_both_ways(
    fabric: NotingFabric, holder: Holder
) -> None:
    kind, functions = monitors(holder)["Noting Port"]
    assert kind == pb.MONITOR_KIND_COMBINED
    assert functions >= OF_PORT_MONITORS | OF_LANGUAGE_MONITORS
    before = len(fabric.calls("N2"))
    holder.close(holder.open("N2", time.time_ns()))
    holder.close(holder.stub.OpenPortEx(through(holder, "N2")).open.handle)
    assert fabric.calls("N2")[before:] == ["OpenPort", "ClosePort"] * 2


def test_s42_the_port_monitors_functions_and_the_printers_name_reach_the_language_monitor(
    fabric: NotingFabric, holder: Holder
) -> None:
    _, functions = monitors(holder)["Noting Port"]
    before = len(fabric.notes())
    with Client(fabric.spooler.address) as client:
        wait_until(
            lambda: "N1" in [one.port.port for one in client.ports.list()], why="the spooler sees no ports"
        )
        settings = Printer(language_monitor="Noting Port", accepting=True)
        client.printers.create("wristbands", [f"{HOST}/N1"], settings=settings)
        assert printed(client.wait(client.submit(b"label", printer="wristbands").number, timeout_s=60))
        client.printers.delete("wristbands")
    asked = [one.request for one in fabric.log.calls if one.function == "OpenPortEx" and one.port == "N1"][-1]
    assert (asked.language_monitor, asked.open.printer) == ("Noting Port", "wristbands")
    assert asked.port_monitor.monitor == "Noting Port"
    assert functions_of(asked.port_monitor.capabilities) == functions, "what the spooler was told, unchanged"
    [begun] = [one for one in fabric.notes()[before:] if one["call"] == "begin"]
    assert begun["printer"] == "wristbands"
    assert {one.casefold() for one in begun["functions"]} == {
        one.replace("_", "").casefold() for one in functions
    }
    written = "".join(one["text"] for one in fabric.notes("N1") if one["call"] == "WritePort")
    assert written.endswith("<wristbands>label<end>"), "in its own words, around the document"
    opened = events(fabric.portmon, "language monitor opened")[-1]
    assert (opened["language"], opened["printer"], opened["port"]) == ("Noting Port", "wristbands", "N1")


@pytest.mark.parametrize("missing", sorted(NEEDED))
def test_s43_a_port_monitor_without_a_needed_routine_is_refused_before_it_is_opened(
    fabric: NotingFabric, holder: Holder, missing: str
) -> None:
    """Every port monitor of ours has them all: the caller's table lacks one. That of the next test lacks it really."""
    before = fabric.calls("N2")
    error = refusal(partial(holder.stub.OpenPortEx, through(holder, "N2", functions=ALL - {missing})))
    assert (error.win32, error.code) == (3007, "FAILED_PRECONDITION")
    assert error.metadata["missing"] == NEEDED[missing]
    assert fabric.calls("N2") == before, "not even opened"


def test_s43_the_port_monitors_own_functions_count_whatever_the_caller_says_of_them(
    fabric: NotingFabric, holder: Holder
) -> None:
    for functions in (None, ALL):
        error = refusal(partial(holder.stub.OpenPortEx, through(holder, "MUTE1", functions=functions)))
        assert (error.win32, error.code, error.metadata["missing"]) == (
            3007,
            "FAILED_PRECONDITION",
            "ReadPort",
        )
    assert fabric.calls("MUTE1") == []
    for name in sorted(ALL - set(NEEDED)):  # what it does not need may be missing
        handle = holder.stub.OpenPortEx(through(holder, "N2", functions=ALL - {name})).open.handle
        holder.close(handle)


def test_s44_one_open_port_ex_is_one_open_port_and_one_close_port(
    fabric: NotingFabric, holder: Holder
) -> None:
    before, key = len(fabric.calls("N2")), new_key()
    handle = holder.stub.OpenPortEx(through(holder, "N2")).open.handle
    assert fabric.calls("N2")[before:] == ["OpenPort"]
    holder.start(handle, key)
    assert holder.write(handle, key, 0, b"label") == 5, "of the document, without what goes around it"
    holder.end(handle, key)
    holder.close(handle)
    calls = fabric.calls("N2")[before:]
    assert [one for one in calls if one not in ("WritePort", "ReadPort")] == [
        "OpenPort", "StartDocPort", "EndDocPort", "ClosePort",
    ]  # fmt: skip
    assert {"WritePort", "ReadPort"} <= set(calls), "all of it by the port monitor's handle"
    assert refusal(lambda: holder.start(handle, new_key())).win32 == 6


@pytest.mark.parametrize("code", [5, 170, 1167])
def test_s44_what_open_port_fails_with_open_port_ex_fails_with_and_nothing_leaks(
    fabric: NotingFabric, holder: Holder, code: int
) -> None:
    port = f"BAD{code}"
    straight = refusal(lambda: holder.open(port, time.time_ns()))
    before, calls = usage(fabric.portmon.pid), len(fabric.calls(port))
    for _ in range(30):
        error = refusal(partial(holder.stub.OpenPortEx, through(holder, port)))
        assert (error.win32, error.code, error.reason) == (code, straight.code, straight.reason)
    assert fabric.calls(port)[calls:] == ["OpenPort"] * 30, "once each, and nothing to close"
    wait_until(lambda: usage(fabric.portmon.pid)[0] <= before[0] + 1, why="descriptors stay open")
    wait_until(lambda: usage(fabric.portmon.pid)[1] <= before[1] + 1, why="threads stay")
    (found,) = [one for one in holder.stub.EnumPorts(pb.EnumPortsRequest()).ports if one.port.port == port]
    assert not found.HasField("hold")


def usage(pid: int) -> tuple[int, int]:
    """Return how many descriptors and threads a process has."""
    root = Path(f"/proc/{pid}")
    return len(os.listdir(root / "fd")), len(os.listdir(root / "task"))  # noqa: PTH208 - of /proc
