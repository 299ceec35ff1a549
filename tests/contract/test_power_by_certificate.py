"""fabric-power against a port monitor, in a process of its own, that serves by mutual TLS alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from portmon.api import power_command
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from tests.rig.programs import Program
from tests.rig.wire import Holder, refusal
from tests.unit.chassis.certificates import Authority

SETTINGS = """
host_name = "till-3"
state_dir = "{folder}/state"
[[ports]]
name = "COM1:"
monitor = "sim"
[server.tls]
cert_file = "{folder}/portmon.crt"
key_file = "{folder}/portmon.key"
client_ca_file = "{ca}"
[server.access]
trust_loopback = "never"
[server.access.roles]
administrator = ["certificate:spiffe://fabric/till-3"]
spooler = ["certificate:spiffe://fabric/spooler"]
"""


class Till:
    """A host behind TLS, and the files of those who call it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.files = {
            name: self.authority.issue(name, spiffe=f"spiffe://fabric/{name}")
            for name in ("portmon", "till-3", "spooler", "stranger")
        }
        self.portmon = Program("portmon", folder, SETTINGS.format(folder=folder, ca=self.authority.file))

    def flags(self, name: str) -> list[str]:
        """Return how somebody proves who they are."""
        cert, key = self.files[name]
        return ["--ca", str(self.authority.file), "--cert", str(cert), "--key", str(key)]

    def power(self, *words: str) -> tuple[int, str]:
        """Run the command and return its status and what it said."""
        command = [
            sys.executable,
            "-m",
            "portmon.api.power_command",
            *words,
            "--address",
            self.portmon.address,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def channel(self, name: str) -> grpc.Channel:
        """Return a connection as somebody."""
        cert, key = (path.read_bytes() for path in self.files[name])
        proof = grpc.ssl_channel_credentials(self.authority.file.read_bytes(), key, cert)
        return grpc.secure_channel(self.portmon.address, proof)


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    found = Till(tmp_path_factory.mktemp("till"))
    try:
        found.portmon.start()
        yield found
    finally:
        found.portmon.stop()


def test_with_its_machines_certificate_it_suspends_and_resumes_the_host(till: Till) -> None:
    with till.channel("spooler") as channel:
        spooler = Holder(channel)
        handle = spooler.open("COM1:", 1)
        code, said = till.power("suspend", "--grace", "0.1", *till.flags("till-3"))
        assert (code, said) == (0, "all devices are let go; 0 documents go on where they stopped\n")
        assert refusal(lambda: spooler.close(handle)).win32 == 6
        assert refusal(lambda: spooler.open("COM1:", 2)).win32 == 170, "it sleeps"
        code, said = till.power("resume", *till.flags("till-3"))
        assert (code, said) == (0, "ports may be opened again\n")
        spooler.close(spooler.open("COM1:", 3))


def test_nobody_else_puts_the_host_to_sleep(till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    address = ("--address", till.portmon.address)
    assert power_command.main(["suspend", *address, *till.flags("stranger")]) == 69
    assert "certificate:spiffe://fabric/stranger may not call" in capsys.readouterr().err
    for flags in ([], ["--ca", str(till.authority.file)]):  # no TLS; no certificate
        assert power_command.main(["suspend", *address, *flags]) == 69
    with till.channel("spooler") as channel:
        spooler = Holder(channel)
        spooler.close(spooler.open("COM1:", 9))


def test_the_machines_certificate_may_do_nothing_else(till: Till) -> None:
    with till.channel("till-3") as channel:
        stub: Any = MonitorServiceStub(channel)
        assert refusal(lambda: stub.EnumPorts(pb.EnumPortsRequest())).code == "PERMISSION_DENIED"


def test_files_that_do_not_work_and_flags_that_do_not_go_together_are_named(
    till: Till, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca, cert, key = till.flags("till-3")[1::2]
    for flags in (["--ca", ca, "--cert", cert], ["--cert", cert, "--key", key], ["--server-name", "till-3"]):
        with pytest.raises(SystemExit) as wrong:
            power_command.main(["resume", *flags])
        assert wrong.value.code == 2
        assert "--cert and --key go together" in capsys.readouterr().err
    absent = tmp_path / "absent.pem"
    assert power_command.main(["resume", "--ca", str(absent)]) == 78
    assert capsys.readouterr().err == f"fabric-power: {absent}: No such file or directory\n"
