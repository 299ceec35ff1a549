"""A network of the benchmark's own: loopback and nothing else, so that nobody outside reaches what it starts."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

_NEW_NET, _NEW_USER = 0x40000000, 0x10000000  # sched.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # net/if.h, linux/sockios.h


def enter() -> str:
    """Move this process, before it has threads, into a network of its own; return why not, or nothing."""
    user, group = os.geteuid(), os.getegid()
    # Whoever is not root becomes owner of one by this.
    wanted = _NEW_NET if user == 0 else _NEW_NET | _NEW_USER
    if ctypes.CDLL(None, use_errno=True).unshare(wanted) != 0:
        return f"no network of its own: {os.strerror(ctypes.get_errno())}"
    if wanted & _NEW_USER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        name, flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", name, flags | _UP))
    return ""
