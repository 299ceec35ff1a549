import importlib

import pytest

from chassis.errors import AccessDenied, InvalidArgument, PortNotFound, Unauthenticated
from chassis.identity import NOBODY, Identity, Kind, Role
from spooler.api import names, paging
from spooler.api.names import XcvObject
from spooler.api.rights import METHODS, Right, authorize, owner_of
from spooler.printer import PortName

SERVICES = ("print", "printer", "port", "watch", "winspool", "registry")
UID = bytes(range(16))


@pytest.mark.parametrize("text", ["jobs/4711", "4711"])
def test_a_job_by_number(text):
    assert names.job_of(text) == 4711


@pytest.mark.parametrize("text", [f"jobs/{UID.hex()}", "00010203-0405-0607-0809-0a0b0c0d0e0f"])
def test_a_job_by_uid(text):
    assert names.job_of(text) == UID


@pytest.mark.parametrize(
    "text", ["", "jobs/", "jobs/x", "jobs/-1", "jobs/1.5", "٣", "jobs/" + "9" * 19, "z" * 32]
)
def test_what_names_no_job(text):
    with pytest.raises(InvalidArgument):
        names.job_of(text)


@pytest.mark.parametrize("text", ["hosts/edge-7/ports/COM1:", "edge-7/COM1:"])
def test_a_port_by_either_name(text):
    assert names.port_of(text) == PortName("edge-7", "COM1:")


def test_a_ports_name_may_have_slashes():
    assert names.port_of("hosts/edge-7/ports/out/file") == PortName("edge-7", "out/file")
    assert names.port_of(names.port_name(PortName("edge-7", "out/file"))) == PortName("edge-7", "out/file")


@pytest.mark.parametrize(
    "text", ["", "edge-7", "edge-7/", "/COM1:", "hosts/edge-7", "hosts//ports/x", "hosts/e/ports/"]
)
def test_what_names_no_port(text):
    with pytest.raises(InvalidArgument):
        names.port_of(text)


@pytest.mark.parametrize(
    ("text", "host"), [("hosts/edge-7", "edge-7"), ("edge-7", "edge-7"), ("hosts/-", ""), ("", "")]
)
def test_a_host_or_all(text, host):
    assert names.host_of(text) == host


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\\\\edge-7\\,XcvPort COM1:", XcvObject("edge-7", port="COM1:")),
        (",XcvPort COM1:", XcvObject("", port="COM1:")),
        (",XcvMonitor Local Port", XcvObject("", monitor="Local Port")),
        ("\\\\edge-7\\,XcvMonitor Standard TCP/IP Port", XcvObject("edge-7", monitor="Standard TCP/IP Port")),
    ],
)
def test_windows_open_names(text, found):
    assert names.open_name(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "labels", "labels, Job 7", ",XcvPort", ",XcvPort ", ",xcvport COM1:", ",XcvPortCOM1:", "edge-7,XcvPort COM1:",
     ",XcvPort a,b", ",XcvMonitor a\\b", "\\\\\\,XcvPort COM1:"],
)  # fmt: skip
def test_what_is_no_open_name_is_1796(text):
    with pytest.raises(PortNotFound) as caught:
        names.open_name(text)
    assert caught.value.win32 == 1796


def test_pages_neither_shift_nor_repeat():
    letters = list("edcba")
    first, token = paging.page(letters, str, 2, "")
    letters.append("aa")  # comes in between, before the place
    second, token = paging.page(letters, str, 2, token)
    third, token = paging.page(letters, str, 2, token)
    assert (first, second, third, token) == (["a", "b"], ["c", "d"], ["e"], "")


@pytest.mark.parametrize("token", ["!", "ä", "a", "////"])
def test_a_foreign_token_is_refused(token):
    with pytest.raises(InvalidArgument):
        paging.page(["x"], str, 1, token)
    with pytest.raises(InvalidArgument):
        paging.number_in(token)


def test_a_page_has_a_default_and_a_bound():
    assert [paging.page_size(asked) for asked in (0, 1, 1000, 5000)] == [100, 1, 1000, 1000]


# --- rights


def methods_of_the_contract():
    for name in SERVICES:
        module = importlib.import_module(f"printfabric.spooler.v1.{name}_service_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"/{service.full_name}/{method.name}"


def test_every_method_of_the_contract_has_its_right_and_no_other():
    assert set(METHODS) == set(methods_of_the_contract())


def identity(*roles):
    return Identity(Kind.TOKEN, "ann", roles=frozenset(roles))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_who_may_call_what(method):
    right = METHODS[method]
    with pytest.raises(Unauthenticated):
        authorize(NOBODY, method)
    allowed = {
        Right.OPERATE: {Role.OPERATOR, Role.ADMINISTRATOR},
        Right.ADMINISTER: {Role.ADMINISTRATOR},
        Right.MONITOR: {Role.MONITOR},
    }.get(right)
    for caller, roles in ((identity(), set()), *((identity(role), {role}) for role in Role)):
        if allowed is None or roles & allowed:
            authorize(caller, method)
        else:
            with pytest.raises(AccessDenied):
                authorize(caller, method)


def test_what_is_not_in_the_table_is_for_administrators():
    with pytest.raises(AccessDenied):
        authorize(identity(Role.OPERATOR), "/printfabric.spooler.v1.PrintService/New")
    authorize(identity(Role.ADMINISTRATOR), "/printfabric.spooler.v1.PrintService/New")


def test_a_person_owns_their_jobs_whatever_service_spoke_for_them():
    alone = identity()
    via = Identity(Kind.TOKEN, "ann", via=Identity(Kind.CERTIFICATE, "portui"))
    assert owner_of(alone) == owner_of(via) == "token:ann"
    assert str(via) != owner_of(via)
    assert owner_of(Identity(Kind.LOOPBACK, "")) == "loopback"
