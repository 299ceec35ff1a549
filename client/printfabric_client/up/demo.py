"""A printer of the demonstration: the way it is connected, its port, its printer (queue), its simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

BAUD = 19200
BUFFER_BYTES = 16384
_HELD_BYTES = 2 * BUFFER_BYTES  # with what is on its way to the paper
_LOOPBACK = "127.0.0.1"


class Way(StrEnum):
    """How a printer is connected."""

    RAW = "raw"
    LPR = "lpr"
    IPP = "ipp"
    SERIAL = "serial"
    USB = "usb"
    PARALLEL = "parallel"
    FILE = "file"


class Language(StrEnum):
    """What a printer understands, by the name of its simulator's personality."""

    ZPL = "zpl"
    ESCPOS = "escpos"
    PCL = "pjl"
    TEXT = "plain"


FORMATS: Mapping[Language, str] = {
    Language.ZPL: "application/vnd.zebra-zpl",
    Language.ESCPOS: "application/vnd.escpos",
    Language.PCL: "application/vnd.hp-pcl",
    Language.TEXT: "text/plain",
}
_LANGUAGE_MONITORS = {Language.ZPL: "ZPL", Language.ESCPOS: "ESC/POS", Language.PCL: "PJL"}
# The port monitors' schemes; USB and parallel ports are both nodes of a printer's class driver.
_SCHEMES: Mapping[Way, str] = {Way.USB: "device", Way.PARALLEL: "device"}
_TALKING = frozenset({Way.RAW, Way.SERIAL, Way.USB})  # ways on which a language monitor hears answers
_PLUGS: Mapping[Way, str] = {
    Way.RAW: "tcp",
    Way.LPR: "lpd",
    Way.IPP: "ipp",
    Way.SERIAL: "pty",
    Way.USB: "device",
    Way.PARALLEL: "fifo",
}


@dataclass(frozen=True, slots=True)
class Demo:
    """One printer of the demonstration.

    name: its simulator's. host, port: where it hangs; without a port it is plugged in, and nobody uses it.
    queue: the printer that uses the port, `name` when it is empty; ports of one queue are a pool.
    node: of its device, below the host's directory of devices; without `plugged` the device is away.
    roll: labels on a full roll; `left` of them are there at the beginning. trouble: faults from the beginning on.
    """

    name: str
    language: Language
    host: str
    port: str
    way: Way
    description: str
    queue: str = ""
    node: str = ""
    plugged: bool = True
    roll: int = 0
    left: int = 0
    units_per_second: float = 2.0
    trouble: str = ""

    @property
    def printer(self) -> str:
        """The printer (queue) that uses its port."""
        return self.queue or self.name

    @property
    def format(self) -> str:
        """The media type of what it is sent."""
        return FORMATS[self.language]

    @property
    def language_monitor(self) -> str:
        """The language monitor that asks it how it is; empty where nobody would hear an answer."""
        return _LANGUAGE_MONITORS.get(self.language, "") if self.way in _TALKING else ""

    @property
    def simulated(self) -> bool:
        """Whether a simulator plays it; a file is one, and what is away is not."""
        return self.way is not Way.FILE and self.plugged

    @property
    def in_network(self) -> bool:
        """Whether it has an SNMP agent."""
        return self.way in (Way.RAW, Way.LPR)

    @property
    def monitor(self) -> str:
        """The port monitor of its port, by scheme."""
        return _SCHEMES.get(self.way, self.way.value)

    @property
    def full_name(self) -> str:
        """Its port, as people write it."""
        return f"{self.host}/{self.port}"

    def plan(self, devices: Path, known: Mapping[str, int]) -> dict[str, Any]:
        """Return its entry in the simulators' file. `known`: the network ports it shall have, by plug; 0 takes a free one."""
        plan: dict[str, Any] = {"name": self.name, "personality": self.language.value}
        plan |= {"units_per_second": self.units_per_second}
        # Small buffers, as real ones have: otherwise a document is gone before anybody sees it go.
        plan |= {"buffer_bytes": BUFFER_BYTES, "rcvbuf_bytes": BUFFER_BYTES, "path_depth": 1}
        plug = _PLUGS[self.way]
        plan[plug] = str(devices / self.node) if self.node else known.get(plug, 0)
        if self.way is Way.SERIAL:
            plan |= {"line": f"{BAUD},8,N,1", "flow": "xonxoff"}
            # Says that it is ready every second, as some printers do: so its speed is found by listening.
            plan |= {} if self.port else {"xon_every_s": 1.0}
        if self.in_network:
            plan["snmp"] = known.get("snmp", 0)
        if self.roll:
            plan |= {"media": self.roll, "ribbon": self.roll}
        if self.left:
            plan |= {"media_left": self.left, "ribbon_left": self.left}
        if self.trouble:
            plan["faults"] = self.trouble
        return plan

    def settings(self, device: str, at: Mapping[str, int]) -> dict[str, Any]:
        """Return its port's settings. device: its node's best name. at: the network ports of its simulator, by plug."""
        if self.way is Way.FILE:
            return {"path": self.port}
        if self.node:
            line = {"baud": BAUD, "flow": "xonxoff"} if self.way is Way.SERIAL else {}
            return {"device": device, **line}
        found: dict[str, Any] = {"host": _LOOPBACK, "port": at[_PLUGS[self.way]]}
        if self.way is Way.RAW:
            found["printerBufferBytes"] = _HELD_BYTES
        if self.way is Way.LPR:
            found["queue"] = "lp"
        if self.in_network:
            found |= {"snmpEnabled": True, "snmpPort": at["snmp"]}
        return found
