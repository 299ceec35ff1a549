"""IPP jobs and the attributes of printer and jobs, RFC 8011."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import IntEnum

from printfabric_sim.condition import ATTENTION, Condition
from printfabric_sim.connections.ipp_message import Attributes, Tag, Value, keywords, values
from printfabric_sim.core import Core
from printfabric_sim.inlet import Inlet

FORMATS = (
    "application/octet-stream",
    "application/vnd.cups-raw",
    "application/pdf",
    "application/postscript",
    "application/vnd.hp-PCL",
    "text/plain",
    "image/pwg-raster",
)
# RFC 8011, 5.4.12 and the PWG's registry
_REASONS = {
    Condition.MEDIA_OUT: "media-empty-error",
    Condition.RIBBON_OUT: "marker-supply-empty-error",
    Condition.COVER_OPEN: "cover-open-error",
    Condition.JAM: "media-jam-error",
    Condition.HEAD_HOT: "other-error",
    Condition.CUTTER: "other-error",
    Condition.PAUSED: "paused",
    Condition.BUSY: "other-report",
    Condition.WARMING_UP: "other-report",
}


# Hundredths of a millimetre, PWG 5100.3.
_A4 = {"x-dimension": Value(Tag.INTEGER, 21000), "y-dimension": Value(Tag.INTEGER, 29700)}


class JobState(IntEnum):
    """RFC 8011, 5.3.7."""

    PENDING = 3
    PROCESSING = 5
    PROCESSING_STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


@dataclass(slots=True)
class IppJob:
    """One job; its state follows the printer, not the protocol: completed means the last unit has left."""

    number: int
    name: str
    user: str
    uri: str
    created: float
    inlet: Inlet | None = None
    canceled: bool = False
    lost: bool = False  # the printer lost its power before the end
    done: bool = False
    ended: float = 0.0
    units: int = 0  # printed so far

    def told(self, core: Core, *, untrue: bool = False) -> JobState:
        """Return the state now; an untrue one is that of a job which waits for media, or of one that goes on."""
        state = self.state(core)
        if not untrue:
            return state
        stopped = state is JobState.PROCESSING_STOPPED
        return JobState.PROCESSING if stopped else JobState.PROCESSING_STOPPED

    def state(self, core: Core) -> JobState:
        """Return the state now."""
        if self.canceled:
            return JobState.CANCELED
        if self.lost or (self.inlet is not None and self.inlet.ended not in ("", "fin")):
            return JobState.ABORTED
        if self.inlet is None:
            return JobState.PENDING
        if self.done:
            return JobState.COMPLETED
        return JobState.PROCESSING_STOPPED if core.conditions & ATTENTION else JobState.PROCESSING

    def finish(self, whole: bool) -> None:
        """Everything of this job has left the printer, or was lost."""
        self.done, self.lost, self.ended = whole, not whole, time.time()

    def attributes(self, core: Core, start: float, up_s: float, *, untrue: bool = False) -> Attributes:
        """Return the job's attributes `up_s` seconds after `start`, with an untrue state if asked for."""
        state = self.told(core, untrue=untrue)
        reason = {
            JobState.PENDING: "job-incoming",
            JobState.PROCESSING: "job-printing",
            JobState.PROCESSING_STOPPED: "printer-stopped",
            JobState.CANCELED: "job-canceled-by-user",
            JobState.ABORTED: "aborted-by-system",
            JobState.COMPLETED: "job-completed-successfully",
        }[state]
        over = state in (JobState.CANCELED, JobState.ABORTED, JobState.COMPLETED)
        return {
            "job-id": [Value(Tag.INTEGER, self.number)],
            "job-uri": [Value(Tag.URI, f"{self.uri}/jobs/{self.number}")],
            "job-printer-uri": [Value(Tag.URI, self.uri)],
            "job-name": [Value(Tag.NAME, self.name)],
            "job-originating-user-name": [Value(Tag.NAME, self.user)],
            "job-state": [Value(Tag.ENUM, int(state))],
            "job-state-reasons": keywords(reason),
            "job-impressions-completed": [Value(Tag.INTEGER, self.units)],
            "job-printer-up-time": [Value(Tag.INTEGER, max(1, int(up_s)))],
            "time-at-creation": [Value(Tag.INTEGER, max(1, int(self.created - start)))],
            "time-at-processing": [Value(Tag.INTEGER, max(1, int(self.created - start)))],
            "time-at-completed": [
                Value(Tag.INTEGER, max(1, int(self.ended - start)))
                if over and self.ended
                else Value(Tag.NO_VALUE, "")
            ],
        }


def printer_attributes(core: Core, uri: str, up_s: float, jobs: int, *, untrue: bool = False) -> Attributes:
    """Return what Get-Printer-Attributes answers: the required attributes, and the state as it is.

    An untrue state is that of a printer without media, or if it has none of one with media.
    """
    conditions = core.conditions ^ {Condition.MEDIA_OUT} if untrue else core.conditions
    return {**_state(core, conditions, up_s, jobs), **_identity(core, uri), **_abilities(core)}


def _state(core: Core, conditions: set[Condition], up_s: float, jobs: int) -> Attributes:
    stopped = bool(conditions & ATTENTION) or Condition.PAUSED in conditions
    state = 5 if stopped else (4 if core.units_waiting else 3)
    reasons = sorted({_REASONS[condition] for condition in conditions if condition in _REASONS}) or ["none"]
    return {
        "printer-state": [Value(Tag.ENUM, state)],
        "printer-state-reasons": keywords(*reasons),
        "printer-is-accepting-jobs": [Value(Tag.BOOLEAN, Condition.BUSY not in conditions)],
        "printer-up-time": [Value(Tag.INTEGER, max(1, int(up_s)))],
        "queued-job-count": [Value(Tag.INTEGER, jobs)],
    }


def _identity(core: Core, uri: str) -> Attributes:
    name = core.personality.device_id.partition("MDL:")[2].partition(";")[0] or "Simulated printer"
    return {
        "printer-uri-supported": [Value(Tag.URI, uri)],
        "uri-security-supported": keywords("none"),
        "uri-authentication-supported": keywords("none"),
        "printer-name": [Value(Tag.NAME, "sim")],
        "printer-location": [Value(Tag.TEXT, "")],
        "printer-more-info": [Value(Tag.URI, uri.replace("ipp:", "http:", 1))],
        "printer-info": [Value(Tag.TEXT, name)],
        "printer-make-and-model": [Value(Tag.TEXT, name)],
        "printer-device-id": [Value(Tag.TEXT, core.personality.device_id)],
    }


def _abilities(core: Core) -> Attributes:
    operations = (0x02, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0A, 0x0B)
    return {
        "ipp-versions-supported": keywords("1.1", "2.0"),
        "operations-supported": values(Tag.ENUM, operations),
        "charset-configured": [Value(Tag.CHARSET, "utf-8")],
        "charset-supported": [Value(Tag.CHARSET, "utf-8")],
        "natural-language-configured": [Value(Tag.LANGUAGE, "en")],
        "generated-natural-language-supported": [Value(Tag.LANGUAGE, "en")],
        "document-format-default": [Value(Tag.MIME_TYPE, FORMATS[0])],
        "document-format-supported": values(Tag.MIME_TYPE, FORMATS),
        "pdl-override-supported": keywords("not-attempted"),
        "compression-supported": keywords("none"),
        "multiple-document-jobs-supported": [Value(Tag.BOOLEAN, False)],
        "copies-supported": [Value(Tag.RANGE, (1, 1))],
        "copies-default": [Value(Tag.INTEGER, 1)],
        "media-supported": keywords("iso_a4_210x297mm", "na_letter_8.5x11in"),
        "media-col-default": [Value(Tag.COLLECTION, {"media-size": Value(Tag.COLLECTION, _A4)})],
        "media-default": keywords("iso_a4_210x297mm"),
        "sides-supported": keywords("one-sided"),
        "sides-default": keywords("one-sided"),
        "color-supported": [Value(Tag.BOOLEAN, False)],
        "pages-per-minute": [Value(Tag.INTEGER, int(60 / core.path.unit_s) if core.path.unit_s else 1000)],
        "finishings-default": [Value(Tag.ENUM, 3)],
        "finishings-supported": [Value(Tag.ENUM, 3)],
        "output-bin-default": keywords("face-up"),
        "output-bin-supported": keywords("face-up"),
        "print-quality-default": [Value(Tag.ENUM, 4)],
        "print-quality-supported": [Value(Tag.ENUM, 4)],
        "orientation-requested-default": [Value(Tag.ENUM, 3)],
        "orientation-requested-supported": values(Tag.ENUM, (3, 4)),
        "number-up-default": [Value(Tag.INTEGER, 1)],
        "printer-input-tray": [Value(Tag.OCTET_STRING, _tray(core))],
        "printer-output-tray": [
            Value(Tag.OCTET_STRING, "type=other;maxcapacity=-2;remaining=-2;status=0;name=Front;")
        ],
        "printer-resolution-default": [Value(Tag.RESOLUTION, (203, 203))],
        "printer-resolution-supported": [Value(Tag.RESOLUTION, (203, 203))],
    }


def _tray(core: Core) -> str:
    """Return the roll as PWG 5100.13 writes trays; -2 is unknown, -3 some."""
    supplies = core.path.supplies
    most, left = supplies.media_loaded or -2, -3 if core.media_left is None else core.media_left
    return (
        f"type=continuousRoll;mediafeed=-2;mediaxfeed=-2;maxcapacity={most};level={left};status=0;name=Roll;"
    )
