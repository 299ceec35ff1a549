"""TLS and mutual TLS: files, environment, and what is said when it does not fit."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner

from printfabric_client import Client, Retry, Tls, errors
from printfabric_client.command.program import program
from tests.unit.chassis.certificates import Authority
from tests.unit.client.fake_spooler import FakeSpooler

AT_ONCE = Retry(total_s=0)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[FakeSpooler]:
    cert, key = authority.issue("server")
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), cert.read_bytes())], authority.file.read_bytes(), require_client_auth=True
    )
    fake = FakeSpooler.serving("labels", credentials=credentials)
    yield fake
    fake.stop()


async def test_both_ends_prove_who_they_are(secure, authority):
    cert, key = authority.issue("client")
    tls = Tls(authority.file, cert, key)
    async with Client(secure.address, tls=tls, token="secret", retry=AT_ONCE) as fabric:
        assert (await fabric.printers.get("labels")).name == "printers/labels"
    assert secure.metadata["authorization"] == "Bearer secret"


async def test_a_caller_without_a_certificate_is_not_heard(secure, authority):
    async with Client(secure.address, tls=Tls(authority.file), retry=AT_ONCE) as fabric:
        with pytest.raises(errors.HostUnreachable):
            await fabric.printers.get("labels")


def test_the_command_takes_files_from_options_and_from_the_environment(secure, authority, monkeypatch):
    cert, key = authority.issue("client")
    args = ["--address", secure.address, "--ca", str(authority.file), "--cert", str(cert), "--key", str(key)]
    assert CliRunner().invoke(program, [*args, "printers", "-q"]).exit_code == 0
    assert CliRunner().invoke(program, ["printers", *args]).exit_code == 0
    for name, file in (("CA", authority.file), ("CERT", cert), ("KEY", key)):
        monkeypatch.setenv(f"PRINTFABRIC_{name}", str(file))
    assert CliRunner().invoke(program, ["--address", secure.address, "printers"]).exit_code == 0


def test_a_strange_certificate_is_said_in_words(secure, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    result = CliRunner().invoke(program, ["--address", secure.address, "--ca", str(other.file), "printers"])
    assert result.exit_code == 6
    assert result.stderr.startswith(f"printfabric: no secure connection to {secure.address}: ")


def test_a_missing_certificate_file_is_said_in_words(secure):
    result = CliRunner().invoke(program, ["--address", secure.address, "--ca", "/nowhere/ca.pem", "printers"])
    assert (result.exit_code, result.stderr) == (
        1,
        "printfabric: /nowhere/ca.pem: No such file or directory\n",
    )
