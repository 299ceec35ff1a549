"""Calls that never wait keep the interpreter's lock, and say what the socket module's say."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from portmon.tcp.prompt_socket import PROMPT_BYTES, PromptSocket
from tests.rig.programs import wait_until
from tests.surroundings import missing

DOCUMENTS = 100


def listening(family: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1" if family == socket.AF_INET else "::1", 0), family=family)
    except OSError as error:
        if family == socket.AF_INET:
            raise
        missing(f"this machine has no IPv6: {error}")


def fill(near: socket.socket) -> None:
    while near.send(bytes(PROMPT_BYTES)):
        pass


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[PromptSocket, socket.socket]]:
    """Lend a connection and its far end."""
    with listening(request.param) as server, PromptSocket(request.param) as near:
        assert near.connect_ex(server.getsockname()) in (0, errno.EINPROGRESS)
        far, _ = server.accept()
        with far:
            far.settimeout(30)
            yield near, far


@pytest.fixture
def others_turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Lend how often another thread had the interpreter, which it has only when this one gives it away."""
    turns, over, before = 0, threading.Event(), sys.getswitchinterval()

    def run() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            time.sleep(0)

    sys.setswitchinterval(60)
    other = threading.Thread(target=run)
    other.start()
    yield lambda: turns
    over.set()
    other.join()
    sys.setswitchinterval(before)


def test_a_document_is_connected_sent_and_closed_without_another_threads_turn(others_turns):
    turns = 0
    with socket.create_server(("127.0.0.1", 0), backlog=DOCUMENTS) as server:
        address = server.getsockname()
        for _ in range(DOCUMENTS):
            before = others_turns()
            near = PromptSocket(socket.AF_INET)
            near.connect_ex(address)
            near.send(bytes(1024))
            near.shutdown(socket.SHUT_WR)
            with pytest.raises(BlockingIOError):
                near.recv(65536)
            near.close()
            turns += others_turns() - before
    assert turns == 0


def test_bytes_go_both_ways(ends):
    near, far = ends
    assert near.send(memoryview(b"\0label\0")) == 7
    assert far.recv(100) == b"\0label\0"
    with pytest.raises(BlockingIOError):
        near.recv(100)
    far.sendall(b"\0state\0")
    wait_until(lambda: near.recv(1, socket.MSG_PEEK) != b"")
    assert near.recv(100) == b"\0state\0"
    near.shutdown(socket.SHUT_WR)
    assert far.recv(100) == b""


def test_what_came_is_still_read_behind_the_far_ends_close(ends):
    near, far = ends
    far.sendall(b"done")
    far.close()
    time.sleep(0.05)
    assert near.recv(2) == b"do"
    assert near.recv(100) == b"ne"
    assert near.recv(100) == near.recv(100) == b""


def test_a_far_end_that_takes_no_more_is_told_of_by_the_name_of_the_socket_module(ends):
    near, _ = ends
    with pytest.raises(BlockingIOError):
        fill(near)


@pytest.mark.parametrize("notice", [lambda near: near.send(b"x"), lambda near: near.recv(1)])
def test_a_reset_is(ends, notice: Callable[[PromptSocket], object]):
    near, far = ends
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    time.sleep(0.05)
    with pytest.raises(ConnectionResetError) as raised:
        notice(near)
    assert raised.value.errno == errno.ECONNRESET


def test_what_is_written_behind_the_own_end_is_a_broken_pipe_and_kills_nobody(ends):
    near, _ = ends
    near.shutdown(socket.SHUT_WR)
    with pytest.raises(BrokenPipeError):
        near.send(b"x")


def test_nobody_listens():
    with socket.socket() as deaf, PromptSocket(socket.AF_INET) as near:
        deaf.bind(("127.0.0.1", 0))
        code = near.connect_ex(deaf.getsockname())
        if code == errno.EINPROGRESS:
            time.sleep(0.05)
            code = near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        assert code == errno.ECONNREFUSED


def test_an_address_that_is_a_name_is_the_socket_modules_business():
    with socket.create_server(("127.0.0.1", 0)) as server, PromptSocket(socket.AF_INET) as near:
        assert near.connect_ex(("localhost", server.getsockname()[1])) in (0, errno.EINPROGRESS)
        far, _ = server.accept()
        far.close()


def test_a_closed_one_has_no_descriptor_and_closes_nobody_elses():
    near = PromptSocket(socket.AF_INET)
    number = near.fileno()
    near.close()
    other = os.open(os.devnull, os.O_RDONLY)
    try:
        assert other == number, "the kernel gives the lowest number that is free"
        near.close()
        os.fstat(other)
    finally:
        os.close(other)
    assert near.fileno() == -1
    with pytest.raises(OSError, match="[Bb]ad file descriptor"):
        near.send(b"x")
    with pytest.raises(OSError, match="[Bb]ad file descriptor"):
        near.shutdown(socket.SHUT_WR)
