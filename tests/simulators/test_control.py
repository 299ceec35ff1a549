"""The control port, spoken to by Python's own HTTP client."""

from __future__ import annotations

import http.client
import json
import socket
import time

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
        self.port = port
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
        ("POST", "/printers/labels/faults", {"fault": "explode"}, 400, "no fault 'explode'"),
        ("POST", "/printers/labels/faults", {"fault": "noise"}, 400, "can have no effect on this printer"),
        ("POST", "/printers/labels/faults", {"fault": "clear=nonsense"}, 400, "no fault 'nonsense'"),
        ("POST", "/printers/labels/faults", {"fault": ""}, 400, "no fault is named"),
        ("POST", "/printers/labels/faults", {"fault": 5}, 400, "of the form"),
        ("POST", "/printers/labels/faults", {}, 400, "of the form"),
        ("POST", "/printers/labels/faults", ["x"], 400, "no JSON object"),
        ("DELETE", "/printers/labels/faults/nonsense", None, 404, "no fault 'nonsense'"),
        ("PATCH", "/printers/labels", {"colour": 1}, 400, "no setting colour"),
        ("PATCH", "/printers/labels", {}, 400, "nothing to change"),
        ("PATCH", "/printers/labels", {"units_per_second": -8}, 400, "units_per_second: -8"),
        ("PATCH", "/printers/labels", {"units_per_second": True}, 400, "not a number"),
        ("PATCH", "/printers/labels", {"units_per_second": float("nan")}, 400, "units_per_second: nan"),
        ("PATCH", "/printers/labels", {"units_per_second": "8"}, 400, "not a number"),
        ("PATCH", "/printers/labels", {"media": -1}, 400, "media: -1"),
        ("PATCH", "/printers/labels", {"media": 1.5}, 400, "not a whole number"),
        ("PATCH", "/printers/labels", {"keep_units": 0}, 400, "keep_units: 0"),
        ("PATCH", "/printers/labels", {"drawer": "shut"}, 400, "no setting drawer"),
        ("PUT", "/printers/labels", {"media": 1}, 405, "GET and PATCH only"),
        ("POST", "/printers", {}, 405, "GET only"),
        ("GET", "/printers/nobody", None, 404, "there are: labels"),
        ("GET", "/elsewhere", None, 404, "nothing at"),
        ("GET", "/printers/labels/units/9.png", None, 404, "no picture"),
        ("GET", "/printers/labels/units/%C2%B2.png", None, 404, "no picture"),
        ("GET", "/printers/labels/units?from=x", None, 400, "no number"),
        ("GET", "/printers/labels/units?from=%C2%B2", None, 400, "no number"),
        ("GET", "/printers/labels/units?outcome=lost", None, 400, "no outcome 'lost'"),
    ],
)
def test_a_wrong_request_gets_a_sentence_and_changes_nothing(control, method, path, body, status, part):
    ask, printer = control
    before = printer.status()
    assert part in ask(method, path, body, status)["error"]
    assert printer.status() == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example:8631"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:8631"}, 200),
        ({"Host": "127.0.0.1:8631", "Origin": "http://127.0.0.1:8631"}, 200),
    ],
)
def test_a_page_in_a_browser_breaks_no_printer(control, headers, status):
    ask, printer = control
    connection = http.client.HTTPConnection("127.0.0.1", ask.port, timeout=5)
    connection.request("POST", "/printers/labels/faults", b'{"fault": "jam"}', headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert ("jam" in printer.status()["conditions"]) is (status == 200)
    connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /printers/labels/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET /printers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (
            b"POST /printers/labels/faults HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"8000\r\n" + b" " * 0x8000 + b"\r\n8000\r\n" + b" " * 0x8000 + b"\r\n1\r\n \r\n0\r\n\r\n", 413,
        ),
        (b"GET /printers HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /printers HTTP/1.1\r\nHost: localhost\r\nContent-Length: \xb2\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /printers HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"a" * 100_000, 431),
    ],
)  # fmt: skip
def test_what_is_no_request_is_answered_and_never_waited_for(control, request_bytes, status):
    ask, _ = control
    with socket.create_connection(("127.0.0.1", ask.port), 5) as sock:
        sock.sendall(request_bytes)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        assert answer.status == status
        assert "error" in json.loads(answer.read())


def test_a_picture_that_cannot_be_drawn_is_an_error_of_the_personality(control, monkeypatch):
    ask, printer = control

    def breaks(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(printer.printer.personality, "render", breaks)
    send(printer, label(1))
    printer.wait_units(1)
    assert "could not draw it" in ask("GET", "/printers/labels/units/1.png", None, 500)["error"]
    assert printer.wait_event("personality failed")


def test_memory_is_bounded_and_counting_goes_on(control):
    ask, printer = control
    ask("PATCH", "/printers/labels", {"keep_units": 8})
    send(printer, b"".join(label(n) for n in range(100)))
    deadline = time.monotonic() + 30
    while ask("GET", "/printers/labels")["printed"] < 100:
        assert time.monotonic() < deadline
    answer = ask("GET", "/printers/labels/units")
    assert len(answer["units"]) <= 10
    assert answer["forgotten"] == 100 - len(answer["units"])
    assert answer["units"][-1]["unit"] == 100
    printer.fault("jam=0.01")
    after = ask("GET", "/printers/labels/events")["next"]
    assert ask("GET", f"/printers/labels/events?from={after}")["events"] == []
    printer.fault("pause")
    later = ask("GET", f"/printers/labels/events?from={after}")["events"]
    assert [row["fault"] for row in later if row["event"] == "fault"] == ["pause"]
    with pytest.raises(LookupError, match="not in memory any more"):
        printer.serials()


def test_a_change_with_one_bad_key_changes_nothing(sim_loop, sim_printer):
    printer = sim_printer("escpos")
    server = ControlServer({"till": printer.printer})
    sim_loop.run(server.start())
    client = Control(server.port)
    try:
        send(printer, b"\x1bp\x00\x19\xfa")
        printer.wait_event("drawer opened")
        # Keys of a set come in any order: several, so that one of them comes behind the drawer.
        for bad in ("zzz", "aaa", "m", "q"):
            client("PATCH", "/printers/till", {"drawer": "shut", bad: 1, "units_per_second": 5}, 400)
        assert printer.printer.personality.status.drawer_open
        assert printer.printer.core.path.unit_s == 0
        client("PATCH", "/printers/till", {"drawer": "shut", "units_per_second": 5})
        assert not printer.printer.personality.status.drawer_open
    finally:
        client.close()
        sim_loop.run(server.stop())
