"""S35, S36 and S41 to S44: language monitors above a port monitor."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.statements.stage import Stage
from tests.rig.programs import wait_until
from tests.rig.real_fabric import printed
from tests.rig.wire import refusal

NEEDED = ("OPEN_PORT", "START_DOC_PORT", "WRITE_PORT", "READ_PORT", "END_DOC_PORT", "CLOSE_PORT")


def opening(stage: Stage, port: str, *missing: str) -> pb.OpenPortExRequest:
    """Return a request for a port through PJL, of a port monitor that lacks some functions."""
    request = pb.OpenPortExRequest(language_monitor="PJL", bidirectional=True)
    request.open.owner.CopyFrom(stage.holder.owner)
    request.open.port, request.open.fence, request.open.printer = port, stage.fence(), "statement"
    functions = [f"MONITOR_FUNCTION_{name}" for name in missing]
    request.port_monitor.capabilities.extend(
        value for name, value in pb.MonitorFunction.items() if value and name not in functions
    )
    return request


def test_s35_postscript_and_pcl_through_their_own_monitors(stage: Stage) -> None:
    receiver = stage.tcp[0]
    scripts = [b"%%!PS-Adobe-3.0\n%d showpage\n\x04" % number for number in range(3)]
    sheets = [b"\x1bE%d PCL\x0c\x1bE" % number for number in range(3)]
    with stage.printer("IP_1") as postscript, stage.printer("IP_1", language_monitor="PJL") as pcl:
        before, begun = len(receiver.paper), len(stage.openings("IP_1"))
        numbers = []
        for script, sheet in zip(scripts, sheets, strict=True):
            numbers += [stage.submit(postscript, script), stage.submit(pcl, sheet)]
        for number in numbers:
            assert printed(stage.client.wait(number, timeout_s=60))
        paper = bytes(receiver.paper[before:])
        opened = [word for word in stage.openings("IP_1")[begun:] if word != "ClosePort"]
    uel, said = rb"\x1b%-12345X", rb"(?:@PJL[^\r]*\r\n)*"
    begin = uel + said + rb"@PJL JOB NAME=[^\r]*\r\n" + said + uel
    end = uel + rb"@PJL\r\n@PJL EOJ NAME=[^\r]*\r\n" + said + uel
    wrapped = re.compile(begin + b"(" + b"|".join(map(re.escape, sheets)) + b")" + end)
    assert wrapped.findall(paper) == sheets, "each arrives whole, once, in its own monitor's words"
    assert wrapped.sub(b"", paper) == b"".join(scripts), "and PostScript without any, with nothing in between"
    assert set(opened) == {"OpenPort", "OpenPortEx PJL"}
    assert all(one != two for one, two in pairwise(opened)), "handed over for another monitor alone"


def test_s36_close_port_when_a_job_needs_another_language_monitor(stage: Stage) -> None:
    with (
        stage.printer("IP_2", language_monitor="PJL") as one,
        stage.printer("IP_2", language_monitor="ZPL") as two,
    ):
        begun = len(stage.openings("IP_2"))
        stage.print(one, b"page\x0c")
        number = stage.submit(two, b"^XA^XZ")
        wait_until(lambda: stage.openings("IP_2")[-1] == "OpenPortEx ZPL")
        words = stage.openings("IP_2")[begun:]
        assert words[-3:] == ["OpenPortEx PJL", "ClosePort", "OpenPortEx ZPL"]
        stage.client.wait(number, timeout_s=60)


def test_s41_language_monitors_implement_open_port_ex(stage: Stage) -> None:
    hello = stage.holder.stub.Initialize(pb.InitializeRequest(owner=stage.holder.owner))
    kinds = {one.name: (one.kind, set(one.capabilities)) for one in hello.monitors}
    kind, functions = kinds["PJL"]
    assert kind == pb.MONITOR_KIND_LANGUAGE
    assert pb.MONITOR_FUNCTION_OPEN_PORT_EX in functions
    kind, functions = kinds["Local Port"]
    assert kind == pb.MONITOR_KIND_PORT
    assert pb.MONITOR_FUNCTION_OPEN_PORT_EX not in functions


def test_s42_the_printers_name_goes_along(stage: Stage) -> None:
    with stage.printer("IP_3", language_monitor="PJL") as printer:
        before = len(stage.tcp[2].paper)
        job = stage.print(printer, b"page\x0c")
        asked = [one for one in stage.log.of("IP_3") if one.function == "OpenPortEx"][-1].request
        assert asked.open.printer == printer
        assert asked.open.port == "IP_3"
        assert asked.language_monitor == "PJL"
        assert re.search(rb"@PJL JOB NAME[^\r\n]*%d" % job.number, bytes(stage.tcp[2].paper[before:]))


def test_s43_the_port_monitors_routines_are_validated(stage: Stage) -> None:
    for name in NEEDED:
        error = refusal(partial(stage.holder.stub.OpenPortEx, opening(stage, "IP_3", name)))
        assert (error.win32, error.code) == (3007, "FAILED_PRECONDITION"), name
        assert not stage.held("IP_3")


def test_s44_the_language_monitor_gets_the_port_monitors_handle(stage: Stage) -> None:
    opened = stage.holder.stub.OpenPortEx(opening(stage, "COM2:")).open
    assert opened.handle.token
    hold = stage.enum()["COM2:"].hold
    assert hold.language_monitor == "PJL"
    stage.holder.close(opened.handle)
    assert not stage.held("COM2:")
    # What the port monitor says is what the caller hears, and nothing stays open.
    busy = stage.holder.open("COM2:", stage.fence())
    request = opening(stage, "COM2:")
    request.open.owner.fabric_id = "somebody-else"
    assert refusal(lambda: stage.holder.stub.OpenPortEx(request)).win32 == 170
    stage.holder.close(busy)
    assert refusal(lambda: stage.holder.stub.OpenPortEx(opening(stage, "COM99:"))).win32 == 1796
    assert not stage.held("COM2:")
