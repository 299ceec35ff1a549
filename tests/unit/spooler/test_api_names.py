import pytest

from chassis.errors import InvalidArgument, PortNotFound
from chassis.identity import Identity, Kind
from spooler.api import names, paging
from spooler.api.names import XcvObject
from spooler.printer import PortName

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
    letters = list("abcde")
    first, token = paging.page(letters, str, 2, "")
    letters.insert(1, "aa")  # comes in between, before the place
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


# --- rights: who may call what is in tests/contract/test_rights_of_methods.py


def test_a_person_owns_their_jobs_whatever_service_spoke_for_them():
    alone = Identity(Kind.TOKEN, "ann")
    via = Identity(Kind.TOKEN, "ann", via=Identity(Kind.CERTIFICATE, "portui"))
    assert alone.owner == via.owner == "token:ann"
    assert str(via) != via.owner
    assert Identity(Kind.LOOPBACK, "").owner == "loopback"
