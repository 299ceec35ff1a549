"""The control port, spoken to by Python's own HTTP client."""

from __future__ import annotations

import http.client
import json
import socket

import pytest

from printfabric_sim.control import ControlServer
from tests.simulators.test_zpl import label


@pytest.fixture
def control(sim_loop, sim_printer):
    printer = sim_printer("zpl", name="labels")
    server = ControlServer({"labels": printer.printer})
    sim_loop.run(server.start())
    client = Control(server.port)
    yield client, printer
    client.close()
    sim_loop.run(server.stop())


class Control:
    """A client of the control port."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def close(self) -> None:
        self._connection.close()

    def __call__(self, method: str, path: str, body: object = None, status: int = 200):
        self._connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = self._connection.getresponse()
        data = answer.read()
        assert answer.status == status, data
        return json.loads(data) if answer.headers["Content-Type"] == "application/json" else data


def send(printer, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", printer.port), 5) as sock:
        sock.sendall(data)


def test_faults_are_set_seen_and_ended_from_outside(control):
    ask, printer = control
    assert ask("POST", "/printers/labels/faults", {"fault": "media-out; reset@unit:99"})["conditions"] == [
        "media-out"
    ]
    assert ask("GET", "/printers/labels")["faults_waiting"] == [
        {"fault": "reset@unit:99", "due": 99, "left": 1}
    ]
    send(printer, label(1))
    assert ask("DELETE", "/printers/labels/faults/media-out")["conditions"] == []
    printer.wait_units(1)
    assert ask("DELETE", "/printers/labels/faults")["faults_waiting"] == []


def test_units_and_pictures_are_read_from_outside(control):
    ask, printer = control
    send(printer, label(1) + label(2))
    printer.wait_units(2)
    units = ask("GET", "/printers/labels/units?from=2")["units"]
    assert [unit["serial"] for unit in units] == ["00002"]
    assert ask("GET", "/printers/labels/units/1.png").startswith(b"\x89PNG")
    assert ask("GET", "/printers/labels/units/1.txt") == b"SERIAL 00001"
    assert ask("GET", "/printers/labels/events")["events"][0]["event"] == "connected"
    assert ask("GET", "/printers")["printers"][0]["printed"] == 2
    assert "reset" in ask("GET", "/faults")


def test_speed_and_media_change_while_it_runs(control):
    ask, printer = control
    ask("PATCH", "/printers/labels", {"units_per_second": 5, "media": 1})
    send(printer, label(1) + label(2))
    printer.wait_units(1)
    assert ask("GET", "/printers/labels")["conditions"] == ["media-out"]
    ask("PATCH", "/printers/labels", {"media": None})
    printer.wait_units(2)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "part"),
    [
        ("POST", "/printers/labels/faults", {"fault": "explode"}, 400, b"no fault 'explode'"),
        ("POST", "/printers/labels/faults", ["x"], 400, b"no JSON object"),
        ("PATCH", "/printers/labels", {"colour": 1}, 400, b"no setting colour"),
        ("GET", "/printers/nobody", None, 404, b""),
        ("GET", "/printers/labels/units/9.png", None, 404, b""),
        ("GET", "/printers/labels/units?from=x", None, 400, b""),
    ],
)
def test_a_wrong_request_gets_a_sentence(control, method, path, body, status, part):
    ask, _ = control
    answer = ask(method, path, body, status)
    assert part in (answer if isinstance(answer, bytes) else json.dumps(answer).encode())
