"""JOB_STATUS and PRINTER_STATUS bits, as Windows would show them. Pure; bits combine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntFlag

from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import EvidenceLevel, level_of


class JobBits(IntFlag):
    """JOB_STATUS_… of winspool.h."""

    PAUSED = 0x1
    ERROR = 0x2
    DELETING = 0x4
    SPOOLING = 0x8
    PRINTING = 0x10
    OFFLINE = 0x20
    PAPEROUT = 0x40
    PRINTED = 0x80
    DELETED = 0x100
    BLOCKED_DEVQ = 0x200
    USER_INTERVENTION = 0x400
    RESTART = 0x800
    COMPLETE = 0x1000
    RETAINED = 0x2000


class PrinterBits(IntFlag):
    """PRINTER_STATUS_… of winspool.h."""

    PAUSED = 0x1
    ERROR = 0x2
    PENDING_DELETION = 0x4
    PAPER_JAM = 0x8
    PAPER_OUT = 0x10
    PAPER_PROBLEM = 0x40
    OFFLINE = 0x80
    PRINTING = 0x400
    OUTPUT_BIN_FULL = 0x800
    WARMING_UP = 0x10000
    TONER_LOW = 0x20000
    NO_TONER = 0x40000
    USER_INTERVENTION = 0x100000
    OUT_OF_MEMORY = 0x200000
    DOOR_OPEN = 0x400000
    POWER_SAVE = 0x1000000
    SERVER_OFFLINE = 0x2000000


# By PORT_INFO_3's dwStatus. Native Windows does not document this mapping.
OF_CONDITION: Mapping[int, PrinterBits] = {
    1: PrinterBits.OFFLINE,
    2: PrinterBits.PAPER_JAM,
    3: PrinterBits.PAPER_OUT,
    4: PrinterBits.OUTPUT_BIN_FULL,
    5: PrinterBits.PAPER_PROBLEM,
    6: PrinterBits.NO_TONER,
    7: PrinterBits.DOOR_OPEN,
    8: PrinterBits.USER_INTERVENTION,
    9: PrinterBits.OUT_OF_MEMORY,
    10: PrinterBits.TONER_LOW,
    11: PrinterBits.WARMING_UP,
    12: PrinterBits.POWER_SAVE,
}

_STATES: Mapping[JobState, JobBits] = {
    JobState.PENDING: JobBits(0),
    JobState.PENDING_HELD: JobBits.PAUSED,
    JobState.PROCESSING: JobBits.PRINTING,
    JobState.PROCESSING_STOPPED: JobBits.PRINTING | JobBits.ERROR,
    JobState.CANCELED: JobBits.DELETED,
    JobState.ABORTED: JobBits.ERROR | JobBits.DELETED,
    JobState.COMPLETED: JobBits.PRINTED,
}
# NOT_READY, DEV_NOT_EXIST, DEVICE_NOT_CONNECTED, CONNECTION_REFUSED, TIMEOUT, RPC_S_SERVER_UNAVAILABLE
_OFFLINE = frozenset({21, 55, 1167, 1225, 1460, 1722})
_OUT_OF_PAPER = 28


def job_bits(job: Job) -> int:
    """Return a job's bits. Trouble (ERROR and its kin) is shown until the job goes on or ends.

    PRINTED is said when the device was given all of it; COMPLETE in its place when a person closed the matter
    although proof is missing.
    """
    bits = _STATES[job.state] | (JobBits.SPOOLING if job.incoming else 0)
    error = job.last_error
    if error is not None and job.state in (
        JobState.PENDING,
        JobState.PENDING_HELD,
        JobState.PROCESSING_STOPPED,
    ):
        bits |= JobBits.ERROR
        if error.win32 in _OFFLINE:
            bits |= JobBits.OFFLINE
        elif error.win32 == _OUT_OF_PAPER:
            bits |= JobBits.PAPEROUT | JobBits.USER_INTERVENTION
    if job.state is JobState.PENDING_HELD and job.ledger.uncertain is not None:
        bits |= JobBits.USER_INTERVENTION
    if job.state is JobState.COMPLETED:
        proven = level_of(job.ledger.offsets, job.document.size_bytes)
        if job.document.size_bytes and proven in (EvidenceLevel.NONE, EvidenceLevel.SPOOLED):
            bits = JobBits.COMPLETE
        if job.retain:
            bits |= JobBits.RETAINED
    return int(bits)


def printer_bits(
    *,
    paused: bool,
    going: bool,
    printing: bool,
    server_offline: bool,
    ports: Iterable[tuple[bool, Iterable[int]]],
) -> int:
    """Return a printer's bits: the union over its ports, ERROR only if all of them are in error.

    Args:
        paused: nothing is scheduled.
        going: it is pending deletion.
        printing: a job of it is on its way.
        server_offline: no host of its ports answers.
        ports: for each port whether it is in error, and the dwStatus numbers it reports.
    """
    bits = PrinterBits(0)
    failed = []
    for in_error, conditions in ports:
        failed.append(in_error)
        for condition in conditions:
            bits |= OF_CONDITION.get(condition, PrinterBits(0))
    if failed and all(failed):
        bits |= PrinterBits.ERROR
    for asked, bit in (
        (paused, PrinterBits.PAUSED),
        (going, PrinterBits.PENDING_DELETION),
        (printing, PrinterBits.PRINTING),
        (server_offline, PrinterBits.SERVER_OFFLINE),
    ):
        if asked:
            bits |= bit
    return int(bits)
