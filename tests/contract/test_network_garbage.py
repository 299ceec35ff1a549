"""Network ports and peers that speak nonsense: each document ends with a known failure, and the port lives on."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import FabricError
from portmon.document import Disposition, DocInfo, Phase
from portmon.port_state import PortState
from tests.contract.monitor_contract import Bench, new_key
from tests.contract.peer import Rig

ROUNDS = 40
SETTINGS: dict[str, dict[str, Any]] = {
    "raw": {"endTimeoutS": 0.05},
    "lpr": {"queue": "lp", "answerTimeoutS": 0.1},
    "ipp": {"answerTimeoutS": 0.1, "confirmTimeoutS": 0.1},
}
# What makes nonsense believable enough to be looked at.
BEGINNINGS = {
    "raw": [b""],
    "lpr": [b"\0", b"\0\0", b"\0\0\0", b"\0\0\0\0", b"\0\0\0\1", b""],
    "ipp": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\1\1\0\0\0\0\0\1\3",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\1\1\0\0\0\0\0\1\2\3",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"",
    ],
}


class Babbler(Rig):
    """Answers whatever comes with a beginning that could be right, then noise; then closes, resets, or says no more."""

    pipe = False

    def __init__(self, folder: Path, scheme: str) -> None:
        super().__init__(folder)
        self.scheme, self.port, self.dice = scheme, "IP_BABBLER", random.Random(scheme)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self._listener.getsockname()[1], **SETTINGS[self.scheme]}

    def _run(self) -> None:
        while not self._ended:
            if not select.select([self._listener], [], [], 0.02)[0]:
                continue
            connection, _ = self._listener.accept()
            with connection:
                try:
                    self._babble(connection)
                except OSError:
                    continue

    def _babble(self, connection: socket.socket) -> None:
        connection.settimeout(0.3)
        connection.recv(65536)
        for _ in range(self.dice.randrange(1, 4)):
            noise = self.dice.randbytes(self.dice.choice([0, 1, 30, 3000]))
            connection.sendall(self.dice.choice(BEGINNINGS[self.scheme]) + noise)
        how = self.dice.choice(["close", "reset", "silence"])
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "silence":
            while connection.recv(65536):
                pass

    def stop(self) -> None:
        self._ended = True
        self._thread.join(5)
        self._listener.close()


@pytest.fixture(params=sorted(SETTINGS))
def babbler(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Babbler]:
    found = Babbler(tmp_path, request.param)
    yield found
    found.stop()


async def test_a_peer_that_babbles_ends_documents_with_known_failures_and_the_port_lives_on(
    babbler: Babbler,
) -> None:
    bench = Bench(babbler)
    session = await bench.open()
    session.set_write_timeout(0.3)
    for number in range(ROUNDS):
        key, data = new_key(), bytes(number) * 50
        end = await bench.slice(
            key, start=DocInfo(size_bytes=len(data)), data=data, end=Disposition.COMPLETE, size=len(data)
        )
        if end.phase is Phase.IN_PROGRESS:
            assert end.error is not None
            end = await session.abort(key)
        if end.error is not None:
            assert isinstance(end.error, FabricError)
            assert end.error.win32 != 31, f"a failure nobody foresaw: {end.error!r}"
        assert session.state is PortState.OPEN, end
        bench.journal.settle([key], "fabric")
    await bench.close()
    bench.journal.close()
