"""Finding the spooler, and speaking to it over TLS and unix sockets."""

import json
import os
from pathlib import Path

import pytest

from printfabric_client import Client, Retry
from printfabric_client.address import (
    DEFAULT_ADDRESS,
    Tls,
    find_address,
    is_local,
    running_fabric,
    state_dir,
    target_of,
    tls_from_environment,
    token_from_environment,
)
from tests.unit.client.fake_spooler import FakeSpooler


def write(directory: Path, content: object) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (directory / "address.json").write_text(text)


def test_the_environment_comes_first_then_a_running_fabric_then_the_default(tmp_path):
    env = {"XDG_STATE_HOME": str(tmp_path)}
    assert find_address(environ=env) == DEFAULT_ADDRESS
    write(tmp_path / "print-fabric", {"pid": os.getpid(), "spooler": "127.0.0.1:4000"})
    assert find_address(environ=env) == "127.0.0.1:4000"
    assert find_address(environ={**env, "PRINTFABRIC_ADDRESS": "spooler:1"}) == "spooler:1"


def test_a_state_directory_that_is_named_comes_before_the_environment(tmp_path):
    write(tmp_path, {"pid": os.getpid(), "spooler": "127.0.0.1:4000"})
    assert find_address(tmp_path, {"PRINTFABRIC_ADDRESS": "spooler:1"}) == "127.0.0.1:4000"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        {"spooler": 5, "pid": os.getpid()},
        {"spooler": "a:1"},
        {"spooler": "a:1", "pid": 2**22 + 1},
    ],
)
def test_a_file_that_is_broken_or_of_a_dead_fabric_is_not_believed(tmp_path, content):
    write(tmp_path, content)
    assert running_fabric(tmp_path) is None


def test_the_state_directory_follows_the_desktop_rules():
    assert state_dir({"PRINTFABRIC_STATE_DIR": "/a"}) == Path("/a")
    assert state_dir({"XDG_STATE_HOME": "/b"}) == Path("/b/print-fabric")
    assert state_dir({}) == Path.home() / ".local/state/print-fabric"


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("spooler", "spooler:26151"),
        ("spooler:1234", "spooler:1234"),
        (" 127.0.0.1:80 ", "127.0.0.1:80"),
        ("[::1]", "[::1]:26151"),
        ("[::1]:99", "[::1]:99"),
        ("unix:/run/printfabric.sock", "unix:/run/printfabric.sock"),
        ("dns:///spooler.print:26151", "dns:///spooler.print:26151"),
    ],
)
def test_addresses_are_taken_as_people_write_them(written, target):
    assert target_of(written) == target


@pytest.mark.parametrize(
    "wrong", ["", ":80", "host:", "host:99999", "host:x", "a/b", "http://host:80", "::1"]
)
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(ValueError, match=r"address|spoken"):
        target_of(wrong)


def test_local_targets_are_known():
    assert all(map(is_local, ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1", "unix:/a"]))
    assert not any(map(is_local, ["10.0.0.1:1", "host:1", "dns:///localhost.evil:1", "[fe80::1]:1"]))


def test_tls_and_tokens_come_from_the_environment(tmp_path):
    assert tls_from_environment({}) is None
    assert tls_from_environment({"PRINTFABRIC_TLS": "1"}) == Tls()
    assert tls_from_environment({"PRINTFABRIC_CA": "/ca"}) == Tls(ca_file=Path("/ca"))
    file = tmp_path / "token"
    file.write_text("first\n")
    token = token_from_environment({"PRINTFABRIC_TOKEN_FILE": str(file)})
    assert callable(token)
    assert token() == "first"
    file.write_text("second\n")
    assert token() == "second"
    assert token_from_environment({}) is None


async def test_a_unix_socket_is_an_address(tmp_path):
    fake = FakeSpooler.serving("labels", address=f"unix:{tmp_path}/s")
    try:
        async with Client(f"unix:{tmp_path}/s", retry=Retry(total_s=0)) as fabric:
            assert (await fabric.printers.get("labels")).accepting
    finally:
        fake.stop()
