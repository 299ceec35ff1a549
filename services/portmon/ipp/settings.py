"""The settings of an IPP port, as fields and as a URI."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from portmon.network_settings import NetworkSettings, where
from portmon.setting_fields import seconds, tcp_port


class IppSettings(NetworkSettings):
    """Which printer, and how its word about a job is waited for. May also be given as `uri`: ipp://host:port/path."""

    port: int = tcp_port(631)
    path: str = Field(
        default="/ipp/print", max_length=255, pattern=r"^/[!-~]*$", title="Path",
        description="Path of the printer's URI; /ipp/print for most, /printers/name at a CUPS server.",
        json_schema_extra={"group": "Printer", "mono": True},
    )  # fmt: skip
    tls: bool = Field(
        default=False,
        title="TLS",
        description="Speak ipps, as https does.",
        json_schema_extra={"group": "Printer"},
    )
    verify: bool = Field(
        default=False, title="Check the certificate",
        description="Only a certificate that this host's authorities vouch for; printers mostly sign their own.",
        json_schema_extra={"group": "Printer", "show_if": {"tls": True}, "advanced": True},
    )  # fmt: skip
    certificate_sha256: str = Field(
        default="", max_length=95, pattern=r"^([0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31})?$", title="Certificate's fingerprint",
        description="SHA-256 of the one certificate that is accepted. Empty: any.",
        json_schema_extra={"group": "Printer", "show_if": {"tls": True}, "advanced": True, "mono": True},
    )  # fmt: skip
    document_format: str = Field(
        default="auto", max_length=255, pattern=r"^(auto|[!-~]+/[!-~]+)$", title="Document format",
        description="auto: what the document is if the printer takes that, else application/octet-stream.",
        json_schema_extra={"group": "Printer", "suggest": ["auto", "application/pdf", "image/pwg-raster"]},
    )  # fmt: skip
    answer_timeout_s: float = seconds(
        60.0, "Answer time-out", "How long the printer may take for each of its answers.", most=3600
    )
    confirm_timeout_s: float = seconds(
        120.0,
        "Confirmation time-out",
        "How long a job may print without a sign of progress before its end is no longer waited for. 0: do not wait.",
        most=86400,
        zero=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _from_uri(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("uri"), str):
            return value
        try:
            uri = urlsplit(value["uri"])
            port = uri.port
        except ValueError as error:
            raise ValueError(f"uri: {error}") from error
        if uri.scheme not in ("ipp", "ipps", "http", "https") or not uri.hostname:
            raise ValueError("uri: expected ipp://host:port/path or ipps://…")
        if uri.query or uri.fragment or uri.username is not None:
            raise ValueError("uri: no query, no fragment, no user")
        tls = uri.scheme in ("ipps", "https")
        ports = {"ipp": 631, "ipps": 631, "http": 80, "https": 443}
        found = {"host": uri.hostname, "port": port or ports[uri.scheme], "path": uri.path or "/", "tls": tls}
        # The URI is newer than the place that was set before.
        return {name: item for name, item in value.items() if name != "uri"} | found

    @field_validator("path")
    @classmethod
    def _no_query(cls, value: str) -> str:
        if "?" in value or "#" in value:
            raise ValueError("a path has no ? and no #")
        return value

    @property
    def authority(self) -> str:
        """Host and port as the printer may be told them: a zone means something on this host alone (RFC 6874)."""
        return where(self.host.partition("%")[0], self.port)

    @property
    def uri(self) -> str:
        """The printer's URI."""
        return f"{'ipps' if self.tls else 'ipp'}://{self.authority}{self.path}"
