"""The spooler's suggestions as buttons: which of them the console can do itself, and where they go. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portui.model import Job, Port
from portui.model_answers import Explanation


@dataclass(frozen=True, slots=True)
class Button:
    """A suggestion that is a form to send (fields) or a page to go to (no fields)."""

    title: str
    path: str
    icon: str
    fields: tuple[tuple[str, str], ...] = ()
    confirm: str = ""


_MOST_DECISIONS = 3  # beside each other; the list of jobs has them all

_JOB_CALLS = {
    "PrintService/ReleaseJob": ("release", "play", ""),
    "PrintService/CancelJob": (
        "cancel",
        "cross",
        "Cancel this job? What a printer has taken cannot be called back.",
    ),
    "PrintService/RestartJob": (
        "restart",
        "repeat",
        "Print all of it again? What came out before comes out twice.",
    ),
}


def decisions(jobs: Iterable[Job]) -> list[Button]:
    """Return the ways to the jobs that wait for somebody to say what came out, a few of them."""
    undecided = sorted((job for job in jobs if job.undecided), key=lambda job: job.number)
    return [
        Button(f"Decide about {job.title or f'job {job.number}'}", f"/jobs/{job.number}", "question")
        for job in undecided[:_MOST_DECISIONS]
    ]


def buttons_of_job(explanation: Explanation, job: Job) -> list[Button]:
    """Return the suggestions about a job that are one click here; decisions have a form of their own on its page."""
    found: list[Button] = []
    path = f"/jobs/{job.number}/act"
    for one in explanation.actions:
        if one.method in _JOB_CALLS:
            what, icon, confirm = _JOB_CALLS[one.method]
            found.append(Button(one.title, path, icon, (("do", what),), confirm))
        elif one.method == "PrintService/ResumeJob" and job.proof.units.total > 1:
            place = job.proof.units.accepted + 1
            found.append(Button(one.title, f"{path.removesuffix('act')}resume?unit={place}", "play"))
        elif one.method == "PrintService/UpdateJob":
            first = (("do", "first"), ("job", str(job.number)))
            found.append(Button(one.title, f"/printers/{job.printer}/order", "up", first))
        elif one.method == "PrinterService/ResumePrinter":
            found.append(Button(one.title, f"/printers/{job.printer}/act", "play", (("do", "resume"),)))
        elif one.method == "PortService/ResumePort" and job.port:
            host, _, port = job.port.partition("/")
            found.append(Button(one.title, f"/hosts/{host}/act/{port}", "play", (("do", "resume"),)))
        elif one.method in ("PrinterService/UpdatePrinter", "PortService/AddPort"):
            found.append(Button(one.title, f"/printers/{job.printer}/edit", "plus"))
    return found


def buttons_of_port(explanation: Explanation, port: Port) -> list[Button]:
    """Return the suggestions about a port that are one click here."""
    found: list[Button] = []
    for one in explanation.actions:
        if one.method == "PortService/ResumePort":
            path = f"/hosts/{port.host}/act/{port.port}"
            found.append(Button(one.title, path, "play", (("do", "resume"),)))
        elif one.method == "PortService/AddPort":
            found.append(Button(one.title, "/add", "plus"))
        elif one.method == "PortService/ConfigurePort":
            found.append(Button(one.title, f"/hosts/{port.host}/configure/{port.port}", "gear"))
    return found
