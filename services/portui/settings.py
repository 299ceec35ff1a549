"""What the configuration service can be told: by flags, environment, secrets, or a TOML file."""

from __future__ import annotations

from pydantic import Field

from chassis.settings import Address, ChannelSettings, ServerSettings, Settings


class PortuiSettings(Settings):
    """The settings of fabric-portui."""

    service = "portui"
    server: ServerSettings = ServerSettings(listen=("127.0.0.1:26153",))
    spooler: Address = Field(
        default="127.0.0.1:26151",
        description="where the spooler serves; nothing else is ever called, port monitors least of all",
    )
    channel: ChannelSettings = Field(default=ChannelSettings(), description="how the spooler is called")
