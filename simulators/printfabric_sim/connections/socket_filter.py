"""Sockets that play dead: the kernel drops what arrives before TCP sees it, so nothing is acknowledged.

A classic BPF program that keeps no byte of any packet, attached with SO_ATTACH_FILTER (socket(7)); Linux runs it in
`tcp_filter` ahead of all TCP processing, and no privilege is needed. Elsewhere the calls do nothing and return False.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys

# linux/bpf_common.h, asm-generic/socket.h
_BPF_RET_K = 0x06
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27


def play_dead(sock: socket.socket, on: bool) -> bool:
    """Drop everything that arrives at `sock` from now on, or let it through again; True if that could be done."""
    if not sys.platform.startswith("linux") or sock.fileno() < 0:
        return False
    try:
        if on:
            program = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RET_K, 0, 0, 0))
            sock.setsockopt(
                socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program))
            )
        else:
            sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    except OSError:
        return False
    return True


def reset_on_close(sock: socket.socket) -> None:
    """Make the next close of `sock` send RST instead of FIN (SO_LINGER with 0 s)."""
    if sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
