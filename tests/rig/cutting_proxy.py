"""A TCP proxy that limits, cuts and withholds: the network between two services."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time

from tests.surroundings import free_port

_RESET = struct.pack("ii", 1, 0)
_LOOK_S = 0.02


class CuttingProxy:
    """Forwards to `target` ("host:port", or the path of a unix socket). `forwarded` counts the bytes towards it."""

    def __init__(self, target: str, rate: int = 0) -> None:
        self._target = target
        self.rate = rate  # bytes a second towards the target; 0: no limit
        self.forwarded = 0
        self.cuts = 0
        self.held = False  # forwards nothing, either way, and says nothing
        self.away = False  # lets nobody through
        self._generation = 0
        self._open = 0
        self._ended = False
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    @property
    def address(self) -> str:
        """Where to reach it."""
        host, number = self._listener.getsockname()
        return f"{host}:{number}"

    @property
    def connected(self) -> bool:
        """Somebody is connected."""
        return self._open > 0

    def cut(self) -> None:
        """Reset all connections, both sides; what was on its way is lost. New ones are let through."""
        with self._lock:
            self._generation += 1
            self.cuts += 1

    def part(self) -> None:
        """Cut all connections, and let no new ones through until `away` is False again."""
        self.away = True
        self.cut()

    def close(self) -> None:
        """Cut everything and listen no more."""
        self._ended = True
        self.cut()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="proxy", daemon=True)  # type: ignore[arg-type]
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def _accept(self) -> None:
        while not self._ended:
            try:
                if not select.select([self._listener], [], [], _LOOK_S)[0]:
                    continue
                near, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            if self.away:
                near.close()
                continue
            try:
                far = self._reached()
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.settimeout(None)
                if one.family != socket.AF_UNIX:
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._serve, near, far, self._generation)

    def _reached(self) -> socket.socket:
        if self._target.startswith("/"):
            with contextlib.ExitStack() as unless_reached:
                far = unless_reached.enter_context(socket.socket(socket.AF_UNIX))
                far.connect(self._target)
                unless_reached.pop_all()
            return far
        host, _, number = self._target.rpartition(":")
        return socket.create_connection((host, int(number)), 5)

    def _passes(self, _connection: socket.socket, _data: bytes, *, to_target: bool) -> bool:
        """Look at what came on a connection; False: it is lost, and the connection with it."""
        return True

    def _serve(self, near: socket.socket, far: socket.socket, generation: int) -> None:
        """Pump both ways in one thread; a side that does not take holds up the other, as a thin line does."""
        self._open += 1
        waiting = {near: b"", far: b""}  # for whom
        ready_at = 0.0
        try:
            for one in waiting:
                one.setblocking(False)
            while generation == self._generation:
                throttled = time.monotonic() < ready_at
                readable = [] if self.held else [far] if throttled else [near, far]
                readable = [one for one in readable if not waiting[far if one is near else near]]
                writable = [one for one in waiting if waiting[one]]
                can_read, can_write, _ = select.select(
                    readable, writable, [], _LOOK_S / 10 if throttled else _LOOK_S
                )
                for one in can_read:
                    data = one.recv(65536)
                    if not data or not self._passes(near, data, to_target=one is near):
                        return
                    other = far if one is near else near
                    waiting[other] += data
                    if one is near:
                        self.forwarded += len(data)
                        ready_at = time.monotonic() + (len(data) / self.rate if self.rate else 0)
                for one in can_write:
                    sent = one.send(waiting[one])
                    waiting[one] = waiting[one][sent:]
        except OSError:
            return
        finally:
            self._open -= 1
            for one in (near, far):
                with contextlib.suppress(OSError):
                    if generation != self._generation:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    one.close()
