"""What the SNMP agent knows: system, Host Resources MIB (RFC 2790), Printer MIB v2 (RFC 3805), as one sorted table."""

from __future__ import annotations

from printfabric_sim.condition import Condition
from printfabric_sim.core import Core

Oid = tuple[int, ...]
Entry = tuple[str, int | str | bytes | Oid]  # the SMI type, the value

_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
_HR_DEVICE = (1, 3, 6, 1, 2, 1, 25, 3)
_PRINTER = (1, 3, 6, 1, 2, 1, 43)
_DEVICE_ID = (1, 3, 6, 1, 4, 1, 2699, 1, 2, 1, 2, 1, 1, 3, 1)
# PrtInterpreterLangFamilyTC; others are 1.
_INTERPRETERS = {"PCL": 3, "PJL": 5, "POSTSCRIPT": 6, "TEXT": 30, "PCLXL": 47, "PDF": 54}
_DPI = 203
# hrPrinterDetectedErrorState, RFC 2790: bit 0 is the most significant of the first octet.
_ERROR_BITS = {
    Condition.MEDIA_OUT: 1,
    Condition.RIBBON_OUT: 3,
    Condition.COVER_OPEN: 4,
    Condition.JAM: 5,
    Condition.PAUSED: 6,
    Condition.HEAD_HOT: 7,
    Condition.CUTTER: 7,
}
_DISPLAY = {
    Condition.MEDIA_OUT: "MEDIA OUT",
    Condition.RIBBON_OUT: "RIBBON OUT",
    Condition.COVER_OPEN: "COVER OPEN",
    Condition.JAM: "PAPER JAM",
    Condition.PAUSED: "PAUSED",
    Condition.HEAD_HOT: "HEAD TOO HOT",
    Condition.CUTTER: "CUTTER JAM",
    Condition.WARMING_UP: "WARMING UP",
    Condition.BUSY: "BUSY",
}


def printer_tree(core: Core, uptime: int, *, untrue: bool = False) -> list[tuple[Oid, Entry]]:
    """Return every object with its value now, sorted; `uptime` is in hundredths of a second.

    An untrue tree is that of a printer without media, or if it has none of one with media.
    """
    conditions = core.conditions ^ {Condition.MEDIA_OUT} if untrue else core.conditions
    name = core.personality.device_id.partition("MDL:")[2].partition(";")[0]
    rows: dict[Oid, Entry] = {
        (*_SYSTEM, 1, 0): ("OctetString", name),
        (*_SYSTEM, 2, 0): ("ObjectIdentifier", (1, 3, 6, 1, 4, 1, 99999)),
        (*_SYSTEM, 3, 0): ("TimeTicks", uptime),
        (*_SYSTEM, 4, 0): ("OctetString", ""),
        (*_SYSTEM, 5, 0): ("OctetString", "sim"),
        (*_SYSTEM, 6, 0): ("OctetString", ""),
    }
    rows.update(_host_resources(core, name, conditions))
    rows.update(_printer(core, conditions))
    return sorted(rows.items())


def _host_resources(core: Core, name: str, conditions: set[Condition]) -> dict[Oid, Entry]:
    bits = _error_state(core, conditions)
    errors = bool(conditions & _ERROR_BITS.keys())
    # RFC 2790: low paper is a warning, and the printer goes on.
    device = 5 if errors else (3 if any(bits) else 2)  # down, warning, running
    printing = core.units_waiting > 0 and not conditions
    # hrPrinterStatus: other 1, idle 3, printing 4, warmup 5
    status = 5 if Condition.WARMING_UP in conditions else (4 if printing else (1 if errors else 3))
    return {
        (*_HR_DEVICE, 2, 1, 1, 1): ("Integer", 1),
        (*_HR_DEVICE, 2, 1, 2, 1): ("ObjectIdentifier", (*_HR_DEVICE, 1, 5)),  # hrDevicePrinter
        (*_HR_DEVICE, 2, 1, 3, 1): ("OctetString", name),
        (*_HR_DEVICE, 2, 1, 4, 1): ("ObjectIdentifier", (0, 0)),  # hrDeviceID: none
        (*_HR_DEVICE, 2, 1, 5, 1): ("Integer", device),
        (*_HR_DEVICE, 2, 1, 6, 1): ("Counter32", 0),  # hrDeviceErrors
        (*_HR_DEVICE, 5, 1, 1, 1): ("Integer", status),
        (*_HR_DEVICE, 5, 1, 2, 1): ("OctetString", bits),
    }


def _printer(core: Core, conditions: set[Condition]) -> dict[Oid, Entry]:
    display = next((text for condition, text in _DISPLAY.items() if condition in conditions), "READY")
    serial_number = core.personality.options.get("serial_number", "SIM0000001")
    rows: dict[Oid, Entry] = {
        (*_PRINTER, 5, 1, 1, 16, 1): ("OctetString", "sim"),
        (*_PRINTER, 5, 1, 1, 17, 1): ("OctetString", serial_number),
        _DEVICE_ID: ("OctetString", core.personality.device_id),  # PWG 5107.1
        (*_PRINTER, 6, 1, 1, 3, 1, 1): ("Integer", 3 if Condition.COVER_OPEN in conditions else 4),
        (*_PRINTER, 8, 2, 1, 2, 1, 1): ("Integer", 6),  # prtInputType: continuousRoll
        (*_PRINTER, 8, 2, 1, 9, 1, 1): ("Integer", core.path.supplies.media_loaded or -2),
        (*_PRINTER, 8, 2, 1, 10, 1, 1): ("Integer", _level(core, conditions)),
        (*_PRINTER, 8, 2, 1, 13, 1, 1): ("OctetString", "Roll"),
        (*_PRINTER, 9, 2, 1, 4, 1, 1): ("Integer", -2),  # prtOutputMaxCapacity: unknown
        (*_PRINTER, 9, 2, 1, 5, 1, 1): ("Integer", -2),
        (*_PRINTER, 9, 2, 1, 7, 1, 1): ("OctetString", "Front"),
        (*_PRINTER, 10, 2, 1, 3, 1, 1): ("Integer", 7),  # prtMarkerCounterUnit: impressions
        (*_PRINTER, 10, 2, 1, 4, 1, 1): ("Counter32", core.printed),  # prtMarkerLifeCount
        (*_PRINTER, 10, 2, 1, 8, 1, 1): ("Integer", 3),  # dots in 10,000 ten-thousandths of an inch
        (*_PRINTER, 10, 2, 1, 9, 1, 1): ("Integer", _DPI),
        (*_PRINTER, 10, 2, 1, 10, 1, 1): ("Integer", _DPI),
        (*_PRINTER, 11, 1, 1, 3, 1, 1): ("Integer", 1),
        (*_PRINTER, 11, 1, 1, 5, 1, 1): ("Integer", 6),  # prtMarkerSuppliesType: inkRibbon
        (*_PRINTER, 11, 1, 1, 6, 1, 1): ("OctetString", "Ribbon"),
        (*_PRINTER, 11, 1, 1, 8, 1, 1): ("Integer", 100),
        (*_PRINTER, 11, 1, 1, 9, 1, 1): ("Integer", _ribbon(core, conditions)),
        (*_PRINTER, 12, 1, 1, 4, 1, 1): ("OctetString", "black"),
        (*_PRINTER, 13, 4, 1, 9, 1, 1): ("Integer", 5),  # prtMediaPathType: simplex
        (*_PRINTER, 16, 5, 1, 2, 1, 1): ("OctetString", display),
    }
    languages = core.personality.device_id.partition("CMD:")[2].partition(";")[0].split(",")
    for index, language in enumerate(languages, 1):
        rows[(*_PRINTER, 15, 1, 1, 2, 1, index)] = ("Integer", _INTERPRETERS.get(language, 1))
    for index, condition in enumerate(sorted(conditions & _ERROR_BITS.keys()), 1):
        rows[(*_PRINTER, 18, 1, 1, 2, 1, index)] = ("Integer", 3)  # prtAlertSeverityLevel: critical
        rows[(*_PRINTER, 18, 1, 1, 8, 1, index)] = ("OctetString", _DISPLAY[condition])
    return rows


def _error_state(core: Core, conditions: set[Condition]) -> bytes:
    """Return hrPrinterDetectedErrorState."""
    bits = bytearray(2)
    for condition in conditions & _ERROR_BITS.keys():
        bit = _ERROR_BITS[condition]
        bits[bit // 8] |= 0x80 >> (bit % 8)
    if core.media_left is not None and 0 < core.media_left < 10:
        bits[0] |= 0x80  # lowPaper
    return bytes(bits)


def _ribbon(core: Core, conditions: set[Condition]) -> int:
    """Return prtMarkerSuppliesLevel, of 100."""
    return 0 if Condition.RIBBON_OUT in conditions else core.path.supplies.ribbon_percent


def _level(core: Core, conditions: set[Condition]) -> int:
    """Return prtInputCurrentLevel: -3 means "at least one"."""
    if Condition.MEDIA_OUT in conditions:
        return 0
    return -3 if core.media_left is None else core.media_left
