"""What is asked of a connection to PostgreSQL beyond this machine, over URLs as people write them."""

from __future__ import annotations

import ssl
from pathlib import Path

import psycopg
import pytest

from spooler.sql.postgres.connection import parameters
from spooler.sql.postgres.encryption import encryption

AUTHORITIES = "/etc/authorities.pem"
CHECKED = {"sslmode": "verify-full", "sslrootcert": AUTHORITIES}


def added(url: str, **environment: str) -> dict[str, str]:
    return encryption(psycopg.conninfo.conninfo_to_dict(url), environment, AUTHORITIES)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///print",
        "postgresql://spool@/print?host=/run/postgresql",
        "postgresql://spool@%2Frun%2Fpostgresql/print",
        "postgresql://spool@/print?host=@abstract",
        "postgresql://spool@localhost/print",
        "postgresql://spool@127.0.0.1:5433/print",
        "postgresql://spool@[::1]/print",
        "postgresql://spool@/print?host=/run/a,localhost&target_session_attrs=read-write",
        "host=localhost hostaddr=127.0.0.1 dbname=print",
    ],
)
def test_a_database_of_this_machine_needs_no_certificate(url: str):
    assert added(url) == {}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://spool@db.example/print",
        "postgresql://spool@10.0.0.7:5432/print",
        "postgresql://spool@[fd00::7]/print",
        "postgresql://spool@db-1.example,db-2.example:5433/print",
        "postgresql://spool@/print?host=db-1,db-2&target_session_attrs=read-write",
        "postgresql://spool@/print?host=/run/postgresql,db-2",
        "postgresql://spool@localhost,10.0.0.7/print",
        "postgresql://spool@/print?hostaddr=10.0.0.7",
        "postgresql://spool@localhost/print?hostaddr=10.0.0.7",
        "postgresql://spool@db.example/print?hostaddr=127.0.0.1",  # a tunnel: whose end is at db.example
        "postgresql://spool@/print?service=somewhere",
        "host=localhost.example dbname=print",
        "postgresql://spool@db.example/print?sslrootcert=system",
    ],
)
def test_one_elsewhere_has_a_certificate_of_its_name(url: str):
    assert added(url) == CHECKED


def test_an_authority_that_the_url_names_is_the_one():
    assert added("postgresql://db.example/print?sslrootcert=/etc/ours.pem") == {"sslmode": "verify-full"}
    assert added("postgresql://db.example/print", PGSSLROOTCERT="/etc/ours.pem") == {"sslmode": "verify-full"}


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
def test_what_is_said_about_encryption_is_a_decision(mode: str):
    assert added(f"postgresql://db.example/print?sslmode={mode}") == {}
    assert added("postgresql://db.example/print", PGSSLMODE=mode) == {}


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_a_host_that_only_the_environment_names_is_elsewhere_too(variable: str):
    assert added("postgresql:///print", **{variable: "10.0.0.7"}) == CHECKED
    assert added("postgresql:///print", PGHOST="/run/postgresql") == {}


def test_the_systems_authorities_are_a_file_that_libpq_can_read(monkeypatch: pytest.MonkeyPatch):
    for variable in ("PGSSLMODE", "PGSSLROOTCERT"):
        monkeypatch.delenv(variable, raising=False)
    asked = parameters("postgresql://db.example/print", "fabric-spooler")
    assert asked["sslmode"] == "verify-full"
    if asked["sslrootcert"] != "system":
        assert Path(asked["sslrootcert"]).is_file()


def test_the_authorities_of_the_environment_are_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    ours = tmp_path / "ours.pem"
    ours.touch()
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(ours))
    assert parameters("postgresql://db.example/print", "fabric-spooler")["sslrootcert"] == str(ours)
