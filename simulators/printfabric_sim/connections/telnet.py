"""Telnet framing (RFC 854, 855): commands out of a stream of data."""

from __future__ import annotations

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
BINARY, ECHO, SGA, COM_PORT = b"\x00", b"\x01", b"\x03", b"\x2c"
_VERBS = WILL + WONT + DO + DONT


class Telnet:
    """Takes a stream apart, wherever packets cut it."""

    def __init__(self) -> None:
        self._rest = b""
        self._data = bytearray()

    def take(self, stream: bytes) -> list[bytes]:
        """Return the complete commands in `stream`: verb and option, or SB and the body without IAC SE."""
        stream = self._rest + stream
        self._rest = b""
        commands: list[bytes] = []
        at = 0
        while (mark := stream.find(IAC, at)) >= 0:
            self._data += stream[at:mark]
            at = self._command(stream, mark, commands)
            if at < 0:
                self._rest = stream[mark:]
                return commands
        self._data += stream[at:]
        return commands

    def data(self) -> bytes:
        """Return the data seen since the last call."""
        data = bytes(self._data)
        self._data.clear()
        return data

    def _command(self, stream: bytes, at: int, commands: list[bytes]) -> int:
        """Take the command at `at`; return where it ends, -1 if it is incomplete."""
        kind = stream[at + 1 : at + 2]
        if not kind:
            return -1
        if kind == IAC:
            self._data += IAC
            return at + 2
        if kind in _VERBS:
            if len(stream) < at + 3:
                return -1
            commands.append(stream[at + 1 : at + 3])
            return at + 3
        if kind != SB:
            return at + 2
        end = at + 2
        while (end := stream.find(IAC, end)) >= 0:
            if stream[end + 1 : end + 2] == SE:
                commands.append(SB + stream[at + 2 : end].replace(IAC + IAC, IAC))
                return end + 2
            end += 2
        return -1
