"""What a resource is about, so that news of it leads to the resource. Pure."""

from __future__ import annotations

from spooler.hub import Change, Topic
from spooler.printer import PortName

Subject = tuple[str, ...]


def about_printer(name: str) -> Subject:
    """Return the subject of a printer."""
    return Topic.PRINTER, name


def about_port(port: PortName) -> Subject:
    """Return the subject of a port, whatever the case of its name."""
    return Topic.PORT, *port.key


def about_host(host: str) -> Subject:
    """Return the subject of a host, whatever the case of its name."""
    return Topic.HOST, host.casefold()


def subject_of(change: Change) -> Subject | None:
    """Return what news is about; None for a job's."""
    if change.topic is Topic.PRINTER:
        return about_printer(str(change.key))
    if change.topic is Topic.HOST:
        return about_host(str(change.key))
    if change.topic is Topic.PORT and isinstance(change.key, tuple):
        return Topic.PORT, *change.key
    return None
