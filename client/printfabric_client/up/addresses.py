"""Ports of the loopback: whether one is free, and one that is kept."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def free_port(wanted: int, *, udp: bool = False) -> int:
    """Return `wanted` if nobody listens there on loopback, else 0."""
    with socket.socket(type=socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as probe:
        if not udp:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError:
            return 0
    return wanted


class KeptPort:
    """A port that is ours until `close`, also while the program that listens there has not begun or begins again.

    It is bound and nobody listens: who sets SO_REUSEADDR, as servers do, may bind it as well, and no connection is given it.
    """

    def __init__(self) -> None:
        """Take a free one. Raises OSError: there is none."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, 0))
        self.address = f"{LOOPBACK}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
