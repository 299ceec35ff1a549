"""What a printer hears on a line whose other end is set differently."""

from __future__ import annotations

from dataclasses import replace

from printfabric_sim.connections.line_settings import LineSettings, damaged, host_line
from printfabric_sim.core import Core
from printfabric_sim.inlet import Damage, Inlet


class Mismatch:
    """Damages what comes with other settings than the printer's; None: it follows the host, and all is well."""

    def __init__(self, core: Core, settings: LineSettings | None) -> None:
        self._core = core
        self._settings = settings
        self._told: LineSettings | None = None  # the host's settings that the record has been told of
        self._sent: LineSettings | None = None  # those of the last bytes
        self._before = 0  # bytes that have come with them: the receiver does not know where one write ends

    def heard_from(self, inlet: Inlet, data: bytes, terminal: int) -> bytes:
        """Return what arrives of `data` that came over a terminal. Raises termios.error when it is gone."""
        return data if self._settings is None else self.heard(inlet, data, self._hosts(terminal))

    def told(self, data: bytes, terminal: int) -> bytes:
        """Return what the host of a terminal hears of `data`. Raises termios.error when it is gone."""
        return data if self._settings is None else damaged(data, self._settings, self._hosts(terminal))

    def _hosts(self, terminal: int) -> LineSettings:
        """Return the host's settings: of a pty its speed is all there is."""
        return replace(self._settings or LineSettings(), baudrate=host_line(terminal).baudrate)

    def heard(self, inlet: Inlet, data: bytes, sent: LineSettings) -> bytes:
        """Return what arrives of `data`; that settings differ is an event when the first byte is hurt by it."""
        if self._settings is None:
            return data
        before = self._before if sent == self._sent else 0
        self._sent, self._before = sent, before + len(data)
        if (changed := damaged(data, sent, self._settings, before)) == data:
            self._told = self._told if sent != self._settings else None
            return data
        inlet.damage.append(Damage(inlet.received, 0, f"line set to {sent}", len(changed)))
        if self._told != sent:
            self._told = sent
            self._core.event(
                "line settings differ", inlet=inlet.number, host=str(sent), printer=str(self._settings)
            )
        return changed
