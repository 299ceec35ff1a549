"""S35, S36, S42 and S44: language monitors of ours above a port monitor."""

from __future__ import annotations

import re
from itertools import pairwise

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.contract.statements.stage import Stage, events
from tests.rig.programs import wait_until
from tests.rig.real_fabric import printed
from tests.rig.wire import refusal


def opening(stage: Stage, port: str) -> pb.OpenPortExRequest:
    """Return a request for a port through PJL."""
    request = pb.OpenPortExRequest(language_monitor="PJL", bidirectional=True)
    request.open.owner.CopyFrom(stage.holder.owner)
    request.open.port, request.open.fence, request.open.printer = port, stage.fence(), "statement"
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


def test_s42_pjl_is_told_the_printers_name_and_the_port_monitors_functions(stage: Stage) -> None:
    with stage.printer("IP_3", language_monitor="PJL") as printer:
        before = len(stage.tcp[2].paper)
        job = stage.print(printer, b"page\x0c")
        asked = [one for one in stage.log.of("IP_3") if one.function == "OpenPortEx"][-1].request
        assert (asked.open.printer, asked.open.port, asked.language_monitor) == (printer, "IP_3", "PJL")
        assert asked.port_monitor.monitor == "Standard TCP/IP Port"
        assert pb.MONITOR_FUNCTION_READ_PORT in asked.port_monitor.capabilities
        opened = events(stage.portmon, "language monitor opened")[-1]
        assert (opened["language"], opened["printer"]) == ("PJL", printer)
        assert re.search(rb"@PJL JOB NAME[^\r\n]*%d" % job.number, bytes(stage.tcp[2].paper[before:]))


def test_s44_a_port_that_somebody_holds_is_refused_as_open_port_refuses_it(stage: Stage) -> None:
    busy = stage.holder.open("COM2:", stage.fence())
    request = opening(stage, "COM2:")
    request.open.owner.fabric_id = "somebody-else"
    assert refusal(lambda: stage.holder.stub.OpenPortEx(request)).win32 == 170
    stage.holder.close(busy)
    assert refusal(lambda: stage.holder.stub.OpenPortEx(opening(stage, "COM99:"))).win32 == 1796
    assert not stage.held("COM2:")
    handle = stage.holder.stub.OpenPortEx(opening(stage, "COM2:")).open.handle
    assert stage.enum()["COM2:"].hold.language_monitor == "PJL"
    stage.holder.close(handle)
    assert not stage.held("COM2:")
