"""What somebody at the printer does about a trouble, in words; printing goes on by itself then. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from spooler.explain.facts import Action, Verdict

# By PORT_INFO_3.dwStatus.
_BY_CONDITION: Mapping[int, str] = {
    2: "Clear the jam",
    3: "Put paper in",
    4: "Empty the output bin",
    5: "See to the printer's paper",
    6: "Change the toner",
    7: "Close the door",
    8: "See what the printer wants",
}
_BY_VERDICT: Mapping[Verdict, str] = {
    Verdict.HOST_SILENT: "See that the host is on, and on the network",
    Verdict.DEVICE_MISSING: "Plug the printer in, or switch it on",
    Verdict.DEVICE_REFUSED: "End the program that has it, or give the rights that are missing",
    Verdict.NO_CONNECTION: "See that the printer is on, and on the network",
}


def by_hand(verdict: Verdict, condition: int = 0) -> tuple[Action, ...]:
    """Return what a hand can do, without a call or a command: one action, or none that is known."""
    title = _BY_CONDITION.get(condition) if verdict is Verdict.PRINTER_SAYS else _BY_VERDICT.get(verdict)
    return (Action(f"{title}: printing goes on by itself", "", ""),) if title is not None else ()
