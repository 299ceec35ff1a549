"""Which host a caller is: the whole name that it has proven, never a part of one."""

from __future__ import annotations

import pytest

from chassis.identity import Identity, Kind
from spooler.api.host_proof import is_host


@pytest.mark.parametrize(
    ("kind", "name", "host"),
    [
        (Kind.CERTIFICATE, "spiffe://fabric/host/till-1", "till-1"),
        (Kind.CERTIFICATE, "spiffe://fabric/host/till-1", "TILL-1"),
        (Kind.CERTIFICATE, "spiffe://fabric/host/till-1.store-17.example", "till-1.store-17.example"),
        (Kind.CERTIFICATE, "till-1", "till-1"),
        (Kind.CERTIFICATE, "till-1.store-17.example", "till-1.store-17.example"),
        (Kind.TOKEN, "till-1", "till-1"),
        (Kind.LOOPBACK, "", "till-1"),
        (Kind.UNIX, "uid:1000", "till-1"),
    ],
)
def test_a_host_has_the_whole_name_that_is_proven(kind, name, host):
    assert is_host(Identity(kind, name), host)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.CERTIFICATE, "till-1.store-18.example"),
        (Kind.CERTIFICATE, "spiffe://fabric/store-17/till-1"),
        (Kind.CERTIFICATE, "spiffe://fabric/till-1"),
        (Kind.CERTIFICATE, "spiffe://fabric/store-17/host/till-1"),
        (Kind.CERTIFICATE, "spiffe://fabric/host/store-17/till-1"),
        (Kind.CERTIFICATE, "spiffe://fabric/host/till-1/"),
        (Kind.CERTIFICATE, "spiffe://fabric/host/till-1.store-18.example"),
        (Kind.CERTIFICATE, "spiffe://fabric/hosts/till-1"),
        (Kind.CERTIFICATE, "spiffe:///host/till-1"),
        (Kind.CERTIFICATE, "https://fabric/host/till-1"),
        (Kind.TOKEN, "spiffe://fabric/host/till-1"),
        (Kind.TOKEN, "store-18/till-1"),
        (Kind.TOKEN, "till-1.store-18.example"),
        (Kind.OIDC, "store-18/till-1"),
        (Kind.NOBODY, ""),
    ],
)
def test_a_part_of_a_name_is_no_hosts_proof(kind, name):
    assert not is_host(Identity(kind, name), "till-1")
