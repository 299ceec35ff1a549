"""What keeps a port from printing, from what is known of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from spooler.explain.by_hand import by_hand
from spooler.explain.facts import (
    PATIENT,
    Action,
    Explanation,
    Fact,
    Failure,
    Patience,
    PortFacts,
    Sentence,
    Source,
    Trouble,
    Verdict,
)
from spooler.explain.loss import loss_over
from spooler.explain.reported import CONDITIONS, LINE_ERRORS, PORTS, fact_of, line_trouble, soon
from spooler.explain.standstill import standstill
from spooler.moments import stamp
from spooler.port import UNFINISHED

_OUT_OF_PAPER = 3
_ERROR = 1  # dwSeverity
_NETWORKED = frozenset({1225, 121, 1460, 1231, 1232, 11001})

# By the reason of the error that a port was left with.
_BY_REASON: Mapping[str, Verdict] = {
    "HOST_UNREACHABLE": Verdict.HOST_SILENT,
    "WRONG_HOST": Verdict.HOST_SILENT,
    "UNPROVEN_HOST": Verdict.HOST_SILENT,
    "HOST_PROOF_UNAVAILABLE": Verdict.HOST_SILENT,
    "PORT_BUSY": Verdict.PORT_HELD,
    "STALE_FENCE": Verdict.PORT_HELD,
    "PORT_NOT_FOUND": Verdict.NO_PORT,
    "ACCESS_DENIED": Verdict.DEVICE_REFUSED,
    "CONNECTION_REFUSED": Verdict.NO_CONNECTION,
    "OUT_OF_PAPER": Verdict.PRINTER_SAYS,
    "WRITE_TIMEOUT": Verdict.STALLED,
}
_SHARING_VIOLATION = 32  # another program on the host has the device


def trouble_of(port: PortFacts, now: datetime) -> Trouble | None:
    """Return what keeps a port from taking documents; None: nothing that is known."""
    for look in (_paused, _host, _unknown, _held, _said, _half, _failed):
        found = look(port, now)
        if found is not None:
            return found
    return None


def explain_port(
    port: PortFacts, now: datetime, undecided: int = 0, waiting: int = 0, patience: Patience = PATIENT
) -> Explanation:
    """Say why a port does not print, or that nothing is wrong.

    undecided: jobs that were broken off at it. waiting: those that wait for it.
    """
    loss = loss_over(port.flights, undecided, waiting)
    trouble = trouble_of(port, now) or line_trouble(port)
    if trouble is None and port.flights:
        trouble = standstill(port.flights[0], port, now, patience)
    if trouble is not None:
        return Explanation(trouble.verdict, trouble.headline, loss, trouble.actions, trouble.facts)
    text = Sentence(f"Nothing is wrong: {port.name} is ready")
    if port.flights:
        count = "a document is" if len(port.flights) == 1 else f"{len(port.flights)} documents are"
        text = Sentence("Nothing is wrong", f": {count} on the way")
    facts = (*soon(port), *_state(port, now))
    if len(facts) > 1:
        text = Sentence(f"{port.name} prints, and will need somebody soon")
    return Explanation(Verdict.FINE, text, loss, facts=facts)


def _state(port: PortFacts, now: datetime) -> tuple[Fact, ...]:
    word = port.state or "ready"
    return (Fact(f"{port.name} is {word}", Source.HOST, port.host_seen or now),)


def _paused(port: PortFacts, _now: datetime) -> Trouble | None:
    if port.paused is None:
        return None
    by, at, why = port.paused
    text = f"by {by} at {stamp(at)}" + (f": {why}" if why else "")
    return Trouble(
        Verdict.NO_PORT,
        Sentence(f"Port {port.name} is paused", f" {text}"),
        (Fact(f"{port.name.before} paused {text}", Source.OPERATOR, at),),
        (Action("Resume", f"{PORTS}/ResumePort", f"printfabric ports resume {port.name}"),),
    )


def _host(port: PortFacts, now: datetime) -> Trouble | None:
    host = port.name.host
    if not port.host_state:
        return Trouble(
            Verdict.NO_PORT,
            Sentence(f"Host {host} is not configured and has not dialled in"),
            (Fact(f"no host {host} is known here", Source.SPOOLER, now),),
        )
    if port.host_state in ("online", "draining"):
        return None
    since = f" since {_ago(port.host_seen, now)}" if port.host_seen is not None else ""
    headline = Sentence(f"Host {host} does not answer", since)
    if port.host_state == "connecting":
        headline = Sentence(f"Host {host} has not answered yet")
    learned = port.host_since or now
    facts = [Fact(f"host {host} is {port.host_state}", Source.SPOOLER, port.host_seen or learned)]
    if port.host_error:
        facts.append(Fact(port.host_error, Source.TRANSPORT, learned))
    look = Action("Look at the hosts", f"{PORTS}/ListHosts", "printfabric hosts")
    return Trouble(Verdict.HOST_SILENT, headline, tuple(facts), (*by_hand(Verdict.HOST_SILENT), look))


def _unknown(port: PortFacts, now: datetime) -> Trouble | None:
    if port.known:
        return None
    return Trouble(
        Verdict.NO_PORT,
        Sentence(f"Host {port.name.host} has no port {port.name.port}"),
        (Fact(f"{port.name} is not among the ports of its host", Source.HOST, port.host_seen or now),),
        (Action("Add a port", f"{PORTS}/AddPort", f"printfabric ports add {port.name}"),),
    )


def _held(port: PortFacts, now: datetime) -> Trouble | None:
    held_elsewhere = port.holder is not None and not port.holder.ours
    refused = port.error is not None and _verdict_of(port, port.error) is Verdict.PORT_HELD
    if not (held_elsewhere or (refused and port.lane in ("waiting", "stopped"))):
        return None
    who = port.holder.who if port.holder is not None and held_elsewhere else "somebody else"
    since = (
        port.holder.since if port.holder is not None else port.error.at if port.error is not None else None
    )
    facts = [Fact(f"{port.name} is open for {who}", Source.HOST, since or port.host_seen or now)]
    if port.error is not None:
        facts.append(Fact(port.error.message, Source.HOST, port.error.at))
    show = Action("Show the holder", f"{PORTS}/GetPort", f"printfabric ports show {port.name}")
    return Trouble(Verdict.PORT_HELD, Sentence(f"{port.name} is in use by {who}"), tuple(facts), (show,))


def _said(port: PortFacts, _now: datetime) -> Trouble | None:
    """Return what the printer or its host reports, if it stops the port."""
    report = next((one for one in port.reports if one.severity == _ERROR and one.cause != LINE_ERRORS), None)
    if report is None:
        return None
    words = CONDITIONS.get(report.condition, "The port reports an error")
    more = _more_than(words, report.text.rstrip("."))
    verdict = Verdict.PRINTER_SAYS
    if report.condition == 1 and report.source is not Source.PRINTER:
        verdict = _offline_verdict(port)
        if verdict is Verdict.NO_CONNECTION:
            words, more = _unanswered(port), ""
        elif verdict is Verdict.DEVICE_MISSING:
            words, more = f"The device of {port.name} is not there", ""
    show = Action("Look at the port", f"{PORTS}/GetPort", f"printfabric ports show {port.name}")
    actions = (*by_hand(verdict, report.condition), show)
    return Trouble(verdict, Sentence(words, more), (fact_of(port, report),), actions)


def _more_than(words: str, text: str) -> str:
    """Return what a report's text says beyond these words, with what separates it."""
    if text.casefold().startswith(words.casefold()):
        return text[len(words) :]
    return f": {text}" if text else ""


def _half(port: PortFacts, _now: datetime) -> Trouble | None:
    """Return that half a document lies in the printer, and nobody knows what closes it."""
    error = port.error
    if error is None or error.reason != UNFINISHED or port.lane not in ("waiting", "stopped", "opening"):
        return None
    return Trouble(
        Verdict.PRINTER_SAYS,
        Sentence(f"The printer on {port.name} has half a document in it", f": {error.message}"),
        (Fact(error.message, Source.HOST, error.at),),
        (Action("It is clear: go on", f"{PORTS}/ResumePort", f"printfabric ports resume {port.name}"),),
    )


def _failed(port: PortFacts, now: datetime) -> Trouble | None:
    """Return what the last failure at the port means while it waits for another try, or has stopped."""
    error = port.error
    if error is None or port.lane not in ("waiting", "stopped", "opening"):
        return None
    verdict = _verdict_of(port, error)
    device = port.device or str(port.name)
    again = _again(port, now)
    says = {
        Verdict.HOST_SILENT: f"Host {port.name.host} does not answer",
        Verdict.NO_PORT: f"Host {port.name.host} has no port {port.name.port}",
        Verdict.DEVICE_MISSING: f"The device of {port.name} is not there: {device}",
        Verdict.DEVICE_REFUSED: f"{device} refuses",
        Verdict.NO_CONNECTION: _unanswered(port),
        Verdict.PRINTER_SAYS: "Out of paper",
        Verdict.STALLED: "The printer takes nothing and does not say why",
    }
    headline = Sentence(says.get(verdict, f"{port.name} failed and is tried again"))
    if error.reason == "SPOOL_FULL":
        host = port.name.host
        text = f"Host {host} has no room for the document, which has to lie there whole; it is asked again"
        headline = Sentence(text, again)
    elif verdict not in says:
        headline = headline._replace(more=again)
    elif verdict is Verdict.DEVICE_REFUSED:
        headline = headline._replace(more=f": {_refused_words(port, error)}")
    facts = [Fact(error.message, Source.TRANSPORT, error.at)]
    if again:
        facts.append(Fact(f"it is tried again{again}", Source.SPOOLER, now))
    resume = Action("Try now", f"{PORTS}/ResumePort", f"printfabric ports resume {port.name}")
    condition = _OUT_OF_PAPER if error.reason == "OUT_OF_PAPER" else 0
    return Trouble(verdict, headline, tuple(facts), (*by_hand(verdict, condition), resume))


def _verdict_of(port: PortFacts, error: Failure) -> Verdict:
    if error.win32 == _SHARING_VIOLATION:
        return Verdict.DEVICE_REFUSED
    away = error.reason in ("DEVICE_OFFLINE", "DEVICE_NOT_CONNECTED") or error.win32 in _NETWORKED
    if away and error.reason != "WRITE_TIMEOUT":
        return _offline_verdict(port)
    return _BY_REASON.get(error.reason, Verdict.RETRY)


def _refused_words(port: PortFacts, error: Failure) -> str:
    """Return what the host says of a device that it may not open: who has it, or which right is missing."""
    said = error.message.removeprefix(f"port {port.name.port.rstrip(':')}: ")
    if port.device and said.startswith(f"{port.device} "):
        return f"it {said.removeprefix(port.device).strip()}"
    return "another program has it, or rights are missing"


def _offline_verdict(port: PortFacts) -> Verdict:
    """Say what is gone: a device node of the host, or an address on the network."""
    return Verdict.DEVICE_MISSING if port.device.startswith("/") else Verdict.NO_CONNECTION


def _unanswered(port: PortFacts) -> str:
    where = f" ({port.device})" if port.device else ""
    return f"The printer on {port.name} does not answer{where}"


def _again(port: PortFacts, now: datetime) -> str:
    if port.retry_at is None:
        return ""
    return f" in {max(round((port.retry_at - now).total_seconds()), 1)} s"


def _ago(moment: datetime, now: datetime) -> str:
    seconds = max(int((now - moment).total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
