"""S16: the UI part and the server part are two programs with two identities, and each runs without the other."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.portui.v1 import portui_service_pb2 as ui
from tests.contract.statements.stage import Stage
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import HOST
from tests.rig.wire import refusal
from tests.unit.chassis.certificates import Authority

_TLS = """
[server.tls]
cert_file = "{folder}/{name}.crt"
key_file = "{folder}/{name}.key"
client_ca_file = "{ca}"
[server.access]
trust_loopback = "never"
"""
_OF_PORTMON = 'host_name = "edge"\nstate_dir = "{folder}/state"\n{tls}roles = {{spooler = ["certificate:spiffe://fabric/spooler"]}}\n'
_OF_PORTUI = 'spooler = "localhost:1"\n{tls}\n[channel.tls]\nca_file = "{ca}"\n'


class Parts:
    """Both parts, each with a certificate of its own, and each where the other's code cannot be imported."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        self.authority = Authority(folder)
        self.files = {
            name: self.authority.issue(name, spiffe=f"spiffe://fabric/{name}")
            for name in ("portmon", "portui", "spooler")
        }
        self.programs = {}
        for name, settings, others in (
            ("portmon", _OF_PORTMON, ("portui", "spooler")),
            ("portui", _OF_PORTUI, ("portmon", "spooler")),
        ):
            without = folder / f"without-{'-'.join(others)}"
            for other in others:
                (without / other).mkdir(parents=True)
                (without / other / "__init__.py").write_text(f"raise ImportError({other!r})\n")
            tls = _TLS.format(folder=folder, name=name, ca=self.authority.file)
            text = settings.format(folder=folder, tls=tls, ca=self.authority.file)
            self.programs[name] = Program(name, folder, text)
            patched.setenv("PYTHONPATH", str(without))
            self.programs[name].start()

    def stop(self) -> None:
        for program in self.programs.values():
            program.stop()

    def who_serves(self, name: str) -> set[str]:
        """Return the SPIFFE ids in the certificate with which a part serves."""
        cert, key = self.files["spooler"]
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.load_cert_chain(cert, key)
        context.set_alpn_protocols(["h2"])
        host, port = self.programs[name].address.split(":")
        with (
            socket.create_connection((host, int(port)), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            names: Any = (secure.getpeercert() or {})["subjectAltName"]
            return {value for kind, value in names if kind == "URI"}

    def ports_as(self, name: str) -> Any:
        """Ask the server part for its ports as somebody."""
        cert, key = (path.read_bytes() for path in self.files[name])
        proof = grpc.ssl_channel_credentials(self.authority.file.read_bytes(), key, cert)
        with grpc.secure_channel(self.programs["portmon"].address, proof) as channel:
            stub: Any = MonitorServiceStub(channel)
            return stub.EnumPorts(pb.EnumPortsRequest(), timeout=30)


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    found = Parts(tmp_path, monkeypatch)
    yield found
    found.stop()


def test_s16_each_part_is_a_program_of_its_own_with_an_identity_of_its_own(parts: Parts) -> None:
    """Both serve although neither can import the other. That they are two workloads of the chart, tests/chart says."""
    for name, program in parts.programs.items():
        assert program.serves
        assert parts.who_serves(name) == {f"spiffe://fabric/{name}"}
    assert list(parts.ports_as("spooler").ports) == []
    error = refusal(lambda: parts.ports_as("portui"))
    assert error.code == "PERMISSION_DENIED", "the UI part's identity opens no door to the server part"
    assert "certificate:spiffe://fabric/portui" in error.message


def form(stage: Stage) -> str:
    """Return the name of the UI of a port, as the UI part tells it; "" while it does not."""
    request = ui.DescribeFormRequest(port=f"hosts/{HOST}/ports/COM1:")
    try:
        return str(stage.portui_stub.DescribeForm(request, wait_for_ready=True, timeout=5).ui)
    except grpc.RpcError:
        return ""


def test_s16_the_ui_part_is_restarted_and_the_server_part_goes_on(stage: Stage, restarts: None) -> None:
    with stage.printer("IP_1") as printer:
        stage.print(printer, b"before")
        pid, hold = stage.portmon.pid, stage.enum()["IP_1"].hold
        stage.portui.stop()
        stage.print(printer, b"without a UI")
        stage.portui.start()
        wait_until(lambda: form(stage), why="the UI is not back")
        stage.print(printer, b"after")
        assert (stage.portmon.pid, stage.enum()["IP_1"].hold.fence) == (pid, hold.fence), (
            "nothing was opened anew"
        )


def test_s16_the_server_part_is_restarted_and_the_ui_part_goes_on(stage: Stage, restarts: None) -> None:
    wait_until(lambda: form(stage), why="there is no UI")
    pid = stage.portui.pid
    stage.portmon.end()
    with pytest.raises(grpc.RpcError) as away:
        stage.portui_stub.DescribeForm(ui.DescribeFormRequest(port=f"hosts/{HOST}/ports/COM1:"), timeout=30)
    assert away.value.code() is grpc.StatusCode.UNAVAILABLE, "it says so, and lives"
    assert stage.portui.runs
    stage.portmon.start()
    wait_until(lambda: form(stage), why="the UI does not find the server part again")
    assert stage.portui.pid == pid
    add = ui.AddPortUIRequest(parent=f"hosts/{HOST}", monitor="Local Port", port_id="s16.prn")
    assert stage.portui_stub.AddPortUI(add).port.port.port == "s16.prn"
    wait_until(lambda: "s16.prn" in [one.port.port for one in stage.client.ports.list()])
    stage.portui_stub.DeletePortUI(ui.DeletePortUIRequest(name=f"hosts/{HOST}/ports/s16.prn"))
