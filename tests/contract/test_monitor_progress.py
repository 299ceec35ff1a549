"""A slow printer's progress is heard while it prints, not only at the end."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path

from portmon.counters import PortCounters
from portmon.document import Disposition, DocInfo, DocKey, Progress, Slice
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit
from portmon.monitors.raw import RawMonitor, RawSettings
from portmon.session import PortSession

SIZE = 400_000


def read_slowly(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while connection.recv(20_000):
            time.sleep(0.05)


async def test_acknowledged_bytes_move_while_a_slow_printer_takes_one_slice(tmp_path: Path) -> None:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    server.bind(("127.0.0.1", 0))
    server.listen()
    reader = threading.Thread(target=read_slowly, args=(server,))
    reader.start()
    journal = Journal.open(tmp_path / "journal", "P:", slots=16)
    session = PortSession("P:", "fabric", journal, PortCounters())
    await session.open(
        RawMonitor(MonitorInit("edge", tmp_path)), RawSettings(host="127.0.0.1", port=server.getsockname()[1])
    )
    heard: list[int] = []
    done: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()

    def reply(progress: Progress, last: bool) -> None:
        heard.append(progress.acked)
        if last:
            done.set_result(progress)

    key = DocKey(bytes(16), 1)
    session.submit(Slice(key, reply, start=DocInfo(), data=b"x" * SIZE, end=Disposition.COMPLETE, size=SIZE))
    end = await asyncio.wait_for(done, 30)
    await session.close()
    await asyncio.to_thread(reader.join)
    server.close()
    journal.close()
    assert end.error is None
    assert end.acked == SIZE
    assert len({acked for acked in heard if 0 < acked < SIZE}) >= 3
    assert heard == sorted(heard)
