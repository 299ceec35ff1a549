"""What a printer is to be, as plain values: the common form of command line, fleet file and Python."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from printfabric_sim.connections.connection import Connection
from printfabric_sim.connections.fifo import FifoConnection
from printfabric_sim.connections.ipp import IppConnection
from printfabric_sim.connections.line_settings import LineSettings
from printfabric_sim.connections.lpd import LpdConnection
from printfabric_sim.connections.rfc2217 import Rfc2217Connection
from printfabric_sim.connections.serial_pty import PtyConnection
from printfabric_sim.connections.tcp import TcpConnection
from printfabric_sim.core import Core
from printfabric_sim.printer import KEEP_CONTENT_BYTES, SimulatedPrinter
from printfabric_sim.record import DEFAULT_SERIAL, KEEP_UNITS
from printfabric_sim.render.gallery import Gallery

Plug = Callable[[Core], Connection]


class PlanError(ValueError):
    """A plan that cannot be built; the message names the key."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One printer. Ports may be 0 (a free one); a plug that is None does not exist.

    `days` are pairs (time of day as a fraction, faults) that come round every day of the fleet's clock.
    """

    personality: str = "zpl"
    name: str = ""
    host: str = "127.0.0.1"
    tcp: int | None = None
    simultaneous: int = 1
    refuse_others: bool = False
    rcvbuf_bytes: int = 65536
    lpd: int | None = None
    ipp: int | None = None
    snmp: int | None = None
    community: str = "public"
    rfc2217: int | None = None
    pty: str | None = None
    device: str | None = None
    fifo: str | None = None
    line: str = ""
    flow: str = "xonxoff"
    paced: bool = True
    xon_every_s: float = 0.0
    units_per_second: float = 0.0
    path_depth: int = 2
    buffer_bytes: int = 65536
    media: int | None = None
    media_left: int | None = None
    ribbon: int | None = None
    ribbon_left: int | None = None
    warm_up_s: float = 0.0
    back_channel: bool = True
    faults: str = ""
    seed: int = 0
    record: str | None = None
    keep_bytes: str | None = None
    keep_units: int = KEEP_UNITS
    keep_content_bytes: int = KEEP_CONTENT_BYTES
    render: str | None = None
    serial_pattern: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    days: tuple[tuple[float, str], ...] = ()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Plan:
        """Return a plan from the keys of a fleet file. Raises PlanError."""
        known = {item.name: item for item in fields(cls)}
        for key in values:
            if key not in known:
                meant = (
                    f"it is called {key}s" if f"{key}s" in known else f"there are: {', '.join(sorted(known))}"
                )
                raise PlanError(f"no setting {key!r}; {meant}")
        taken: dict[str, Any] = {
            key: str(value) if isinstance(value, Path) else value for key, value in values.items()
        }
        faults = taken.get("faults")
        if isinstance(faults, list) and all(isinstance(fault, str) for fault in faults):
            taken["faults"] = "; ".join(faults)
        if not isinstance(taken.get("options", {}), Mapping):
            raise PlanError(f"options: {taken['options']!r} is not a mapping")
        if "options" in taken:
            taken["options"] = {str(key): str(value) for key, value in taken["options"].items()}
        plan = cls(**taken)
        check(plan)
        return plan


# Numbers that may be left out (None), numbers that need not be whole, and the least and the most each may be.
_OPTIONAL = ("tcp", "lpd", "ipp", "snmp", "rfc2217", "media", "media_left", "ribbon", "ribbon_left")
_FRACTIONS = ("units_per_second", "warm_up_s", "xon_every_s")
_BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("tcp", "lpd", "ipp", "snmp", "rfc2217"), (0, 65535)),
    "simultaneous": (1, math.inf),
    "rcvbuf_bytes": (0, 2**30),
    "units_per_second": (0, 1e9),
    "path_depth": (1, math.inf),
    "buffer_bytes": (16, math.inf),
    **dict.fromkeys(("media", "media_left", "ribbon", "ribbon_left"), (1, math.inf)),
    **dict.fromkeys(("warm_up_s", "xon_every_s"), (0, 1e6)),
    "keep_units": (1, math.inf),
    "keep_content_bytes": (0, math.inf),
    "seed": (-math.inf, math.inf),
}
_TEXTS = ("name", "host", "faults", "serial_pattern", "line", "flow", "community", "personality")
_FILES = ("record", "render", "keep_bytes", "pty", "device", "fifo")
_FLAGS = ("refuse_others", "paced", "back_channel")
_FLOWS = ("xonxoff", "rtscts", "none")


def check(plan: Plan) -> None:
    """Raise PlanError for a value that no printer can have."""
    for key in _BOUNDS:
        check_number(key, getattr(plan, key))
    for key in _TEXTS + _FILES:
        value = getattr(plan, key)
        if not isinstance(value, str) and not (key in _FILES and value is None):
            raise PlanError(f"{key}: {value!r} is not a text")
    for key in _FLAGS:
        if not isinstance(getattr(plan, key), bool):
            raise PlanError(f"{key}: {getattr(plan, key)!r} is neither true nor false")
    if plan.flow not in _FLOWS:
        raise PlanError(f"flow: no {plan.flow!r}; there are: {', '.join(_FLOWS)}")
    try:
        if plan.line:
            LineSettings.parse(plan.line)
        re.compile(plan.serial_pattern.encode())
    except ValueError as error:
        raise PlanError(f"line: {error}") from error
    except re.error as error:
        raise PlanError(
            f"serial_pattern: {plan.serial_pattern!r} is no regular expression: {error}"
        ) from error


def check_number(key: str, value: object) -> None:
    """Raise PlanError unless `value` is what the setting `key` may be."""
    least, most = _BOUNDS[key]
    if value is None and key in _OPTIONAL:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PlanError(f"{key}: {value!r} is not a number")
    if isinstance(value, float) and key not in _FRACTIONS:
        raise PlanError(f"{key}: {value!r} is not a whole number")
    if not least <= value <= most:
        top = f" to {most:g}" if math.isfinite(most) else " or more"
        raise PlanError(f"{key}: {value} is not possible; it is {least:g}{top}")


def build(plan: Plan) -> SimulatedPrinter:
    """Make the printer of a plan; `start` it afterwards. Raises PlanError, LookupError, FaultError."""
    check(plan)
    printer = SimulatedPrinter(
        plan.personality,
        name=plan.name,
        units_per_second=plan.units_per_second,
        path_depth=plan.path_depth,
        buffer_bytes=plan.buffer_bytes,
        media=plan.media,
        ribbon=plan.ribbon,
        warm_up_s=plan.warm_up_s,
        back_channel=plan.back_channel,
        faults=plan.faults,
        seed=plan.seed,
        record_dir=Path(plan.record) if plan.record else None,
        keep_bytes=Path(plan.keep_bytes) if plan.keep_bytes else None,
        keep_units=plan.keep_units,
        keep_content_bytes=plan.keep_content_bytes,
        serial_pattern=plan.serial_pattern.encode() or DEFAULT_SERIAL,
        options=plan.options,
    )
    supplies = printer.core.path.supplies
    supplies.load_media(plan.media, plan.media_left)
    supplies.load_ribbon(plan.ribbon, plan.ribbon_left)
    for plug in _plugs(plan):
        printer.connect(plug)
    if plan.render:
        gallery = Gallery(Path(plan.render), printer.personality, printer.core.loop)
        printer.core.on_unit.append(gallery.unit_left)
        printer.closing.append(gallery.close)
    return printer


def _plugs(plan: Plan) -> list[Plug]:
    plugs: list[Plug] = []
    if plan.tcp is not None:
        port = plan.tcp
        plugs.append(
            lambda core: TcpConnection(
                core,
                plan.host,
                port,
                simultaneous=plan.simultaneous,
                refuse_others=plan.refuse_others,
                rcvbuf_bytes=plan.rcvbuf_bytes,
            )
        )
    if plan.pty is not None:
        link = Path(plan.pty) if plan.pty else None
        settings = LineSettings.parse(plan.line) if plan.line else None
        plugs.append(
            lambda core: PtyConnection(
                core,
                link,
                settings=settings,
                flow=plan.flow,
                paced=plan.paced,
                xon_every_s=plan.xon_every_s,
            )
        )
    if plan.device is not None:
        node = Path(plan.device) if plan.device else None
        plugs.append(lambda core: PtyConnection(core, node, flow="stall", paced=False))
    if plan.fifo is not None:
        path = Path(plan.fifo)
        plugs.append(lambda core: FifoConnection(core, path))
    return plugs + _network_plugs(plan)


def _network_plugs(plan: Plan) -> list[Plug]:
    """Return the plugs of protocols with a dialogue."""
    plugs: list[Plug] = []
    host, rcvbuf_bytes = plan.host, plan.rcvbuf_bytes
    if (lpd := plan.lpd) is not None:
        plugs.append(lambda core: LpdConnection(core, host, lpd, rcvbuf_bytes=rcvbuf_bytes))
    if (ipp := plan.ipp) is not None:
        plugs.append(lambda core: IppConnection(core, host, ipp, rcvbuf_bytes=rcvbuf_bytes))
    if (rfc2217 := plan.rfc2217) is not None:
        settings = LineSettings.parse(plan.line) if plan.line else None
        plugs.append(
            lambda core: Rfc2217Connection(core, host, rfc2217, settings=settings, rcvbuf_bytes=rcvbuf_bytes)
        )
    if (snmp := plan.snmp) is not None:
        from printfabric_sim.connections.snmp import SnmpConnection  # noqa: PLC0415 (pysnmp takes 20 MB)

        plugs.append(lambda core: SnmpConnection(core, host, snmp, plan.community))
    return plugs
