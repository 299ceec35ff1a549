"""Who may call what: Windows' rights, as one table of methods.

| right | Windows | role |
|---|---|---|
| ASK | none | nobody in particular: how to sign in, who one is |
| SEE | SERVER_ACCESS_ENUMERATE | viewer |
| PRINT | PRINTER_ACCESS_USE | user, of the printer |
| STEER | JOB_ACCESS_ADMINISTER | operator, of the job's printer; a user for their own jobs (`may_steer`) |
| READ | JOB_ACCESS_READ | administrator, of the job's printer; a user for their own jobs (`may_read`) |
| OPERATE | PRINTER_ACCESS_ADMINISTER, to pause | operator |
| ADMINISTER | PRINTER_ and SERVER_ACCESS_ADMINISTER | administrator |
| MONITOR | none | monitor: port-monitor services |

The wall lets in whoever has the role on everything or, where the call is about a printer or a job (`ON_PRINTERS`), on
some printers; there the handler asks again, by the printer's name (`require_on`, `may_steer`, `may_read`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from chassis.errors import AccessDenied, Unauthenticated
from chassis.identity import Identity, Role, current, included
from spooler.job import Job


class Right(StrEnum):
    """What a method needs of its caller."""

    ASK = "ask"
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
    # Controls that change the device need an administrator; GetPrinterData looks which it is.
    f"{_P}PrinterService/GetPrinterData": Right.PRINT,
    **dict.fromkeys(
        (f"{_P}PrinterService/{name}" for name in (
            "CreatePrinter", "UpdatePrinter", "DeletePrinter",
        )), Right.ADMINISTER,
    ),
    **dict.fromkeys(
        (f"{_P}PrinterService/{name}" for name in ("PausePrinter", "ResumePrinter", "PurgePrinter")), Right.OPERATE
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
    f"{_P}AlertService/ListAcknowledgements": Right.SEE,
    **dict.fromkeys(
        (f"{_P}AlertService/{name}" for name in ("AcknowledgeAlert", "WithdrawAcknowledgement")), Right.OPERATE
    ),
    **dict.fromkeys(
        (f"{_P}AccessService/{name}" for name in ("GetSignInOptions", "SignIn", "SignOut", "WhoAmI")), Right.ASK
    ),
    # Each of its functions asks for the right that it needs itself: tests/fabric/test_winspool_rights.py.
    f"{_P}WinspoolService/Call": Right.SEE,
    **dict.fromkeys((f"{_P}RegistryService/{name}" for name in (
        "RegisterHost", "TunnelHost", "GetHostConfig", "PutHostConfig",
    )), Right.MONITOR),
}  # fmt: skip

ROLES: Mapping[Right, Role] = {
    Right.SEE: Role.VIEWER,
    Right.PRINT: Role.USER,
    Right.STEER: Role.USER,
    Right.READ: Role.USER,
    Right.OPERATE: Role.OPERATOR,
    Right.ADMINISTER: Role.ADMINISTRATOR,
    Right.MONITOR: Role.MONITOR,
}
_OF_JOBS = frozenset({Right.PRINT, Right.STEER, Right.READ})
ON_PRINTERS = frozenset(method for method, right in METHODS.items() if right in _OF_JOBS) | {
    f"{_P}PrinterService/{name}"
    for name in ("UpdatePrinter", "DeletePrinter", "PausePrinter", "ResumePrinter", "PurgePrinter")
}


def authorize(identity: Identity, method: str) -> None:
    """Check a caller before the method sees anything (`chassis.identity.Authorize`).

    Raises:
        Unauthenticated: nobody knows who this is.
        AccessDenied: the right is missing. What is not in the table administrators alone may call.
    """
    right = METHODS.get(method, Right.ADMINISTER)
    if right is Right.ASK:
        return
    role = ROLES[right]
    if not (method in ON_PRINTERS and identity.has_somewhere(role)):
        identity.require(role, to=f"call {method}")


def everybody(role: str) -> frozenset[Role]:
    """Return the roles of whoever is known, from the settings' word: user, viewer or none."""
    return frozenset() if role == "none" else included(Role(role))


def require_on(printer: str, right: Right, to: str, identity: Identity | None = None) -> None:
    """Check that the caller has a right on a printer; `to` says for what, as `pause`.

    identity: the caller's, where a task of the call asks, which does not know of it.

    Raises:
        AccessDenied, Unauthenticated: they have not.
    """
    identity = identity or current()
    if not identity.has(ROLES[right], printer):
        identity.require(ROLES[right], to=f"{to} printer {printer}")


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
    """Return who calls if they may control the job: its owner, while they may print, or an operator.

    Raises:
        AccessDenied, Unauthenticated: they may not; `to` says what, as `cancel it`.
    """
    return _owner_or(job, Role.OPERATOR, to)


def may_read(job: Job) -> str:
    """Return who calls if they may read the job's document: its owner, while they may print, or an administrator."""
    return _owner_or(job, Role.ADMINISTRATOR, "read its document")


def _owner_or(job: Job, role: Role, to: str) -> str:
    identity = current()
    if not identity.known:
        raise Unauthenticated(f"who calls is not known; job {job.number} is somebody's", job=job.number)
    if identity.owner == job.sender.owner and not identity.has_somewhere(Role.USER):
        identity.require(Role.USER, to=f"{to}, though it is theirs")
    if identity.owner != job.sender.owner and not identity.has(role, job.printer):
        raise AccessDenied(
            f"job {job.number} belongs to {job.sender.owner}; to {to} needs the role {role}",
            job=job.number,
            owner=job.sender.owner,
            role=role,
        )
    return str(identity)
