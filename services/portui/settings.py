"""What the configuration service and its console can be told: by flags, environment, secrets, or a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from chassis.settings import (
    Address,
    CertificateSettings,
    ChannelSettings,
    Section,
    ServerSettings,
    Settings,
    is_loopback,
)


class OidcSettings(Section):
    """An OpenID provider where people sign in: `[oidc]` in the file. The spooler has to believe it, too."""

    issuer: str = Field(pattern=r"^https?://", description="its URL, as in the iss of its tokens")
    client_id: str = Field(
        min_length=1, description="the console's name there; an audience that the spooler takes"
    )
    client_secret: SecretStr | None = Field(
        default=None, description="the console's secret there; none: a public client, by PKCE alone"
    )
    scope: str = Field(default="openid profile email groups", description="what is asked for")
    title: str = Field(default="", description="what its button says; empty: its name on the network")


class PortuiSettings(Settings):
    """The settings of fabric-portui."""

    service = "portui"
    # uvloop is 2 MB, and nothing here is asked so often that it showed.
    server: ServerSettings = ServerSettings(listen=("127.0.0.1:26153",), uvloop=False)
    web_listen: Address | None = Field(
        default=None, description="host:port of the console in the browser; none: no console"
    )
    web_origin: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#@]+$",
        description="how people's browsers reach the console: https://printers.example.com",
    )
    web_tls: CertificateSettings | None = Field(default=None, description="serve the console by TLS")
    web_plaintext: bool = Field(
        default=False,
        description="serve the console without TLS on an address that others reach: only where a mesh or a tunnel encrypts",
    )
    session_key_file: Path | None = Field(
        default=None,
        description="32 secret bytes or more that seal sessions, the same for all replicas; none: a restart signs people out",
    )
    idle_s: float = Field(
        default=1800.0,
        ge=60,
        le=86400,
        description="a session that nobody used for so long is over, in seconds",
    )
    oidc: OidcSettings | None = Field(default=None, description="the OpenID provider where people sign in")
    wall_file: Path | None = Field(
        default=None,
        description="screens that show the wall and nobody signs in at: a line of a key's SHA-256, a name, and a day it ends; none: none",
    )
    spooler: Address = Field(
        default="127.0.0.1:26151",
        description="where the spooler serves; nothing else is ever called, port monitors least of all",
    )
    simulators: str | None = Field(
        default=None,
        pattern=r"^http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]+$",
        description="control of simulated printers, http://127.0.0.1:PORT: the console shows what came out of them",
    )
    channel: ChannelSettings = Field(default=ChannelSettings(), description="how the spooler is called")

    @model_validator(mode="after")
    def _only_here(self) -> Self:  # noqa: N804 - an "after" validator takes the instance
        where, origin = self.web_listen, self.web_origin
        if where is None:
            return self
        if where.startswith("unix:"):
            raise ValueError("web_listen is a TCP address: browsers know no others")
        # A password must not be readable on its way: neither before a proxy nor behind it.
        if (self.web_tls or not is_loopback(where)) and not (origin or "").startswith("https://"):
            raise ValueError(
                'web_listen beyond loopback, or with web_tls, needs web_origin = "https://…", as browsers reach it'
            )
        if not (self.web_tls or self.web_plaintext or is_loopback(where)):
            raise ValueError(
                f"web_listen {where} can be reached by others and there is no TLS: set web_tls, or web_plaintext = true"
                " where something else encrypts"
            )
        return self

    @property
    def sign_in_always(self) -> bool:
        """Whether people have to sign in whatever the spooler says: others than this machine's can reach the console."""
        return self.web_origin is not None or (
            self.web_listen is not None and not is_loopback(self.web_listen)
        )
