"""One address in front of several consoles: each request goes to the next one, as behind an ingress without affinity."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PIECE = 64 << 10
# What belongs to one connection is not passed on (RFC 9110, 7.6.1).
_OF_ONE_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})


class TwoDoors:
    """It serves. `used` counts the requests that each console had."""

    def __init__(self, address: str, used: Counter[str]) -> None:
        self.address = address
        self.used = used


@contextmanager
def two_doors(consoles: Sequence[str]) -> Iterator[TwoDoors]:
    """Serve in front of consoles, given by their addresses."""
    turns, used, guard = itertools.cycle(consoles), Counter[str](), threading.Lock()

    class Pass(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with guard:
                to = next(turns)
                used[to] += 1
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with closing(HTTPConnection(to.removeprefix("http://"), timeout=60)) as behind:
                try:
                    behind.request(self.command, self.path, body, dict(self.headers))
                    answer = behind.getresponse()
                    self.send_response_only(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in _OF_ONE_HOP:
                            self.send_header(name, value)
                    self.send_header("connection", "close")
                    self.end_headers()
                    while piece := answer.read1(_PIECE):
                        self.wfile.write(piece)
                except (OSError, HTTPException):
                    self.close_connection = True  # the browser is gone, or the console is

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pass)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="two-doors")
    thread.start()
    try:
        yield TwoDoors(f"http://127.0.0.1:{server.server_address[1]}", used)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
