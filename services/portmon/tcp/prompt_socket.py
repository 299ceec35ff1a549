"""A TCP socket whose calls keep the interpreter's lock: they never wait, and giving it away costs more than they do."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from functools import lru_cache
from typing import Any, NoReturn

from typing_extensions import override

# What the socket module does around each call: the lock is given to any thread that wants it, and had back by waiting
# for whoever has it then. With many ports that is a change of thread a call (docs/decisions/0061).
_LIBC = ctypes.PyDLL(None, use_errno=True)
_SOCKET, _CONNECT, _SHUTDOWN, _CLOSE = _LIBC.socket, _LIBC.connect, _LIBC.shutdown, _LIBC.close
_SEND, _RECV = _LIBC.send, _LIBC.recv
_CONNECT.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_SEND.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_RECV.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_SEND.restype = _RECV.restype = ctypes.c_ssize_t
# More takes the kernel long enough to be worth the change of thread.
PROMPT_BYTES = 16384
_NOWHERE = ctypes.create_string_buffer(1)
_AT_ONCE = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
_LOOK = socket.MSG_DONTWAIT | socket.MSG_PEEK


class PromptSocket(socket.socket):
    """A non-blocking TCP socket for documents; one thread's. What it raises is what `socket.socket` raises."""

    def __init__(self, family: int) -> None:
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        made = _SOCKET(family, kind, 0)
        if made < 0:
            _fail()
        super().__init__(family, kind, 0, made)

    @override
    def connect_ex(self, address: Any) -> int:
        packed = _packed(self.family, address)
        if packed is None:
            return super().connect_ex(address)
        return 0 if _CONNECT(self.fileno(), packed, len(packed)) == 0 else ctypes.get_errno()

    @override
    def send(self, data: Any, flags: int = 0) -> int:
        size = len(data)
        if size > PROMPT_BYTES:
            return super().send(data, flags)
        sent: int = _SEND(self.fileno(), bytes(data), size, flags | _AT_ONCE)
        if sent < 0:
            _fail()
        return sent

    @override
    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        found = _RECV(self.fileno(), _NOWHERE, 1, _LOOK)
        if found < 0:
            _fail()
        return super().recv(bufsize, flags) if found else b""

    @override
    def shutdown(self, how: int) -> None:
        if _SHUTDOWN(self.fileno(), how) < 0:
            _fail()

    @override
    def close(self) -> None:
        number = self.detach()
        if number >= 0:
            _CLOSE(number)


def _fail() -> NoReturn:
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code))


@lru_cache(4096)
def _packed(family: int, address: tuple[Any, ...]) -> bytes | None:
    """Return an address as the kernel has it (ip(7), ipv6(7)); None: the socket module knows better."""
    try:
        number = socket.inet_pton(family, address[0])
    except OSError:
        return None
    head = struct.pack("=H", family) + struct.pack("!H", address[1])
    if family == socket.AF_INET:
        return head + number + bytes(8)
    _, _, flow, scope = address
    return head + struct.pack("!I", flow) + number + struct.pack("=I", scope)
