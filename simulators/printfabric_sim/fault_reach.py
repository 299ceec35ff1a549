"""Whether a fault can do anything at all to a printer, told before it is laid in wait."""

from __future__ import annotations

from collections.abc import Iterable

from printfabric_sim.connections.connection import Connection, Reach
from printfabric_sim.core import Core
from printfabric_sim.fault_script import Fault, When
from printfabric_sim.fault_table import ACTIONS, FaultError

_NEEDS = {
    **dict.fromkeys(("reset", "fin"), Reach.LINKS),
    **dict.fromkeys(("refuse", "blackhole", "accept-late", "accept-close"), Reach.DOOR),
    **dict.fromkeys(("zero-window", "xoff", "cts-low"), Reach.INPUT),
    **dict.fromkeys(("dsr-low", "dcd-low"), Reach.LINES),
    **dict.fromkeys(("garbage", "status-late", "status-twice", "status-missing", "status-wrong"), Reach.BACK),
    "noise": Reach.NOISE,
    "device-gone": Reach.NODE,
}
_MISSING = {
    Reach.LINKS: "it has no connection to break (TCP, LPD, IPP and RFC 2217 have)",
    Reach.DOOR: "it has no port that receives connections (TCP, LPD, IPP and RFC 2217 have)",
    Reach.INPUT: "it has no connection that brings documents",
    Reach.LINES: "no connection of it shows modem lines (RFC 2217 does)",
    Reach.NOISE: "it has no line to disturb (pty, device and RFC 2217 have)",
    Reach.NODE: "it has no device node (pty, device and FIFO are some)",
    Reach.BACK: "it has no way back to the sender (TCP, pty, device and RFC 2217 have)",
}


class NoEffectError(FaultError):
    """A fault that can never do anything to the printer it is meant for."""


def check_effect(fault: Fault, core: Core, connections: Iterable[Connection]) -> None:
    """Raise NoEffectError if `fault` can never have an effect on a printer with these connections."""
    reach = frozenset[Reach]().union(*(connection.reach for connection in connections))
    if not core.back_channel:
        reach -= {Reach.BACK}
    values = ACTIONS[fault.action].fill(fault.values)
    need = _NEEDS.get(fault.action)
    if need is Reach.LINKS and values[0] == "drop":
        need = Reach.INPUT  # a line has no connection, and still a buffer to lose
    asked = Reach.AGENT in reach or (Reach.ASKED in reach and fault.action != "status-twice")
    if fault.action.startswith("status-") and asked:
        need = None
    if need is not None and need not in reach:
        raise _without_effect(fault, need)
    if not asked and (fault.action.startswith("status-") or fault.when is When.REPLY):
        if Reach.BACK not in reach:
            raise _without_effect(fault, Reach.BACK)
        if not core.personality.replies:
            raise NoEffectError(
                f"{fault}: can have no effect on this printer: a {core.personality.name} printer never replies"
            )


def _without_effect(fault: Fault, need: Reach) -> NoEffectError:
    why = _MISSING[need]
    if fault.action.startswith("status-"):
        askers = "SNMP" if fault.action == "status-twice" else "SNMP or IPP"
        why += f", and nobody asks for its state by {askers}"
    return NoEffectError(f"{fault}: can have no effect on this printer: {why}")


def check_name(name: str) -> None:
    """Raise FaultError unless `name` is that of a fault, or empty."""
    if name and (name not in ACTIONS or name == "clear"):
        raise FaultError(f"no fault {name!r}; there are: {', '.join(sorted(ACTIONS.keys() - {'clear'}))}")
