"""What a connection proves when its peer closes: before everything has arrived, at the right moment, or rudely."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from chassis.errors import DeviceFault
from portmon.device_wait import DeviceWait
from portmon.monitor import OpenContext
from portmon.tcp import connection as tcp
from portmon.tcp.link import TcpLink
from tests.rig.programs import wait_until

FIRST = bytes(4096)
BEHIND = bytes(60_000)


@pytest.fixture
def ends() -> Iterator[tuple[TcpLink, socket.socket]]:
    """Lend a link and the printer's end of it, which has read the first bytes."""
    wait = DeviceWait()
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = TcpLink(OpenContext("P", wait, lines=None), "127.0.0.1", server.getsockname()[1], 5)  # type: ignore[arg-type]
        link.connect()
        peer, _ = server.accept()
    with peer:
        peer.settimeout(30)
        assert link.send(FIRST) == len(FIRST)
        read(peer, len(FIRST))
        wait_until(lambda: link.acked() == len(FIRST))
        yield link, peer
    link.drop()
    wait.close()


def read(peer: socket.socket, size: int) -> None:
    while size:
        size -= len(peer.recv(size))


def told(link: TcpLink) -> tcp.TcpInfo:
    assert link._socket is not None
    return tcp.info(link._socket)


def closes_early(link: TcpLink, peer: socket.socket) -> None:
    """The printer closes its side after the first bytes, and reads what still comes."""
    peer.shutdown(socket.SHUT_WR)
    wait_until(lambda: told(link).peer_closed)
    assert link.send(BEHIND) == len(BEHIND)
    read(peer, len(BEHIND))
    wait_until(lambda: told(link).acked == len(FIRST + BEHIND))


def test_what_a_printer_reads_behind_its_own_close_is_not_acknowledged(ends):
    link, peer = ends
    closes_early(link, peer)
    assert link.acked() == len(FIRST)
    with pytest.raises(DeviceFault, match="too early"):
        link.finish()
    assert link.acked() == len(FIRST)


@pytest.mark.parametrize("notice", [lambda link: link.send(b"x"), lambda link: link.finish()])
def test_a_reset_behind_such_a_close_proves_no_more(ends, notice: Callable[[TcpLink], object]):
    link, peer = ends
    closes_early(link, peer)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    wait_until(lambda: told(link).over)
    with pytest.raises(DeviceFault):
        notice(link)
    assert link.acked() == len(FIRST)


def test_what_arrived_before_a_reset_is_acknowledged(ends):
    link, peer = ends
    assert link.send(BEHIND) == len(BEHIND)
    read(peer, len(BEHIND))
    wait_until(lambda: told(link).acked == len(FIRST + BEHIND))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    wait_until(lambda: told(link).over)
    with pytest.raises(DeviceFault) as failed:
        link.send(b"x")
    assert failed.value.metadata["acked"] == str(len(FIRST + BEHIND))
    assert link.acked() == len(FIRST + BEHIND)


def test_a_close_before_everything_is_acknowledged_ends_the_wait_for_it(ends):
    link, peer = ends
    while link.send(BEHIND):
        pass  # until the printer's window is shut
    link.finish()
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(DeviceFault, match="too early"):
        link.await_acks(link.sent, 300, lambda _data: None)
    assert link.acked() < link.sent


def test_a_printer_that_has_read_to_the_end_closes_in_order(ends):
    link, peer = ends
    assert link.send(BEHIND) == len(BEHIND)
    link.finish()
    read(peer, len(BEHIND))
    assert peer.recv(1) == b""
    peer.close()
    link.await_acks(link.sent, 30, lambda _data: None)
    assert link.await_close(30, lambda _data: None)
    assert link.acked() == len(FIRST + BEHIND)


def stuck(link: TcpLink, peer: socket.socket) -> None:
    """The printer reads a little and stops; its window shuts, and the kernel holds the rest."""
    while link.send(BEHIND):
        pass
    read(peer, 1000)
    wait_until(lambda: (told(link).unsent or 0) > 1)


def resets(link: TcpLink, peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    wait_until(lambda: told(link).over)
    with pytest.raises(DeviceFault):
        link.check()


@pytest.fixture
def narrow(ends: tuple[TcpLink, socket.socket]) -> tuple[TcpLink, socket.socket]:
    """Lend a connection that is stuck."""
    stuck(*ends)
    return ends


def test_what_the_kernel_still_held_at_a_reset_was_never_transmitted(narrow):
    link, peer = narrow
    link.acked()
    assert link.transmitted is None, "it is not over"
    arrived = len(FIRST) + 1000
    resets(link, peer)
    assert arrived <= link.acked() <= link.transmitted < link.sent
    link.reset()
    assert link.transmitted is not None, "it is still known when the connection is gone"


def test_the_end_of_a_document_that_was_never_transmitted_is_no_byte_of_it(narrow):
    link, peer = narrow
    link.finish()
    assert (unsent := told(link).unsent)
    resets(link, peer)
    assert link.transmitted == link.sent - told(link).unsent + 1 >= link.sent - unsent


def test_a_kernel_that_does_not_tell_leaves_open_what_was_transmitted(
    narrow, monkeypatch: pytest.MonkeyPatch
):
    link, peer = narrow
    monkeypatch.setattr(tcp, "_BYTES", 128)  # what an older one fills
    resets(link, peer)
    assert link.transmitted is None
    assert link.acked() > 0


def test_a_close_that_is_here_is_read_and_not_waited_for(ends, monkeypatch: pytest.MonkeyPatch):
    link, peer = ends
    link.finish()
    assert peer.recv(1) == b""
    peer.close()
    wait_until(lambda: told(link).over)
    link.await_acks(len(FIRST), 5, list)
    monkeypatch.setattr(link._context.wait, "wait", lambda *_: pytest.fail("it was waited for"))
    assert link.await_close(5, list)
    assert link.proven


def test_a_reset_that_is_here_is_told_without_a_wait(ends):
    link, peer = ends
    link.finish()
    assert peer.recv(1) == b""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    wait_until(lambda: told(link).over)
    assert link.acked() == len(FIRST)
    with pytest.raises(DeviceFault):
        link.await_close(5, list)
