"""A TCP proxy that is a long line: what it takes comes out later, at a bandwidth."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time

from tests.surroundings import free_port

_PIECE = 16 * 1024


class DelayingProxy:
    """Forwards to `target` ("host:port"), there and back in `delay_s`, `rate` bytes a second each way of a connection."""

    def __init__(self, target: str, delay_s: float, rate: int) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._one_way_s, self._rate = delay_s / 2, rate
        self._most = (
            8 + int(rate * delay_s) // _PIECE
        )  # pieces on their way; a line of this length has half of them
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    @property
    def address(self) -> str:
        """Where to reach it."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        """Cut everything and listen no more."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for one in self._sockets:
            one.close()

    def _spawn(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="line", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target, 5)
                for one in (near, far):
                    one.settimeout(None)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._sockets.append(one)
                for source, target in ((near, far), (far, near)):
                    on_the_way: queue.Queue[tuple[float, bytes]] = queue.Queue(self._most)
                    self._spawn(self._take, source, on_the_way)
                    self._spawn(self._give, on_the_way, target)

    def _take(self, source: socket.socket, on_the_way: queue.Queue[tuple[float, bytes]]) -> None:
        free_at, data = 0.0, b"."
        while data:
            try:
                data = source.recv(_PIECE)
            except OSError:
                data = b""
            free_at = max(time.monotonic(), free_at) + len(data) / self._rate
            on_the_way.put((free_at + self._one_way_s, data))
            # A thread that sleeps wakes up late: it may be ahead by a little, so that the line is never idle for that.
            time.sleep(max(0.0, free_at - time.monotonic() - 0.002))

    def _give(self, on_the_way: queue.Queue[tuple[float, bytes]], target: socket.socket) -> None:
        data = b"."
        with contextlib.suppress(OSError):
            while data:
                due, data = on_the_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
        while data:  # whoever takes must not wait for room
            _, data = on_the_way.get()
