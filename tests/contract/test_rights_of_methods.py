"""Every method of every contract and who may call it, written down a second time: the code's own tables are not asked.

A letter stands for a caller: n nobody known, k known without a role, v viewer, u user, o operator, a administrator,
m monitor, s spooler. Administrators bring what viewers, users and operators have, and so on down.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from chassis.errors import AccessDenied, Unauthenticated
from chassis.identity import NOBODY, Authorize, Identity, Kind, PrinterRole, Role, included
from portmon.api.rights import authorize as portmon_authorize
from portui import __main__ as portui
from spooler.api.rights import authorize as spooler_authorize

PROTOS = Path(__file__).parents[2] / "protos" / "printfabric"

SEE, PRINT, OPERATE, ADMINISTER = "vuoa", "uoa", "oa", "a"
EVERYBODY, HOSTS, SPOOLERS = "nkvuoams", "m", "s"

EXPECTED = {
    "spooler.v1.AccessService": {EVERYBODY: "GetSignInOptions SignIn SignOut WhoAmI"},
    "spooler.v1.AlertService": {
        SEE: "ListAcknowledgements",
        OPERATE: "AcknowledgeAlert WithdrawAcknowledgement",
    },
    "spooler.v1.PrintService": {
        SEE: "GetJob ListJobs ListAttempts ListJobEvents",
        # Whose job it is, or which printer's, is asked behind the wall.
        PRINT: "SubmitJob SubmitJobs UploadJob GetUpload DeleteUpload ReadDocument UpdateJob CancelJob HoldJob"
        " ReleaseJob RestartJob MoveJob ResumeJob ResolveJob ReprintUnits",
    },
    "spooler.v1.PrinterService": {
        SEE: "GetPrinter ListPrinters",
        PRINT: "GetPrinterData",  # controls that change the device ask for an administrator themselves
        OPERATE: "PausePrinter ResumePrinter PurgePrinter",
        ADMINISTER: "CreatePrinter UpdatePrinter DeletePrinter",
    },
    "spooler.v1.PortService": {
        # A management session has the access that its caller asked for and has; more is refused when it is opened.
        SEE: "ListHosts ListPorts GetPort ListMonitors XcvOpen XcvData StreamXcvData XcvClose SendRecvBidiData",
        OPERATE: "PausePort ResumePort",
        ADMINISTER: "AddPort ConfigurePort DeletePort SetPort TapPort",
    },
    "spooler.v1.WatchService": {SEE: "Watch Explain ListHistory"},
    "spooler.v1.WinspoolService": {SEE: "Call"},
    "spooler.v1.RegistryService": {HOSTS: "RegisterHost TunnelHost GetHostConfig PutHostConfig"},
    # The machine's own certificate says when it sleeps, if the port monitor's settings make it an administrator's.
    "monitor.v1.MonitorService": {ADMINISTER + SPOOLERS: "PowerEvent", SPOOLERS: "*"},
    "monitor.v1.XcvService": {SPOOLERS: "*"},
    "monitor.v1.RecorderService": {SPOOLERS: "*"},
    "portui.v1.PortUIService": {SEE: "DescribeForm", ADMINISTER: "AddPortUI ConfigurePortUI DeletePortUI"},
}

WALLS: dict[str, Authorize] = {
    "spooler": spooler_authorize,
    "monitor": portmon_authorize,
    "portui": portui._RIGHTS,
}


def known(*roles: Role) -> Identity:
    return Identity(Kind.CERTIFICATE, "spiffe://fabric/x", roles=frozenset(roles))


CALLERS = {
    "n": NOBODY,
    "k": known(),
    "v": known(*included(Role.VIEWER)),
    "u": known(*included(Role.USER)),
    "o": known(*included(Role.OPERATOR)),
    "a": known(*included(Role.ADMINISTRATOR)),
    "m": known(Role.MONITOR),
    "s": known(Role.SPOOLER),
}


def methods():
    """Return (service, method) of every contract that is written in protos/."""
    for path in sorted(PROTOS.rglob("*_service.proto")):
        name = ".".join(("printfabric", *path.relative_to(PROTOS).with_suffix("").parts)) + "_pb2"
        for service in importlib.import_module(name).DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield service.full_name.removeprefix("printfabric."), method.name


def expected(service: str, method: str) -> str | None:
    rows = EXPECTED.get(service, {})
    return next((who for who, names in rows.items() if method in names.split() or names == "*"), None)


def let_in(service: str, method: str, caller: Identity) -> bool:
    try:
        WALLS[service.split(".", maxsplit=1)[0]](caller, f"/printfabric.{service}/{method}")
    except AccessDenied:
        assert caller.known
        return False
    except Unauthenticated:
        assert not caller.known
        return False
    return True


METHODS = sorted(methods())


def test_every_method_has_its_row_and_every_row_its_method():
    assert [one for one in METHODS if expected(*one) is None] == []
    written = {
        (service, name)
        for service, rows in EXPECTED.items()
        for names in rows.values()
        for name in names.split()
    }
    assert {one for one in written if one[1] != "*"} - set(METHODS) == set()


@pytest.mark.parametrize(("service", "method"), METHODS, ids=[".".join(one) for one in METHODS])
def test_a_method_lets_in_whom_its_row_names_and_nobody_else(service, method):
    found = "".join(letter for letter, caller in CALLERS.items() if let_in(service, method, caller))
    assert found == "".join(sorted(expected(service, method) or "", key="nkvuoams".index))


@pytest.mark.parametrize("service", sorted(EXPECTED))
def test_a_method_that_is_not_in_the_contract_yet_is_for_administrators_at_most(service):
    found = "".join(letter for letter, caller in CALLERS.items() if let_in(service, "New", caller))
    assert found == ("s" if service.startswith("monitor.") else "a")


@pytest.mark.parametrize("kind", [Kind.LOOPBACK, Kind.UNIX])
def test_who_is_at_the_machine_of_a_port_monitor_needs_no_role_of_a_spooler(kind):
    caller = Identity(kind, "uid:0", roles=included(Role.ADMINISTRATOR))
    assert let_in("monitor.v1.MonitorService", "OpenPort", caller)
    assert not let_in("monitor.v1.MonitorService", "OpenPort", Identity(kind, "uid:0"))


ON_PRINTERS = {
    Role.USER: {
        "spooler.v1.PrintService": EXPECTED["spooler.v1.PrintService"][PRINT].split(),
        "spooler.v1.PrinterService": ["GetPrinterData"],
    },
    Role.OPERATOR: {"spooler.v1.PrinterService": ["PausePrinter", "ResumePrinter", "PurgePrinter"]},
    Role.ADMINISTRATOR: {"spooler.v1.PrinterService": ["UpdatePrinter", "DeletePrinter"]},
}


@pytest.mark.parametrize("role", ON_PRINTERS)
def test_a_role_on_some_printers_opens_only_what_is_about_a_printer_or_its_jobs(role):
    there = frozenset(PrinterRole(one, "labels-*") for one in included(role))
    somewhere = Identity(Kind.OIDC, "ann", roles=included(Role.VIEWER), on_printers=there)
    viewer = Identity(Kind.OIDC, "ann", roles=included(Role.VIEWER))
    more = {
        (service, method)
        for service, method in METHODS
        if let_in(service, method, somewhere) and not let_in(service, method, viewer)
    }
    allowed = {
        (service, name)
        for one in included(role) & set(ON_PRINTERS)
        for service, names in ON_PRINTERS[one].items()
        for name in names
    }
    assert more == allowed
