"""What a port monitor can be told: by flags, environment, secrets, or a TOML file."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from chassis.settings import (
    Address,
    ChannelSettings,
    LimitSettings,
    Section,
    ServerSettings,
    Settings,
    is_loopback,
)


class PortSection(Section):
    """A port that is added when the host has none of that name: `[[ports]]` in the file."""

    name: str = Field(description="the port's name, as COM1: or IP_10.0.0.7")
    monitor: str = Field(
        description="a Windows name (Standard TCP/IP Port, Local Port) or a scheme (raw, serial)"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the port's settings, as its monitor has them"
    )


class DialOutSection(Section):
    """Spoolers that this host dials, for they cannot reach it: `[dial_out]` in the file."""

    spoolers: tuple[Address, ...] = Field(
        default=(),
        description="spoolers to dial, as host:port; every address that the name has is one of them. none: none are",
    )
    resolve_s: float = Field(
        default=30.0, ge=0.1, le=3600, description="how often their names are asked for new addresses"
    )
    most_wait_s: float = Field(
        default=15.0, ge=0.1, le=600, description="the longest wait until one that is away is dialled again"
    )


class PortmonSettings(Settings):
    """The settings of fabric-portmon."""

    service = "portmon"
    # All calls of a spooler come by one connection, and each port in use keeps one.
    server: ServerSettings = ServerSettings(
        listen=("127.0.0.1:26152",), limits=LimitSettings(streams=100_000)
    )
    host_name: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        max_length=63,
        pattern=r"^[^/,\s]+$",
        description="the host's name in the fabric; unique, and it stays when the machine is replaced",
    )
    host_token_file: Path | None = Field(
        default=None,
        description="file with the token that proves to spoolers which host this is: a pod's, projected for the"
        " audience they ask for; none: it has none",
    )
    state_dir: Path = Field(
        default=Path("/var/lib/print-fabric/portmon"),
        description="journals and the list of ports; must outlive restarts",
    )
    file_dir: Path | None = Field(
        default=None, description="where file ports write; none: files, below the state directory"
    )
    registry: str | None = Field(
        default=None,
        description="spooler that keeps the list of ports, as host:port; none: it is kept on the host, below state_dir",
    )
    registry_channel: ChannelSettings = Field(
        default=ChannelSettings(), description="how that spooler is called"
    )
    dial_out: DialOutSection = DialOutSection()
    dial_out_channel: ChannelSettings = Field(
        default=ChannelSettings(), description="how the spoolers are called that this host dials"
    )
    device_root: Path = Field(
        default=Path("/dev"),
        description="where devices are looked for; another one for stand-ins and containers",
    )
    sys_root: Path = Field(default=Path("/sys"), description="where the kernel tells what a device is")
    ports: tuple[PortSection, ...] = Field(default=(), description="ports to add when missing")
    lease_s: float = Field(default=30.0, ge=1, le=3600, description="how long a hold lives without traffic")
    most_lease_s: float = Field(
        default=300.0, ge=1, le=86400, description="the longest lease a spooler may ask for"
    )
    answer_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="how long a language monitor waits for a silent printer's word about the end of a document",
    )
    journal_slots: int = Field(
        default=4096, ge=16, le=1 << 20, description="documents a port remembers until they are settled"
    )
    staged_bytes: int = Field(
        default=256 << 20,
        ge=0,
        description="most bytes of documents that lie on the host before they are printed; 0: none are taken",
    )
    staged_keep_s: float = Field(
        default=86400.0,
        ge=1,
        description="how long such a document waits to be printed before its bytes are given back",
    )
    snmp_poll_s: float = Field(
        default=1.0,
        ge=1,
        le=3600,
        description="how often a printer is asked by SNMP while it prints or is in trouble",
    )
    snmp_idle_poll_s: float = Field(
        default=30.0,
        ge=1,
        le=86400,
        description="how often a printer is asked by SNMP while it does neither",
    )
    bidi_extension: Path | None = Field(
        default=None,
        description="XML file that adds objects of SNMP agents to the bidi schema (docs/bidi.md)",
    )

    @model_validator(mode="after")
    def _proven(self) -> PortmonSettings:  # noqa: N804 - an "after" validator takes the instance
        # Whoever answers there may print: its certificate is all that proves it.
        channel = self.dial_out_channel
        for spooler in self.dial_out.spoolers:
            if not (channel.tls is not None or channel.plaintext or is_loopback(spooler)):
                raise ValueError(
                    f"who answers at {spooler} is not known without TLS: set dial_out_channel.tls"
                )
        return self
