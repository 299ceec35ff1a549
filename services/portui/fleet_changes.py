"""What a change means to what is known of the fleet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from portui.fabric_watch import Change
from portui.model import Fleet, Host, Job, Port, Printer, Proof


def structural(fleet: Fleet, told: Mapping[str, Port], change: Change) -> bool:
    """Say whether pages look different after a change: how far a job is and when a host was heard are figures only."""
    return (
        any(told.get(one.key) != one for one in change.ports)
        or any(fleet.printers.get(one.name) != one for one in change.printers)
        or any(_place(fleet.jobs.get(one.number)) != _place(one) for one in change.jobs)
        or any(_still(fleet.hosts.get(one.name)) != _still(one) for one in change.hosts)
    )


def _place(job: Job | None) -> Job | None:
    return (
        replace(job, proof=Proof(level=job.proof.level, timed_out=job.proof.timed_out))
        if job is not None
        else None
    )


def _still(host: Host | None) -> Host | None:
    return replace(host, last_seen=None) if host is not None else None


def users_of_ports(fleet: Fleet) -> dict[str, list[str]]:
    """Return each port's printers by name, in their order."""
    found: dict[str, list[str]] = {}
    for one in sorted(fleet.printers.values(), key=lambda one: one.name):
        for key in one.ports:
            found.setdefault(key, []).append(one.name)
    return found


def forget(fleet: Fleet, name: str) -> Job | Printer | Port | Host | None:
    """Take out what is gone, by its resource name, and return it; None: it was not known."""
    kind, _, rest = name.partition("/")
    host, is_port, port = rest.partition("/ports/")
    if kind == "jobs" and rest.isdecimal():
        return fleet.jobs.pop(int(rest), None)
    if kind == "printers":
        return fleet.printers.pop(rest, None)
    if is_port:
        return fleet.ports.pop(f"{host}/{port}", None)
    return fleet.hosts.pop(rest, None)


def forget_oldest(fleet: Fleet, over: dict[int, None], kept: int) -> None:
    """Keep so many of the jobs that have ended, whose numbers are `over`: the latest."""
    for number in sorted(over)[: max(0, len(over) - kept)]:
        del over[number]
        fleet.jobs.pop(number, None)
