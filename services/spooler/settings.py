"""What a spooler can be told: by flags, environment, secrets, or a TOML file."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from chassis.settings import Address, ChannelSettings, Section, ServerSettings, Settings

# A file and an environment know no other way to say that there is none.
Limit = Annotated[int | None, BeforeValidator(lambda value: None if value == "none" else value)]


class HostSection(Section):
    """A host with a port monitor: `[[hosts]]` in the file."""

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^[^/,\s]+$",
        description="the host's name in the fabric, as edge-7",
    )
    address: Address = Field(description="where its port monitor listens: host:port or unix:/path")
    server_name: str | None = Field(
        default=None,
        max_length=253,
        description="the name that its certificate must have; none: monitors.tls.server_name, else the address's",
    )


class PrinterSection(Section):
    """A printer that is added when there is none of that name: `[[printers]]` in the file."""

    name: str = Field(min_length=1, max_length=127, description="its name, as labels")
    ports: tuple[str, ...] = Field(default=(), description="its ports, preferred first: edge-7/COM1:")
    description: str = Field(default="", max_length=255, description="one line for people")
    location: str = Field(default="", max_length=255, description="where it stands")

    @field_validator("ports")
    @classmethod
    def _are_ports(cls, ports: tuple[str, ...]) -> tuple[str, ...]:
        for port in ports:
            host, slash, name = port.partition("/")
            if not (slash and host and name) or "," in port:
                raise ValueError(f"{port!r} is not a port: write host/port, as edge-7/COM1:")
        return ports


class DispatchSection(Section):
    """How documents are sent."""

    window: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="small documents on their way through one port at once; up to 8 times as many where they end"
        " within 0.1 s; 1: one after the other. As many may wait for a person after a power cut of a host",
    )
    cache_bytes: int = Field(
        default=64 << 20, ge=0, description="small documents kept in memory between acceptance and sending"
    )
    drain_s: float = Field(
        default=3.0, ge=0, le=600, description="how long documents may take to end when the spooler stops"
    )
    sender_patience_s: float = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="how long a printer waits for the rest of a document that it prints while it comes in",
    )
    lease_s: float = Field(
        default=30.0, ge=1, le=3600, description="how long a port stays ours when we are not heard of"
    )


class ExplainSection(Section):
    """When an explanation says that nothing moves: `[explain]` in the file."""

    stall_s: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="a printer that takes nothing for longer asks to wait (STALLED)",
    )
    stale_s: float = Field(
        default=60.0,
        gt=0,
        le=86400,
        description="with all of a document sent, a last word older than this says nothing any more (UNKNOWN)",
    )


class DiscoverySection(Section):
    """How hosts are found besides those named: `[discovery]` in the file."""

    kubernetes_service: str = Field(
        default="",
        max_length=253,
        description="a headless Service; each node with an endpoint of it is a host. none: only the hosts named",
    )
    namespace: str = Field(
        default="", max_length=63, description="the Service's namespace; none: the pod's own"
    )
    port_name: str = Field(default="grpc", max_length=63, description="the name of the Service's gRPC port")
    host_token_audience: str = Field(
        default="",
        max_length=253,
        description="hosts that are found prove which node they are by tokens of their pods made for this audience;"
        " none: no token is asked for",
    )
    host_accounts: tuple[str, ...] = Field(
        default=(),
        description="with host_token_audience: service accounts that port monitors run under, as print/portmon",
    )
    host_certificates: bool = Field(
        default=False,
        description="the certificate of each host that is found must have the host's name as a DNS name",
    )
    kubeconfig: Path | None = Field(
        default=None, description="credentials for the API server; none: the pod's service account"
    )

    @model_validator(mode="after")
    def _names_accounts(self) -> DiscoverySection:  # noqa: N804 - an "after" validator takes the instance
        if bool(self.host_token_audience) != bool(self.host_accounts):
            raise ValueError("host_token_audience and host_accounts go together")
        return self


class DialInSection(Section):
    """Hosts that open the connection themselves: `[dial_in]` in the file."""

    heartbeat_s: float = Field(
        default=10.0,
        ge=0.1,
        le=600,
        description="how often such a host says that it lives; silent for three times as long, it is gone",
    )


class SignInSection(Section):
    """How people prove who they are: `[sign_in]` in the file."""

    user_file: Path | None = Field(
        default=None, description="people with passwords, written by fabric-user; none: there are none"
    )
    session_s: float = Field(
        default=8 * 3600.0, ge=60, le=7 * 86400, description="how long a session lasts, in seconds"
    )


class ClusterSection(Section):
    """What a Kubernetes cluster is asked about callers: `[cluster]` in the file."""

    token_audience: str = Field(
        default="",
        max_length=253,
        description="pods are known by tokens made for this audience; none: by none",
    )
    access_namespace: str = Field(
        default="",
        max_length=63,
        description="the cluster's rules about printers in this namespace give roles; none: they give none",
    )
    access_printers: tuple[str, ...] = Field(
        default=(), max_length=100, description="printers that the rules may name; others: all or none"
    )
    kubeconfig: Path | None = Field(
        default=None, description="credentials for the API server; none: the pod's service account"
    )


class ResourcesSection(Section):
    """Printers and ports declared by resources of a Kubernetes cluster: `[resources]` in the file."""

    enabled: bool = Field(default=False, description="follow resources of the kinds Printer and PrinterPort")
    namespace: str = Field(default="", max_length=63, description="theirs; none: the pod's own")
    kubeconfig: Path | None = Field(
        default=None, description="credentials for the API server; none: the pod's service account"
    )


class SpoolerSettings(Settings):
    """The settings of fabric-spooler."""

    service = "spooler"
    server: ServerSettings = ServerSettings(listen=("127.0.0.1:26151",))
    monitors: ChannelSettings = Field(
        default=ChannelSettings(), description="how port monitors are spoken to: TLS, keepalive, token"
    )
    state_dir: Path = Field(
        default=Path("/var/lib/print-fabric/spooler"),
        description="database and spool; what was accepted lives here",
    )
    database: SecretStr = Field(
        default=SecretStr(""),
        description="a PostgreSQL database of its own: postgresql://user@host/name, by TLS unless it is on this machine;"
        " none: SQLite in the state directory",
    )
    standby_s: float = Field(
        default=10.0,
        ge=0,
        description="how long to wait at the start while no database answers that can be written to, or somebody has it alone",
    )
    takeover_s: float = Field(
        default=10.0,
        ge=3,
        le=600,
        description="how long this spooler may be silent before others on its database take its printers over",
    )
    spooler_id: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        max_length=63,
        description="this spooler's name; shown as the holder of its ports",
    )
    hosts: tuple[HostSection, ...] = Field(default=(), description="hosts with port monitors")
    discovery: DiscoverySection = DiscoverySection()
    dial_in: DialInSection = DialInSection()
    printers: tuple[PrinterSection, ...] = Field(default=(), description="printers to add when missing")
    sign_in: SignInSection = SignInSection()
    cluster: ClusterSection = ClusterSection()
    resources: ResourcesSection = ResourcesSection()
    everybody: Literal["user", "viewer", "none"] = Field(
        default="user",
        description="the role of whoever is known, as Windows lets Everyone print; viewer: only look, none: nothing",
    )
    keep_finished_s: float = Field(
        default=86400.0, ge=0, description="how long jobs are remembered after their end, in seconds"
    )
    keep_finished_jobs: Limit = Field(
        default=1_000_000, ge=0, description="how many ended jobs are remembered at most; none: no limit"
    )
    keep_document_bytes: Limit = Field(
        default=None,
        ge=0,
        description="above this, documents of ended jobs are given back; none: while the volume has room",
    )
    keep_events_s: float = Field(
        default=90 * 86400.0,
        ge=0,
        description="how long it is remembered what happened to printers and ports, in seconds",
    )
    keep_decisions_s: float = Field(
        default=400 * 86400.0,
        ge=0,
        description="how long it is remembered what people decided, about forgotten jobs too, in seconds",
    )
    keep_decisions: Limit = Field(
        default=100_000, ge=0, description="how many decisions are remembered at most; none: no limit"
    )
    keep_decision_bytes: Limit = Field(
        default=64 << 20, ge=0, description="how many bytes their lines may have, about; none: no limit"
    )
    reserve_bytes: Limit = Field(
        default=None, ge=0, description="kept free on the spool's volume; none: 64 MiB, or 5 % of a small one"
    )
    database_bytes: Limit = Field(
        default=20 << 30,
        ge=1 << 20,
        description="most bytes that documents may take of a PostgreSQL database, 64 MiB or 5 % of it in reserve;"
        " none: no limit",
    )
    dispatch: DispatchSection = DispatchSection()
    explain: ExplainSection = ExplainSection()

    @field_validator("hosts")
    @classmethod
    def _differ(cls, hosts: tuple[HostSection, ...]) -> tuple[HostSection, ...]:
        names = Counter(host.name.casefold() for host in hosts)
        twice = next((name for name, times in names.items() if times > 1), None)
        if twice is not None:
            raise ValueError(f"host {twice} is named twice")
        return hosts

    @model_validator(mode="after")
    def _prove_hosts(self) -> SpoolerSettings:  # noqa: N804 - an "after" validator takes the instance
        found, tls = self.discovery, self.monitors.tls
        if found.host_token_audience and (tls is None or tls.cert_file is None):
            raise ValueError(
                "hosts show their tokens to spoolers with a certificate: discovery.host_token_audience needs monitors.tls"
            )
        if tls is None and (found.host_certificates or any(host.server_name for host in self.hosts)):
            raise ValueError("certificates of hosts are looked at with monitors.tls only")
        if found.host_token_audience and found.host_token_audience == self.cluster.token_audience:
            raise ValueError(
                "what proves a host must prove nothing else: another audience than cluster.token_audience"
            )
        return self
