"""What the configuration service and its console can be told: by flags, environment, secrets, or a TOML file."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from chassis.settings import Address, ChannelSettings, ServerSettings, Settings, is_loopback


class PortuiSettings(Settings):
    """The settings of fabric-portui."""

    service = "portui"
    server: ServerSettings = ServerSettings(listen=("127.0.0.1:26153",))
    web_listen: Address | None = Field(
        default=None, description="host:port of the console in the browser, on loopback; none: no console"
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
        # Nobody signs in yet: whoever reaches the console is whoever this service is to the spooler.
        where = self.web_listen
        if where is not None and (where.startswith("unix:") or not is_loopback(where)):
            raise ValueError(
                "web_listen is on loopback (127.0.0.1:26154) only: the console has no sign-in yet"
            )
        return self
