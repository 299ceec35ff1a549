"""How a printer is, by its MIB objects (RFC 2790 and 3805), as reports about the port. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from portmon.reports import Condition, Report, Severity

Oid = tuple[int, ...]
Value = int | bytes | None

MIB: Oid = (1, 3, 6, 1, 2, 1)
HR_DEVICE: Oid = (*MIB, 25, 3)
PRINTER: Oid = (*MIB, 43)
_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

# hrPrinterDetectedErrorState; bit 0 is the most significant of the first octet.
_BITS: Mapping[int, tuple[Condition, Severity, str]] = {
    0: (Condition.PAPER_PROBLEM, _WARNING, "paper is low"),
    1: (Condition.PAPER_OUT, _ERROR, "out of paper"),
    2: (Condition.TONER_LOW, _WARNING, "toner is low"),
    3: (Condition.NO_TONER, _ERROR, "out of toner"),
    4: (Condition.DOOR_OPEN, _ERROR, "a door is open"),
    5: (Condition.PAPER_JAM, _ERROR, "paper jam"),
    6: (Condition.OFFLINE, _ERROR, "the printer is offline"),
    7: (Condition.USER_INTERVENTION, _WARNING, "service is requested"),
    8: (Condition.PAPER_PROBLEM, _WARNING, "an input tray is missing"),
    9: (Condition.OUTPUT_BIN_FULL, _ERROR, "an output tray is missing"),
    10: (Condition.NO_TONER, _ERROR, "a toner or ribbon is missing"),
    11: (Condition.OUTPUT_BIN_FULL, _WARNING, "an output bin is nearly full"),
    12: (Condition.OUTPUT_BIN_FULL, _ERROR, "an output bin is full"),
    13: (Condition.PAPER_OUT, _WARNING, "an input tray is empty"),
    14: (Condition.CLEAR, _INFO, "maintenance is overdue"),
}
_OTHER, _UNKNOWN, _WARMUP = 1, 2, 5  # hrPrinterStatus
_RUNNING, _DOWN = 2, 5  # hrDeviceStatus
_DISPLAY = 80


class State(NamedTuple):
    """The objects that say how the printer is; None where the agent has no such object."""

    device_status: int | None = None
    printer_status: int | None = None
    errors: bytes | None = None
    description: bytes | None = None
    display: bytes | None = None


def state_oids(index: int) -> list[Oid]:
    """Return the objects of `State`, in its order, for a device (hrDeviceIndex)."""
    return [
        (*HR_DEVICE, 2, 1, 5, index),
        (*HR_DEVICE, 5, 1, 1, index),
        (*HR_DEVICE, 5, 1, 2, index),
        (*HR_DEVICE, 2, 1, 3, index),
        (*PRINTER, 16, 5, 1, 2, index, 1),
    ]


def state_of(values: Sequence[Value]) -> State | None:
    """Return the state from the values of `state_oids`; None when none of the three that matter is there."""
    device, printer = (one if isinstance(one, int) else None for one in values[:2])
    errors, description, display = (one if isinstance(one, bytes) else None for one in values[2:5])
    if device is None and printer is None and errors is None:
        return None
    return State(device, printer, errors, description, display)


def reports_of(state: State) -> list[Report]:
    """Return what is the matter; [] when nothing is."""
    found = [_BITS[bit] for bit in _set_bits(state.errors or b"") if bit in _BITS]
    if not found and state.device_status == _DOWN and state.printer_status in (_OTHER, _UNKNOWN, None):
        found = [(Condition.OFFLINE, _ERROR, "the printer says that it is down")]
    if state.printer_status == _WARMUP:
        found.append((Condition.WARMING_UP, _INFO, "warming up"))
    elif not found and state.device_status == _RUNNING and state.printer_status == _OTHER:
        found.append((Condition.POWER_SAVE, _INFO, "standing by"))
    display = text_of(state.display)[:_DISPLAY]
    return [
        Report(
            condition,
            severity,
            f"{text}; its display says: {display}" if display and severity is _ERROR else text,
        )
        for condition, severity, text in found
    ]


def _set_bits(octets: bytes) -> list[int]:
    return [8 * at + bit for at, octet in enumerate(octets[:2]) for bit in range(8) if octet & 0x80 >> bit]


def text_of(data: bytes | None) -> str:
    """Return a device's text on one line and in measure; "" for none."""
    text = (data or b"")[:200].decode("utf-8", "replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
