"""TCP connections to devices: how they are set up, what the kernel knows of them, how they are reset."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

# struct tcp_info of linux/tcp.h; the kernel fills as much of it as it knows.
_BYTES = 256
_STATE_AT = 0
_BYTES_ACKED_AT = 120
_NOTSENT_AT = 144  # since Linux 4.6
_SND_WND_AT = 228  # since Linux 5.4
_ALL = struct.Struct("=B119xQ16xI80xI")  # the four

# What the kernel may hold back behind the peer's window. Its own limit is megabytes, and all of them would be uncertain
# when the connection breaks.
_MOST_UNSENT_BYTES = 131072


# States of net/tcp_states.h: the peer has closed its side, and ours is open or on its way; nothing is left of it.
_PEER_CLOSED = frozenset({8, 9, 11})  # CLOSE_WAIT, LAST_ACK, CLOSING
_OVER = 7
_ESTABLISHED = 1


class TcpInfo(NamedTuple):
    """Bytes the peer acknowledged, its window, and what was never transmitted; None where this kernel does not tell."""

    acked: int | None
    window: int | None
    unsent: int | None = None  # of what the kernel took; a FIN counts as one byte
    peer_closed: bool = False  # its side only
    over: bool = False  # both sides, in order or not


def info(connection: socket.socket) -> TcpInfo:
    """Ask the kernel. Raises OSError when the connection is gone."""
    known = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES)
    if len(known) >= _ALL.size:
        state, acked, unsent, window = _ALL.unpack_from(known)
        # The SYN counts as one byte, and so does the FIN once it is acknowledged.
        return TcpInfo(acked - 1, window, unsent, state in _PEER_CLOSED, state == _OVER)
    acked = window = unsent = None
    if len(known) >= _BYTES_ACKED_AT + 8:
        acked = struct.unpack_from("=Q", known, _BYTES_ACKED_AT)[0] - 1
    if len(known) >= _NOTSENT_AT + 4:
        unsent = struct.unpack_from("=I", known, _NOTSENT_AT)[0]
    if len(known) >= _SND_WND_AT + 4:
        window = struct.unpack_from("=I", known, _SND_WND_AT)[0]
    state = known[_STATE_AT]
    return TcpInfo(acked, window, unsent, state in _PEER_CLOSED, state == _OVER)


def is_made(connection: socket.socket) -> bool:
    """Tell whether a connection that was begun is there, and its peer has not closed it yet."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[_STATE_AT] == _ESTABLISHED


def prepare(connection: socket.socket) -> None:
    """Set a connection up before it is made: nothing is held back, a dead peer is noticed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_UNSENT_BYTES)


def reset_when_closed(connection: socket.socket) -> None:
    """Let the close be a reset, so that the kernel does not go on sending what the ledger calls unacknowledged."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
