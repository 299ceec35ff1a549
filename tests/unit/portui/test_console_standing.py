"""What printers say of themselves, and simulated printers, which answer anything or nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from portui.simulated import Simulators
from portui.standing import Saying, Standing, standing


def said(**values: str) -> list[Saying]:
    return [
        Saying("\\Printer." + path.replace("__", ":").replace("_", "."), value, "STRING")
        for path, value in values.items()
    ]


def test_levels_are_per_cent_low_at_the_mark_that_is_told_and_what_is_not_known_is_said_to_be():
    found = standing(
        0,
        said(
            Consumables_Ribbon__Level="18",
            Consumables_Ribbon__Model="Wax ribbon",
            Consumables_Toner__Level="-1",
            Layout_InputBins_Tray1__Level="10",
            Layout_InputBins_Tray1__Capacity="250",
            Extension_LowLevel_Consumables__Ribbon="25",
            Extension_LowLevel_InputBins__Tray1="9",
        ),
    )
    assert [(one.name, one.level, one.low_at, one.low) for one in found.supplies] == [
        ("Wax ribbon", 18, 25, True),
        ("Toner", None, None, False),
        ("Tray1", 10, 9, False),
    ]


def test_what_is_the_matter_comes_worst_first_with_state_and_reasons():
    found = standing(
        0,
        said(
            Status_Summary__State="Stopped",
            Status_Summary__StateReason="MediaEmpty",
            Status_Detailed_Event1__Name="InputTraySupplyLow",
            Status_Detailed_Event1__Severity="Warning",
            Status_Detailed_Event2__Name="CoverOpen",
            Status_Detailed_Event2__Severity="Critical",
        ),
    )
    assert found.says == "Stopped: MediaEmpty"
    assert found.events == (("CoverOpen", "Critical"), ("InputTraySupplyLow", "Warning"))


def test_a_printer_that_only_says_that_it_is_there_is_silent_and_one_that_does_not_answer_is_told():
    assert standing(0, said(Status_Summary__State="Idle")).silent
    assert standing(13004, []) == Standing(wrong="The host does not answer.")


@pytest.fixture
def simulators() -> Iterator[tuple[Simulators, dict[str, bytes]]]:
    """Lend simulators whose control answers what the test says."""
    answers: dict[str, bytes] = {}

    class Control(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path.partition("?")[0])
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Control)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Simulators(f"http://127.0.0.1:{server.server_port}"), answers
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_port_finds_the_simulator_at_its_address_and_the_newest_paper(simulators):
    found, answers = simulators
    rows = [{"name": "labels", "address": {"tcp": 9100}, "conditions": ["cover-open"], "printed": 2}]
    answers["/printers"] = json.dumps({"printers": rows}).encode()
    units = [{"unit": n, "kind": "label", "outcome": "printed", "time": 1000.0 + n} for n in (1, 2)]
    answers["/printers/labels/units"] = json.dumps({"units": units}).encode()
    one = await found.at("127.0.0.1:9100")
    assert one is not None
    assert (one.name, one.conditions) == ("labels", ("cover-open",))
    assert [paper.number for paper in await found.paper(one, None, None, 4)] == [2, 1]
    assert await found.at("127.0.0.1:9101") is None
    assert await found.at("") is None


async def test_a_simulator_is_known_by_each_name_of_its_node_by_its_queue_and_by_its_uri(
    simulators, tmp_path
):
    found, answers = simulators
    node, by_id = tmp_path / "ttyUSB0", tmp_path / "usb-FTDI_A10K3T01-if00-port0"
    node.symlink_to("/dev/null")
    by_id.symlink_to(node)
    rows = [
        {"name": "scale", "address": {"pty": str(node)}},
        {"name": "lists", "address": {"lpd": 515, "snmp": 161}},
        {"name": "notes", "address": {"ipp": "ipp://127.0.0.1:631/ipp/print"}},
    ]
    answers["/printers"] = json.dumps({"printers": rows}).encode()
    for device, name in (
        (str(by_id), "scale"),
        ("127.0.0.1:515/lp", "lists"),
        ("ipp://127.0.0.1:631/ipp/print", "notes"),
    ):
        one = await found.at(device)
        assert one is not None
        assert one.name == name
    assert await found.at(str(tmp_path / "ttyUSB1")) is None


@pytest.mark.parametrize(
    "nonsense", [b"", b"[]", b"\xff", b'{"printers": 5}', b'{"printers": [5, {"address": 3}]}']
)
async def test_whatever_a_control_answers_the_console_goes_on(simulators, nonsense: bytes):
    found, answers = simulators
    answers["/printers"] = nonsense
    assert await found.at("127.0.0.1:9100") is None
    assert await found.picture("labels", 1) == b""


async def test_without_simulators_nothing_is_asked():
    assert await Simulators("").at("127.0.0.1:9100") is None
