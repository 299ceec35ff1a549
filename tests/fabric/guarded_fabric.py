"""The three services as processes, behind mutual TLS, with an OpenID provider and a user file: what a stranger meets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from chassis.identity import Role
from chassis.settings import ChannelSettings, ClientTlsSettings
from spooler.access import passwords, user_file
from spooler.access.user_file import User
from tests.rig.programs import Program, wait_for_listener
from tests.surroundings import free_port
from tests.unit.chassis.certificates import Authority
from tests.unit.chassis.issuer import AUDIENCE, Issuer, issuer_running

PASSWORD = "correct-horse-battery"
MOST_BYTES = 65536

_SERVER = """
{more}
[server]
metrics_listen = "127.0.0.1:0"
health_listen = "127.0.0.1:{health}"
max_message_bytes = {most}
tls = {{ cert_file = "{folder}/{name}.crt", key_file = "{folder}/{name}.key", client_ca_file = "{ca}" }}
[server.access]
trust_loopback = "never"
roles = {roles}
[[server.access.oidc]]
issuer = "{issuer}"
audiences = ["{audience}"]
[log]
format = "json"
[{channel}]
tls = {{ ca_file = "{ca}", cert_file = "{folder}/{name}.crt", key_file = "{folder}/{name}.key" }}
"""


class GuardedFabric:
    """Programs by name (spooler, portmon, portui), the authority of their certificates, the provider of their people."""

    def __init__(self, folder: Path, issuer: Issuer) -> None:
        self.folder = folder
        self.issuer = issuer
        self.authority = Authority(folder)
        self.programs: dict[str, Program] = {}
        self.health: dict[str, str] = {}
        self.web = ""

    def start(self) -> None:
        """Start all three."""
        users = self.folder / "users"
        user_file.write(
            users, {"ada": User("ada", Role.ADMINISTRATOR, passwords.hashed(PASSWORD, n=16, p=1))}
        )
        self._start(
            "portmon",
            'spooler = ["certificate:spiffe://fabric/spooler"]',
            "registry_channel",
            'host_name = "edge"',
        )
        hosts = f'[[hosts]]\nname = "edge"\naddress = "{self.address("portmon")}"\n'
        sign_in = f'[sign_in]\nuser_file = "{users}"\n'
        self._start(
            "spooler", 'viewer = ["certificate:spiffe://fabric/portui"], administrator = ["group:admins"]', "monitors",
            hosts + sign_in,
        )  # fmt: skip
        self.web = f"127.0.0.1:{free_port()}"
        console = f'spooler = "{self.address("spooler")}"\nweb_listen = "{self.web}"'
        self._start("portui", 'administrator = ["group:admins"]', "channel", console)
        wait_for_listener(self.web)

    def stop(self) -> None:
        """Stop what runs."""
        for program in self.programs.values():
            program.stop()

    def _start(self, name: str, roles: str, channel: str, more: str) -> None:
        self.authority.issue(name, spiffe=f"spiffe://fabric/{name}")
        health = free_port()
        self.health[name] = f"127.0.0.1:{health}"
        head, _, tables = more.partition("[")
        state = f'state_dir = "{self.folder}/{name}-state"\n' if name != "portui" else ""
        text = _SERVER.format(
            more=f"{head}\n{state}", name=name, roles="{ " + roles + " }", channel=channel, folder=self.folder,
            health=health, most=MOST_BYTES, ca=self.authority.file, issuer=self.issuer.url, audience=AUDIENCE,
        )  # fmt: skip
        program = self.programs[name] = Program(name, self.folder, text + (f"[{tables}" if tables else ""))
        program.start()

    def address(self, name: str) -> str:
        """Return where a service listens, by a name that its certificate has."""
        return self.programs[name].address.replace("127.0.0.1", "localhost")

    def metrics(self, name: str) -> str:
        """Return where its metrics page is."""
        return self.programs[name].addresses[-1]

    def caller(self, certificate: str, *, authority: Authority | None = None, **how: Any) -> ChannelSettings:
        """Return how somebody with a certificate calls."""
        signs = authority or self.authority
        cert, key = signs.issue(certificate, spiffe=f"spiffe://fabric/{certificate}", **how)
        tls = ClientTlsSettings(ca_file=self.authority.file, cert_file=cert, key_file=key)
        return ChannelSettings(tls=tls, max_message_bytes=1 << 20)

    def log(self, name: str) -> list[dict[str, Any]]:
        """Return what a service has logged; lines that are no JSON as {"text": line}."""
        lines = self.programs[name].log.read_text("utf-8", "replace").splitlines()
        return [json.loads(line) if line.startswith("{") else {"text": line} for line in lines]

    def audit(self, name: str) -> list[dict[str, Any]]:
        """Return the lines about calls that were refused."""
        return [line for line in self.refusals(name) if "method" in line]

    def handshakes(self, name: str) -> list[dict[str, Any]]:
        """Return the lines about connections that were refused before there was a call."""
        return [line for line in self.refusals(name) if "method" not in line]

    def refusals(self, name: str) -> list[dict[str, Any]]:
        """Return the lines about all that was refused."""
        return [line for line in self.log(name) if line.get("event") == "refused"]


@contextmanager
def guarded_fabric(folder: Path) -> Iterator[GuardedFabric]:
    """Run them."""
    with ExitStack() as stack:
        fabric = GuardedFabric(folder, stack.enter_context(issuer_running()))
        stack.callback(fabric.stop)
        fabric.start()
        yield fabric
