"""The living fleet loads new rolls by itself, and a control that is away stops nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from printfabric_client.up import traffic
from printfabric_client.up.demo_fleet import FLEET

DOCK = next(demo for demo in FLEET if demo.roll)


@pytest.fixture
def control() -> Iterator[tuple[str, dict[str, int], list[bytes]]]:
    left: dict[str, int] = {"media_left": DOCK.roll}
    loaded: list[bytes] = []

    class Control(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(json.dumps(left).encode())

        def do_PATCH(self) -> None:
            loaded.append(self.rfile.read(int(self.headers["content-length"])))
            self._say(b"{}")

        def _say(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Control)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", left, loaded
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_roll_that_comes_to_its_end_is_replaced_and_a_full_one_is_not(control):
    address, left, loaded = control
    traffic._load(address, DOCK)
    assert loaded == []
    left["media_left"] = DOCK.roll // 40
    traffic._load(address, DOCK)
    assert [json.loads(body) for body in loaded] == [{"media": DOCK.roll, "ribbon": DOCK.roll}]


def test_a_control_that_is_away_stops_nothing():
    traffic._load("http://127.0.0.1:1", DOCK)
