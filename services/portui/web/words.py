"""Figures, spans of time and states in words. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from portui.model import Job, JobState, Outcome, PortState, Proof

_STEPS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(count: float) -> str:
    """Return bytes as people read them: `48.2 kB`."""
    for step, unit in _STEPS:
        if count >= step:
            found = count / step
            return f"{found:.0f} {unit}" if found >= 100 else f"{found:.1f} {unit}"
    return f"{count:.0f} B"


def number(count: int) -> str:
    """Return a count with its thousands apart: `41,208`."""
    return f"{count:,}"


def duration(seconds: float) -> str:
    """Return a time span by its two largest parts: `4 min 12 s`, `3 h 5 min`, `12 d`."""
    if seconds < 1:
        return f"{max(0.0, seconds):.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    if whole < 86400:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{whole // 86400} d"


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago a moment was; empty for none."""
    if moment is None:
        return ""
    return duration(max(0.0, ((now or datetime.now(UTC)) - moment).total_seconds()))


def first_line(text: str, most: int) -> str:
    """Return the first line of a text, at most so many characters."""
    lines = text.strip().splitlines()
    return lines[0].strip()[:most] if lines else ""


def apart(name: str) -> str:
    """Return a schema's name as words: `InputTraySupplyLow` is `Input tray supply low`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return spaced[:1] + re.sub(r" ([A-Z])(?=[a-z])", lambda found: f" {found[1].lower()}", spaced)[1:]


def title_of(name: str) -> str:
    """Return a setting's name as a title, where nobody has given it one: `lineSpeed` and `line_speed` are `Line speed`."""
    spaced = apart(re.sub(r"[_\-\s]+", " ", name).strip())
    return f"{spaced[:1].upper()}{spaced[1:]}" or name


def many(count: int, one: str, more: str = "") -> str:
    """Return `1 job`, `3 jobs`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def waits(count: int) -> str:
    """Return `1 job waits`, `3 jobs wait`: as the spooler's sentences say it."""
    return f"{many(count, 'job')} {'waits' if count == 1 else 'wait'}"


class Shown(NamedTuple):
    """A state as it is shown: word, icon, and the class that gives its colour; never colour alone."""

    word: str
    icon: str
    tone: str


PORT_STATES = {
    PortState.PRINTING: Shown("Printing", "play", "printing"),
    PortState.READY: Shown("Ready", "check", "ready"),
    PortState.ATTENTION: Shown("Attention", "triangle", "attention"),
    PortState.ERROR: Shown("Error", "octagon", "error"),
    PortState.OFFLINE: Shown("Offline", "unplugged", "offline"),
    PortState.PAUSED: Shown("Paused", "pause", "paused"),
    PortState.UNKNOWN: Shown("Unknown", "dashed", "unknown"),
}
CONNECTED = Shown("Connected", "check", "ready")

JOB_STATES = {
    JobState.PENDING: Shown("Waiting", "clock", "muted"),
    JobState.HELD: Shown("Held", "pause", "paused"),
    JobState.PROCESSING: Shown("Printing", "play", "printing"),
    JobState.STOPPED: Shown("Stopped", "octagon", "error"),
    JobState.CANCELED: Shown("Cancelled", "cross", "muted"),
    JobState.ABORTED: Shown("Aborted", "octagon", "error"),
    JobState.COMPLETED: Shown("Ended", "check", "muted"),
}


# What a document is that came out as far as anybody knows. What is on paper only the printer can say.
_CAME_OUT = {"confirmed": "Printed", "acked": "Handed over", "accepted": "Handed over"}


def came_out(proof: Proof) -> str:
    """Return what the proof of a completed job allows to call it: `Printed`, `Handed over`, or no more than `Ended`."""
    return _CAME_OUT.get(proof.level, "Ended")


def job_state(job: Job) -> Shown:
    """Return a job's state in a word: what came out counts more than that it has ended."""
    if job.state is JobState.HELD and job.outcome is Outcome.UNKNOWN:
        return Shown("Decide", "question", "attention")
    if job.state is JobState.COMPLETED and job.outcome is Outcome.PRINTED and job.proof.level in _CAME_OUT:
        return Shown(came_out(job.proof), "check", "ready")
    return JOB_STATES[job.state]


PRINTER_STATES = {
    "idle": Shown("Ready", "check", "ready"),
    "processing": Shown("Printing", "play", "printing"),
    "stopped": Shown("Stopped", "octagon", "error"),
}

HOST_STATES = {
    "online": Shown("Reporting", "check", "ready"),
    "connecting": Shown("Connecting", "dashed", "unknown"),
    "silent": Shown("Silent", "unplugged", "offline"),
    "draining": Shown("Draining", "pause", "paused"),
}


def unit(kind: str, count: int = 1) -> str:
    """Return the word for a unit of a document."""
    word = {"label": "label", "receipt": "receipt", "page": "page"}.get(kind, "document")
    return word if count == 1 else f"{word}s"


def units(kind: str, first: int, last: int) -> str:
    """Return units by their numbers: `label 5`, `labels 5 to 20`."""
    return f"{unit(kind)} {first}" if first == last else f"{unit(kind, 2)} {first} to {last}"


_LEVELS = {
    "none": "nothing yet",
    "spooled": "in the spool",
    "accepted": "taken by the host",
    "acked": "acknowledged by the printer's connection",
    "confirmed": "confirmed by the printer",
}


def proven(proof: Proof, *, printed: bool = False) -> str:
    """Return what the end of a document rests on: `acknowledged by the printer's connection`."""
    level = _LEVELS.get(proof.level, proof.level)
    if printed and proof.level in ("", "none"):
        return "decided so: nothing proved it"
    if proof.answered:
        return "its end answered by the printer, whose restart before that could not be seen"
    return f"{level}; ended by a time-out: the printer did not answer" if proof.timed_out else level


def progress(job: Job) -> str:
    """Return how far a document is, in units where they are counted: `7 of 12 labels received …, 12 sent`."""
    proof, units = job.proof, job.proof.units
    counted = units.total > 0 and units.kind != "document"
    got = units if counted else proof
    total, what = (units.total, unit(units.kind, units.total)) if counted else (job.size, "bytes")
    confirmed = f", {number(got.confirmed)} confirmed by the printer" if got.confirmed else ""
    received = f"{number(got.acked)} of {number(total)} {what} received by the printer's side"
    return f"{received}, {number(got.accepted)} sent{confirmed}"


FULL, NO_WORD = "waiting for the printer's word", "no word yet"


def far(job: Job, *, short: bool = False) -> str:
    """Return what stands beside a job's bar: what the printer's side has of it; of one that has ended, what is proven.

    The page's script writes the same while a job is on its way.
    """
    if job.state is JobState.PROCESSING:
        if job.share >= 1:
            return NO_WORD if short else FULL
        return f"{round(100 * job.share)} %{'' if short else ' received'}"
    units = job.proof.units
    if units.total > 1:
        return f"{number(units.acked)} of {number(units.total)} {unit(units.kind, 2)}"
    return "" if job.active else job.proof.level.replace("acked", "acknowledged")


# What happened, where the spooler's word for it is not one of everybody's.
EVENTS = {
    "requeued": "waits again",
    "broke-off": "broken off",
    "tapped": "somebody looked at the wire",
    "half-closed": "its half in the printer",
    "began-behind-half": "began behind a half",
}
_LOOKED = {"documents in the clear": "the documents could be read", "masked": "the documents were masked"}
_NOT_THERE = re.compile(r"(/[^:]*?) is not there(?: now)?(?:: (.*))?", re.DOTALL)
_CODE = re.compile(r"(?:^|, )[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?:: (?=\S)|(?=\)))")


def happened(kind: str, text: str) -> str:
    """Return an event's text in plain words, without a code of ours before them."""
    return _LOOKED.get(text, text) if kind == "tapped" else _CODE.sub(_between, text)


def _between(code: re.Match[str]) -> str:
    """Return what stands for a code: what separated what is before it from what is behind."""
    return ": " if code[0].startswith(", ") and code[0].endswith(": ") else ""


def gone_first(reason: str) -> str:
    """Return why a port is offline with what matters first: a device's path, which may be long, comes last."""
    found = _NOT_THERE.fullmatch(reason)
    if found is None:
        return reason
    path, more = found[1], found[2]
    return f"Device is gone: {more.rstrip('.')} ({path})" if more else f"Device is gone ({path})"


def once(sentence: str, name: str) -> str:
    """Return a sentence for a line that begins with what it is about, `hosts/edge-7/ports/COM1:`: without that."""
    host, _, port = name.removeprefix("hosts/").partition("/ports/")
    return sentence.replace(f"The device of {host}/{port} is not there", "The device is not there")


# The languages of documents, by media type.
FORMATS = (
    ("", "As the sender says"),
    ("application/vnd.zebra-zpl", "Labels (ZPL)"),
    ("application/vnd.escpos", "Receipts (ESC/POS)"),
    ("application/vnd.hp-pcl", "Pages (PCL, PJL)"),
    ("text/plain", "Plain text"),
    ("application/octet-stream", "Raw, not looked into"),
)


def language(format_: str) -> str:
    """Return a media type as people call it: `labels (ZPL)`."""
    named = dict(FORMATS).get(format_, "")
    return f"{named[:1].lower()}{named[1:]}" if named else format_.rpartition("/")[2]


SOURCE_NAMES = {
    "host": "Host",
    "transport": "Connection",
    "printer": "Printer",
    "operator": "People",
    "spooler": "Spooler",
}

SOURCES = {
    "host": "the host says",
    "transport": "the connection shows",
    "printer": "the printer says",
    "operator": "a person said",
    "spooler": "the spooler knows",
    "unspecified": "the spooler knows",
    "unknown": "somebody says",
}
