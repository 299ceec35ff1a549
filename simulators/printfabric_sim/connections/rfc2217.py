"""A serial line behind a network port, RFC 2217: the documented substitute for what a pty lacks.

Modem lines (CTS, DSR, DCD), line errors and suspended flow reach the client as on a real line, for instance through pyserial's
`rfc2217://host:port`. One client at a time, as a line has one end.
"""

from __future__ import annotations

from printfabric_sim.connections.connection import Reach
from printfabric_sim.connections.line_settings import LineSettings
from printfabric_sim.connections.mismatch import Mismatch
from printfabric_sim.connections.served_link import DialogueListener, ServedLink
from printfabric_sim.connections.telnet import (
    BINARY,
    COM_PORT,
    DO,
    DONT,
    ECHO,
    IAC,
    SB,
    SE,
    SGA,
    WILL,
    WONT,
    Telnet,
)
from printfabric_sim.core import Core
from printfabric_sim.inlet import Inlet

# RFC 2217, 3: client to access server; answers are 100 higher.
_SIGNATURE, _BAUDRATE, _DATASIZE, _PARITY, _STOPSIZE, _CONTROL = range(6)
# SET-CONTROL: what the host does with its own lines.
_HOST_LINES = {8: ("DTR", True), 9: ("DTR", False), 11: ("RTS", True), 12: ("RTS", False)}
_LINE_STATE, _MODEM_STATE, _SUSPEND, _RESUME, _LINE_MASK, _MODEM_MASK, _PURGE = range(6, 13)
_ANSWER = 100
_PARITIES = {1: "N", 2: "O", 3: "E"}
# Modem state: RI 0x40 never; line state: overrun, parity, framing.
_CTS, _DSR, _DCD = 0x10, 0x20, 0x80
_LINE_NAMES = {_CTS: "cts", _DSR: "dsr", _DCD: "dcd"}
_OVERRUN, _PARITY_ERROR, _FRAMING_ERROR = 0x02, 0x04, 0x08


class Rfc2217Connection(DialogueListener):
    """A serial printer on a terminal server. `settings` are the printer's own; None follows the client."""

    reach = DialogueListener.reach | {Reach.LINES, Reach.NOISE, Reach.BACK}

    kind = "rfc2217"

    def __init__(
        self,
        core: Core,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        settings: LineSettings | None = None,
        rcvbuf_bytes: int = 65536,
    ) -> None:
        super().__init__(core, host, port, rcvbuf_bytes)
        self.settings = settings
        self.client = settings or LineSettings()
        self._modem = _CTS | _DSR | _DCD
        self._line_mask, self._modem_mask = 0, 255
        self._mismatch = Mismatch(core, settings)
        self._inlet: Inlet | None = None
        self._link: ServedLink | None = None

    def address(self) -> dict[str, object]:
        """Return {"rfc2217": URL for pyserial}."""
        return {"rfc2217": f"rfc2217://{self.place}"}

    def may_accept(self) -> bool:
        """A line has one end."""
        return not self.links

    async def converse(self, link: ServedLink) -> None:
        """Speak Telnet until the client goes; what is not Telnet is for the printer."""
        telnet = Telnet()
        self._link = link
        self._inlet = inlet = await link.open_inlet("serial", link=_LineLink(link))
        await link.send(IAC + DO + COM_PORT + IAC + WILL + SGA + IAC + DO + BINARY)
        answered: set[bytes] = set()
        told = False
        while data := await link.take(4096):
            for command in telnet.take(data):
                if not told and command[:2] in (WILL + COM_PORT, SB + COM_PORT):
                    # A client that was asked first need not say WILL by itself.
                    told = True
                    self._tell(_MODEM_STATE, bytes([self._modem]))
                    if self._stalls:
                        self._tell(_SUSPEND, b"")
                if command[:1] == SB:
                    await self._subnegotiation(link, command[1:])
                elif command not in answered:
                    answered.add(command)
                    await link.send(_agree(command))
            async for piece in link.pieces(inlet, telnet.data()):
                self._arrived(inlet, piece)
            if inlet.ended and not link.finished:
                return
        link.end_inlet()
        self._inlet = self._link = None

    def line(self, name: str, on: bool) -> None:
        """Raise or drop DSR or DCD."""
        self._set_modem(next(line for line, called in _LINE_NAMES.items() if called == name), on)

    def stall(self, on: bool, reason: str) -> None:
        """Hold the client up: CTS low where that is meant, and the protocol's own flow control."""
        if reason == "cts-low":
            self._set_modem(_CTS, not on)
        super().stall(on, reason)
        self._tell(_SUSPEND if self._stalls else _RESUME, b"")

    def _arrived(self, inlet: Inlet, data: bytes) -> None:
        heard = self._mismatch.heard(inlet, data, self.client)
        if self.settings is not None and heard != data:
            wrong_rate = self.client.baudrate != self.settings.baudrate
            self._line_error(_FRAMING_ERROR if wrong_rate else _PARITY_ERROR)
            data = heard
        arrived = self.core.noise.spoil(inlet, data)
        if arrived != data:
            self._line_error(_FRAMING_ERROR)
        self.core.feed(inlet, arrived)

    async def _subnegotiation(self, link: ServedLink, body: bytes) -> None:
        """Obey one COM-PORT-OPTION command and answer with what is set now."""
        if body[:1] != COM_PORT or len(body) < 2:
            return
        command, value = body[1], body[2:]
        number = int.from_bytes(value, "big")
        if command == _CONTROL and number in _HOST_LINES:
            name, on = _HOST_LINES[number]
            self.core.event("host line", line=name, on=on)
        line = self.client
        if command == _BAUDRATE:
            self.client = LineSettings(number or line.baudrate, line.bytesize, line.parity, line.stopbits)
            value = self.client.baudrate.to_bytes(4, "big")
        elif command == _DATASIZE:
            self.client = LineSettings(line.baudrate, number or line.bytesize, line.parity, line.stopbits)
            value = bytes([self.client.bytesize])
        elif command == _PARITY:
            self.client = LineSettings(
                line.baudrate, line.bytesize, _PARITIES.get(number, line.parity), line.stopbits
            )
            value = bytes([next(key for key, parity in _PARITIES.items() if parity == self.client.parity)])
        elif command == _STOPSIZE:
            self.client = LineSettings(
                line.baudrate, line.bytesize, line.parity, min(number or line.stopbits, 2)
            )
            value = bytes([self.client.stopbits])
        elif command == _LINE_MASK:
            self._line_mask = number
        elif command == _MODEM_MASK:
            self._modem_mask = number
        elif command == _SIGNATURE:
            value = b"printfabric-sim"
        elif command not in (_CONTROL, _PURGE):
            return
        await link.send(_answer(command, value))
        if command == _MODEM_MASK:
            self._tell(_MODEM_STATE, bytes([self._modem]))

    def _set_modem(self, line: int, on: bool) -> None:
        before = self._modem
        self._modem = before | line if on else before & ~line
        if self._modem != before:
            # The low bits say which lines have changed: CTS 1, DSR 2, DCD 8.
            delta = {_CTS: 1, _DSR: 2, _DCD: 8}[line]
            self._tell(_MODEM_STATE, bytes([self._modem | delta]))
        self.core.event("modem line", line=_LINE_NAMES[line], on=on, shown=self._link is not None)

    def _line_error(self, bits: int) -> None:
        if bits & self._line_mask:
            self._tell(_LINE_STATE, bytes([bits]))

    def _tell(self, command: int, value: bytes) -> None:
        if self._link is not None:
            self._link.send_now(_answer(command, value))


class _LineLink:
    """The link of the inlet: what the printer sends is data, so IAC is doubled."""

    def __init__(self, link: ServedLink) -> None:
        self._link = link
        self.pause = link.pause
        self.resume = link.resume
        self.freeze = link.freeze
        self.reset = link.reset
        self.close = link.close

    def write(self, data: bytes) -> bool:
        return self._link.send_now(data.replace(IAC, IAC + IAC))

    def hears(self) -> bool:
        """Whoever is connected does."""
        return self._link.open


def _answer(command: int, value: bytes) -> bytes:
    return IAC + SB + COM_PORT + bytes([command + _ANSWER]) + value.replace(IAC, IAC + IAC) + IAC + SE


def _agree(command: bytes) -> bytes:
    """Answer a WILL or DO: yes to what a line needs, no to the rest."""
    verb, option = command[:1], command[1:2]
    wanted = option in (BINARY, SGA, COM_PORT) or (verb == DO and option == ECHO)
    if verb == WILL:
        return IAC + (DO if wanted else DONT) + option
    if verb == DO:
        return IAC + (WILL if wanted else WONT) + option
    return b""
