"""Who may call what: Windows' rights, as one table of methods.

Windows' defaults: administrators all; everybody print and enumerate; the owner of a job controls it. `see` and `print`
ask only that the caller is known (a token, a certificate, a socket, or loopback where that is trusted).

| right | Windows | who |
|---|---|---|
| SEE | SERVER_ACCESS_ENUMERATE | everybody known |
| PRINT | PRINTER_ACCESS_USE | everybody known |
| STEER | JOB_ACCESS_ADMINISTER | operators, and everybody for their own jobs (`may_steer`) |
| READ | JOB_ACCESS_READ | administrators, and everybody for their own jobs (`may_read`) |
| ADMINISTER | PRINTER_ and SERVER_ACCESS_ADMINISTER | administrators |
| MONITOR | none | port-monitor services |
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from chassis.errors import AccessDenied, Unauthenticated
from chassis.identity import Identity, Kind, Role, current
from spooler.job import Job


class Right(StrEnum):
    """What a method needs of its caller."""

    SEE = "see"
    PRINT = "print"
    STEER = "steer jobs"
    READ = "read documents"
    OPERATE = "operate"
    ADMINISTER = "administer"
    MONITOR = "serve ports"


_P = "/printfabric.spooler.v1."

METHODS: Mapping[str, Right] = {
    **dict.fromkeys(
        (f"{_P}PrintService/{name}" for name in (
            "SubmitJob", "SubmitJobs", "UploadJob", "GetUpload", "DeleteUpload",
        )), Right.PRINT,
    ),
    **dict.fromkeys(
        (f"{_P}PrintService/{name}" for name in ("GetJob", "ListJobs", "ListAttempts", "ListJobEvents")),
        Right.SEE,
    ),
    **dict.fromkeys(
        (f"{_P}PrintService/{name}" for name in (
            "UpdateJob", "CancelJob", "HoldJob", "ReleaseJob", "RestartJob", "MoveJob", "ResumeJob", "ResolveJob",
            "ReprintUnits",
        )), Right.STEER,
    ),
    f"{_P}PrintService/ReadDocument": Right.READ,
    **dict.fromkeys((f"{_P}PrinterService/{name}" for name in ("GetPrinter", "ListPrinters")), Right.SEE),
    **dict.fromkeys(
        (f"{_P}PrinterService/{name}" for name in (
            "CreatePrinter", "UpdatePrinter", "DeletePrinter", "PausePrinter", "ResumePrinter", "PurgePrinter",
        )), Right.ADMINISTER,
    ),
    **dict.fromkeys(
        # Xcv sessions carry the access they were opened with; XcvOpen compares it with the caller's roles.
        (f"{_P}PortService/{name}" for name in (
            "ListHosts", "ListPorts", "GetPort", "ListMonitors", "XcvOpen", "XcvData", "StreamXcvData", "XcvClose",
            "SendRecvBidiData",
        )), Right.SEE,
    ),
    **dict.fromkeys((f"{_P}PortService/{name}" for name in ("PausePort", "ResumePort")), Right.OPERATE),
    **dict.fromkeys(
        (f"{_P}PortService/{name}" for name in (
            "AddPort", "ConfigurePort", "DeletePort", "SetPort", "TapPort",
        )), Right.ADMINISTER,
    ),
    **dict.fromkeys((f"{_P}WatchService/{name}" for name in ("Watch", "Explain", "ListHistory")), Right.SEE),
    # Each call asks for the right that it needs itself.
    f"{_P}WinspoolService/Call": Right.SEE,
    **dict.fromkeys((f"{_P}RegistryService/{name}" for name in (
        "RegisterHost", "TunnelHost", "GetHostConfig", "PutHostConfig",
    )), Right.MONITOR),
}  # fmt: skip

# The roles of which one is enough; a right that is not here asks only that the caller is known.
_ROLES: Mapping[Right, tuple[Role, ...]] = {
    Right.OPERATE: (Role.OPERATOR, Role.ADMINISTRATOR),
    Right.ADMINISTER: (Role.ADMINISTRATOR,),
    Right.MONITOR: (Role.MONITOR,),
}
_KNOWN_ONLY = frozenset(method for method, right in METHODS.items() if right not in _ROLES)


def authorize(identity: Identity, method: str) -> None:
    """Check a caller before the method sees anything (`chassis.identity.Authorize`).

    Raises:
        Unauthenticated: nobody knows who this is.
        AccessDenied: the right is missing. What is not in the table administrators alone may call.
    """
    if method in _KNOWN_ONLY:
        if identity.kind is Kind.NOBODY:
            raise Unauthenticated(f"who calls is not known; {method} needs a known caller")
        return
    identity.require(*_ROLES[METHODS.get(method, Right.ADMINISTER)], to=f"call {method}")


def owner_of(identity: Identity) -> str:
    """Return the name under which a caller owns jobs: the person, whatever service spoke for them."""
    if identity.via is None:
        return str(identity)
    return f"{identity.kind}:{identity.name}" if identity.name else str(identity.kind)


def caller() -> str:
    """Return who calls, for the record: the person, and the service that spoke for them."""
    return str(current())


def is_administrator() -> bool:
    """Say whether the caller may administer."""
    return current().has(Role.ADMINISTRATOR)


def may_use_ports() -> bool:
    """Say whether the caller may print test pages past the queues: operators may."""
    return current().has(Role.OPERATOR)


def may_steer(job: Job, to: str) -> str:
    """Return who calls if they may control the job: its owner or an operator.

    Raises:
        AccessDenied, Unauthenticated: they may not; `to` says what, as `cancel it`.
    """
    return _owner_or(job, (Role.OPERATOR,), to)


def may_read(job: Job) -> str:
    """Return who calls if they may read the job's document: its owner or an administrator."""
    return _owner_or(job, (Role.ADMINISTRATOR,), "read its document")


def _owner_or(job: Job, roles: tuple[Role, ...], to: str) -> str:
    identity = current()
    if not identity.known:
        raise Unauthenticated(f"who calls is not known; job {job.number} is somebody's", job=job.number)
    if owner_of(identity) != job.sender.owner and identity.roles.isdisjoint(roles):
        raise AccessDenied(
            f"job {job.number} belongs to {job.sender.owner}; to {to} needs the role {roles[0]}",
            job=job.number,
            owner=job.sender.owner,
            role=roles[0],
        )
    return str(identity)
