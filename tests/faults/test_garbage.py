"""Whatever is thrown at a listener, it goes on serving, and a document on its way is not disturbed."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from tests.rig.documents import noise
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import brief, printed, real_fabric
from tests.rig.receivers import TcpReceiver

TLS_HELLO = bytes.fromhex(
    "16030100a5010000a10303" + "5a" * 32 + "20" + "a5" * 32 + "0006130113021303010000520000000e000c0000096c6f63"
    "616c686f7374000b00020100000a00040002001d000d00060004040308070033002600240" + "01d0020" + "77" * 32
).ljust(170, b"\0")  # fmt: skip
GARBAGE = {
    "HTTP/1": b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a TLS hello": TLS_HELLO,
    "an empty line": b"\r\n",
    "an HTTP/2 preface and then nonsense": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 400,
    "a frame of 16 MiB": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    "headers without an end": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\4\1\0\0\0\0\1\x82\x86\x84\x41",
    "a print job": b"^XA^FO50,50^FDto the wrong port^FS^XZ" * 50,
}  # fmt: skip


def _throw(address: str, garbage: bytes, *, half: bool = False) -> None:
    host, _, number = address.rpartition(":")
    with socket.create_connection((host, int(number)), 5) as connection:
        connection.settimeout(0.2)
        try:
            connection.sendall(garbage)
            if half:
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            return  # it hung up, or says nothing


@pytest.mark.timeout(90)
def test_garbage_on_every_listener_disturbs_nobody(tmp_path: Path, chance: random.Random):
    receiver = TcpReceiver("IP_A", rate=400_000)
    document = noise(3_000_000, 5)
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        programs: list[Program] = [fabric.spooler, fabric.portmon]
        memory = {one.module: one.most_memory() for one in programs}
        pids = [one.pid for one in programs]
        job = client.submit(document, printer="ip_a")
        wait_until(lambda: receiver.count > 0)
        for program in programs:
            assert len(program.addresses) == 2
            for address in program.addresses:
                for garbage in GARBAGE.values():
                    _throw(address, garbage, half=chance.random() < 0.5)
                for _ in range(20):
                    _throw(address, chance.randbytes(chance.randrange(1, 100_000)))
            host, _, number = program.address.rpartition(":")
            crowd = [socket.create_connection((host, int(number)), 5) for _ in range(100)]
            for connection in crowd:
                connection.sendall(chance.randbytes(9))
            assert client.get(job.number).number == job.number
            for connection in crowd:
                connection.close()
        receiver.rate = 0
        job = client.wait(job.number, timeout_s=30, or_decision=True)
        assert printed(job), brief(job)
        assert job.attempts == 1
        assert all(one.runs for one in programs)
        assert [one.pid for one in programs] == pids
        grown = {one.module: one.most_memory() - memory[one.module] for one in programs}
        print(f"memory grew by {grown}")
        assert all(size < 64 << 20 for size in grown.values()), grown
    same = receiver.settled() == document
    assert same, f"{receiver.count} bytes of {len(document)}"


@pytest.mark.timeout(90)
def test_a_printer_that_talks_nonsense_back_changes_nothing(tmp_path: Path, chance: random.Random):
    receiver = Talker("IP_A")
    receiver.words = chance.randbytes(4096)
    document = noise(1_000_000, 6)
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        job = client.wait(client.submit(document, printer="ip_a").number, timeout_s=30, or_decision=True)
        assert printed(job), brief(job)
    assert receiver.settled() == document


class Talker(TcpReceiver):
    """A printer that says something after all it has read."""

    words = b""

    def _heard(self, connection: socket.socket) -> None:
        connection.sendall(self.words)
