"""Settings every service has; a service adds its own by subclassing `Settings`.

    class SpoolerSettings(Settings):
        service = "spooler"
        database: str = Field(default="sqlite:///spool.db", description="where jobs are kept")

A value comes from a flag (`--server.grace-s 5`, or `--grace-s 5` while only one setting ends so), else the environment
(`PRINTFABRIC_SPOOLER_SERVER__GRACE_S`, or `PRINTFABRIC_SPOOLER_GRACE_S`), else a mounted secret (a file of that name), else
the TOML file (`--config`, `PRINTFABRIC_CONFIG`), else the default. `chassis.settings_sources` does the reading.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from chassis.access_settings import AccessSettings, LimitSettings
from chassis.logs import LogFormat, LogLevel
from chassis.section import Address, Section, is_loopback

__all__ = [
    "AccessSettings", "Address", "CertificateSettings", "ChannelSettings", "ClientTlsSettings", "KeepaliveSettings", "LimitSettings",
    "LogSettings", "Section", "ServerSettings", "ServerTlsSettings", "Settings", "TracingSettings", "is_loopback",
]  # fmt: skip

_COLLECTOR_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class CertificateSettings(Section):
    """A server's certificate. The files are read again when they change."""

    cert_file: Path = Field(description="PEM file with the server's certificate chain")
    key_file: Path = Field(description="PEM file with its private key")


class ServerTlsSettings(CertificateSettings):
    """The server's certificate, and whose certificates it accepts."""

    client_ca_file: Path | None = Field(
        default=None, description="PEM file; callers' certificates must be signed by one of it"
    )
    require_client_certificate: bool = Field(
        default=True,
        description="with client_ca_file: refuse callers without a certificate; false leaves room for tokens",
    )


class ClientTlsSettings(Section):
    """How this service proves itself to others, and whom it believes. The files are read again when they change."""

    ca_file: Path = Field(description="PEM file; servers' certificates must be signed by one of it")
    cert_file: Path | None = Field(default=None, description="PEM file with this client's certificate chain")
    key_file: Path | None = Field(default=None, description="PEM file with its private key")
    server_name: str | None = Field(
        default=None, description="name to expect in servers' certificates, if not the host's"
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> ClientTlsSettings:  # noqa: N804 - an "after" validator takes the instance
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self


class KeepaliveSettings(Section):
    """How a peer that says nothing is noticed.

    grpcio 1.85.1 was measured: without pings a frozen peer is never noticed; with keepalive time and time-out alone
    after 62 s; only with `grpc.http2.ping_timeout_ms` as well after time + time-out.
    """

    profile: Literal["lan", "wan"] = Field(
        default="lan", description="lan: 5 s + 3 s; wan: 30 s + 20 s, for paid or slow links"
    )
    time_s: float | None = Field(
        default=None, ge=1, le=3600, description="silence after which a ping is sent, in seconds"
    )
    timeout_s: float | None = Field(
        default=None, ge=0.1, le=600, description="wait for its answer, in seconds"
    )
    min_ping_interval_s: float = Field(
        default=1.0,
        ge=0,
        le=3600,
        description="clients that ping more often are turned away; below any client's time_s",
    )

    @property
    def effective_time_s(self) -> float:
        """Silence before a ping, in seconds."""
        return self.time_s if self.time_s is not None else {"lan": 5.0, "wan": 30.0}[self.profile]

    @property
    def effective_timeout_s(self) -> float:
        """Wait for the answer to a ping, in seconds."""
        return self.timeout_s if self.timeout_s is not None else {"lan": 3.0, "wan": 20.0}[self.profile]

    def options(self) -> list[tuple[str, int]]:
        """Return the channel arguments for either end."""
        timeout_ms = round(self.effective_timeout_s * 1000)
        return [
            ("grpc.keepalive_time_ms", round(self.effective_time_s * 1000)),
            ("grpc.keepalive_timeout_ms", timeout_ms),
            ("grpc.http2.ping_timeout_ms", timeout_ms),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]

    def server_options(self) -> list[tuple[str, int]]:
        """Return the channel arguments for a server, which also says how many pings it stands."""
        # Not …min_recv_ping_interval…, which is often copied and does nothing.
        floor_ms = round(self.min_ping_interval_s * 1000)
        return [*self.options(), ("grpc.http2.min_ping_interval_without_data_ms", floor_ms)]


class LogSettings(Section):
    """What is logged, and how."""

    format: LogFormat = Field(default="auto", description="auto is console on a terminal, else json")
    level: LogLevel = Field(default="info", description="lowest level that is written")
    rpc: Literal["all", "failed"] = Field(
        default="all",
        description="a line for every RPC, or only for those that failed (a line costs 5 us)",
    )


class ServerSettings(Section):
    """The gRPC server of a service and what stands beside it."""

    listen: tuple[Address, ...] = Field(
        default=("127.0.0.1:0",), min_length=1, description="addresses to serve on: host:port or unix:/path"
    )
    socket_mode: str = Field(
        default="0600", pattern="^0[0-7]{3}$", description="mode of unix sockets; it decides who may call"
    )
    tls: ServerTlsSettings | None = Field(
        default=None, description="serve TCP listeners by TLS; unix sockets stay plain"
    )
    plaintext: bool = Field(
        default=False,
        description="serve addresses that others reach without TLS: only where a mesh or a tunnel does it",
    )
    keepalive: KeepaliveSettings = KeepaliveSettings()
    access: AccessSettings = AccessSettings()
    limits: LimitSettings = LimitSettings()
    max_message_bytes: int = Field(
        default=4 << 20, ge=64 << 10, le=256 << 20, description="largest message, either way"
    )
    window_bytes: int = Field(
        default=8 << 20,
        ge=64 << 10,
        le=256 << 20,
        description="of each call, on their way here or not yet taken: twice the bandwidth of a line times its delay there"
        " and back, and what a call whose disk or printer is slow keeps in memory",
    )
    max_connection_age_s: float | None = Field(
        default=None,
        ge=10,
        description="part from each client so often, for balance behind a Service; none on a port monitor",
    )
    reflection: bool = Field(default=False, description="let tools list the services")
    metrics_listen: Address | None = Field(
        default=None, description="host:port of the Prometheus page; none: no page"
    )
    health_listen: Address | None = Field(
        default=None,
        description="plain second listener with grpc.health.v1 only: Kubernetes' probes speak no TLS",
    )
    drain_delay_s: float = Field(
        default=0, ge=0, le=300, description="seconds between NOT_SERVING and the end of accepting"
    )
    grace_s: float = Field(default=10, ge=0, le=3600, description="seconds that calls in flight get to end")
    ready_file: Path | None = Field(
        default=None, description="written when serving: JSON {pid, addresses, metrics}"
    )
    uvloop: bool = Field(default=True, description="use uvloop where it is installed")


class ChannelSettings(Section):
    """How this service calls others."""

    tls: ClientTlsSettings | None = Field(default=None, description="speak TLS; none: plain")
    keepalive: KeepaliveSettings = KeepaliveSettings()
    max_message_bytes: int = Field(
        default=4 << 20, ge=64 << 10, le=256 << 20, description="largest message, either way"
    )
    deadline_s: float = Field(
        default=10, gt=0, le=3600, description="deadline of a unary call that brings none"
    )
    token_file: Path | None = Field(default=None, description="file whose content goes along as bearer token")
    plaintext: bool = Field(
        default=False, description="send tokens without TLS as well: only where a mesh or a tunnel encrypts"
    )


class TracingSettings(Section):
    """Where spans go, by OTLP over gRPC: `[tracing]` in the file. OpenTelemetry's own OTEL_* variables are read as well."""

    endpoint: str = Field(
        default="",
        max_length=255,
        pattern=r"^(https?://[^\s/@]+(/\S*)?)?$",
        description="a collector: http://host:4317 or https://...; none: what OTEL_EXPORTER_OTLP_ENDPOINT says, else none",
    )
    ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="which part of the traces that begin here is told; none: what OTEL_TRACES_SAMPLER says, else all",
    )

    @property
    def wanted(self) -> bool:
        """Whether a collector is named, here or by OpenTelemetry's variables."""
        if os.environ.get("OTEL_SDK_DISABLED", "").casefold() == "true":
            return False
        return bool(self.endpoint or any(os.environ.get(name) for name in _COLLECTOR_VARIABLES))


class Settings(Section):
    """All settings of one program. Subclasses name their `service` and add fields with descriptions."""

    service: ClassVar[str] = "service"

    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()

    @model_validator(mode="before")
    @classmethod
    def _keep_own_defaults(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Give a section that is set in part the rest as the program has it: another grace time is no other address."""
        found = dict(values)
        for name, given in values.items():
            default = cls.model_fields[name].default if name in cls.model_fields else None
            if isinstance(given, dict) and isinstance(default, Section):
                found[name] = _with_defaults(default, given)
        return found


def _with_defaults(default: Section, given: dict[str, Any]) -> dict[str, Any]:
    """Return what is given of a section, and what the program's own default says beside it, however deep."""
    own = {key: getattr(default, key) for key in default.model_fields_set}
    within = {
        key: _with_defaults(own[key], value)
        for key, value in given.items()
        if isinstance(value, dict) and isinstance(own.get(key), Section)
    }
    return own | given | within
