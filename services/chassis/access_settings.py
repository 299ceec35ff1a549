"""Settings of who may call a server, and how much."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from chassis.section import Section, check_https


class PrinterBinding(Section):
    """A role that some callers have on some printers only: `[[server.access.on_printers]]` in the file."""

    role: Literal["user", "operator", "administrator"] = Field(
        description="the role; it includes those before it"
    )
    callers: tuple[str, ...] = Field(min_length=1, description="patterns of callers, as in roles")
    printers: tuple[str, ...] = Field(min_length=1, description="patterns of printers' names: labels-*")


class OidcSettings(Section):
    """An OpenID provider whose tokens are believed: `[[server.access.oidc]]` in the file."""

    issuer: Annotated[str, AfterValidator(check_https)] = Field(
        description="its URL, as it stands in tokens: https://login.example/realms/shop"
    )
    audiences: tuple[str, ...] = Field(
        min_length=1, description="whom its tokens must be made for: client ids, as print-fabric"
    )
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"], ...
    ] = Field(
        default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1, description="signatures that are taken"
    )
    name_claim: str = Field(default="sub", description="the claim with the caller's name: sub is for ever")
    groups_claim: str = Field(default="groups", description="the claim with the groups")
    prefix: str = Field(
        default="", max_length=63, description="in front of names and groups; two providers need two of them"
    )
    clock_skew_s: float = Field(
        default=60.0, ge=0, le=300, description="how much its clock and ours may differ"
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file that its certificate must be signed by; none: the system's"
    )


class AccessSettings(Section):
    """Who may call. Roles: viewer, user, operator, administrator for people; monitor and spooler for services."""

    roles: dict[
        Literal["viewer", "user", "operator", "administrator", "monitor", "spooler"], tuple[str, ...]
    ] = Field(
        default_factory=dict,
        description="role = patterns of callers: certificate:spiffe://fabric/*, token:ci, oidc:ada, group:print-admins",
    )
    on_printers: tuple[PrinterBinding, ...] = Field(default=(), description="roles on some printers only")
    token_file: Path | None = Field(
        default=None, description="file of bearer tokens: sha256-hex name [group,group], one a line"
    )
    oidc: tuple[OidcSettings, ...] = Field(
        default=(), description="OpenID providers whose tokens are believed"
    )
    trust_loopback: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="are callers from this machine administrators? auto: only while every TCP listener is on loopback,"
        " since behind a port-forward or a mesh's sidecar everybody comes from loopback",
    )

    @field_validator("oidc")
    @classmethod
    def _differ(cls, oidc: tuple[OidcSettings, ...]) -> tuple[OidcSettings, ...]:
        # Else a name at one provider would be the same caller as that name at the other.
        if len({one.prefix for one in oidc}) < len(oidc) or len({one.issuer for one in oidc}) < len(oidc):
            raise ValueError("each provider has an issuer and a prefix of its own")
        return oidc


class LimitSettings(Section):
    """How much one client may ask."""

    calls_per_s: float | None = Field(
        default=None, gt=0, description="calls of one client in a second, in the long run; none: no limit"
    )
    calls_at_once: int = Field(default=200, ge=1, description="calls it may save up and make at once")
    streams: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="calls of one connection that run at the same time; a port monitor: 100000, since each of its"
        " ports in use is one",
    )
