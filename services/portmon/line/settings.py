"""The settings of a serial line, as objects and in Windows' text form."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from portmon.monitor import WRITE_TIMEOUT, PortSettings
from portmon.setting_fields import seconds

_PARITY = {"n": "none", "e": "even", "o": "odd", "m": "mark", "s": "space"}
_FLOW = {"x": "xonxoff", "p": "rtscts"}
_LINE: dict[str, Any] = {"group": "Line settings"}
_PARITY_LABELS: Any = {"none": "None", "even": "Even", "odd": "Odd", "mark": "Mark", "space": "Space"}
_FLOW_LABELS: Any = {
    "none": "None",
    "xonxoff": "XON/XOFF (software)",
    "rtscts": "RTS/CTS (hardware)",
    "dtrdsr": "DTR/DSR (hardware)",
}
# What Linux knows by a name of its own (termios' B constants), from the slowest that a printer ever had.
Baud = Literal[
    110, 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600,
    1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
]  # fmt: skip
_TEXT = re.compile(r"(\d+),([neoms]),([5-8]),(1|1\.5|2)(?:,([xp]))?", re.IGNORECASE)


class SerialSettings(PortSettings):
    """The line. A port may also be configured with Windows' text form: `9600,n,8,1[,x|p]`."""

    write_timeout_s: float = seconds(30.0, "Write time-out", WRITE_TIMEOUT, most=86400)
    device: str = Field(
        default="",
        max_length=512,
        title="Device",
        description="Path of the line, best one below /dev/serial/by-id: ttyUSB numbers change when cables are moved. "
        "Empty: COM1: is /dev/ttyS0, and so on.",
        json_schema_extra={**_LINE, "widget": "device-picker", "source": {"xcv": "EnumDevices"}, "span": 2},
    )
    known_by: Literal["device", "node"] = Field(
        default="device",
        title="Stays with",
        description="Of a line that is named by its node, as /dev/ttyUSB0. device: the adapter that was there first, whatever "
        "its node is called later; another one in its place is refused. node: whatever is at the path.",
        json_schema_extra={**_LINE, "advanced": True},
    )
    baud: Baud = Field(default=9600, title="Bits per second", json_schema_extra=_LINE)
    data_bits: Literal[5, 6, 7, 8] = Field(default=8, title="Data bits", json_schema_extra=_LINE)
    parity: Literal["none", "even", "odd", "mark", "space"] = Field(
        default="none", title="Parity", json_schema_extra={**_LINE, "labels": _PARITY_LABELS}
    )
    stop_bits: Literal["1", "1.5", "2"] = Field(default="1", title="Stop bits", json_schema_extra=_LINE)
    flow: Literal["none", "xonxoff", "rtscts", "dtrdsr"] = Field(
        default="none",
        title="Flow control",
        description="How the printer says that it cannot take more. Without it a printer that is slower than the line "
        "loses data.",
        json_schema_extra={**_LINE, "widget": "select", "span": 2, "labels": _FLOW_LABELS},
    )

    open_mode: Literal["exclusive", "document"] = Field(
        default="exclusive",
        title="Line is held",
        description="From OpenPort to ClosePort, so that no other program gets between documents; or for each document "
        "alone, as Windows does, so that others may use the line meanwhile.",
        json_schema_extra={
            "group": "Behaviour", "advanced": True, "span": 2, "labels": {"exclusive": "Always", "document": "In documents"},
        },
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Accept `9600,n,8,1[,x|p]`, as Windows stores it, alone or as the member `line`."""
        if isinstance(value, dict) and isinstance(value.get("line"), str):
            rest = {name: item for name, item in value.items() if name != "line"}
            return cls._parse(value["line"]) | rest
        return cls._parse(value) if isinstance(value, str) else value

    @staticmethod
    def _parse(text: str) -> dict[str, Any]:
        match = _TEXT.fullmatch(text.replace(" ", ""))
        if match is None:
            raise ValueError("expected baud,parity,data bits,stop bits[,x|p], as in 9600,n,8,1")
        baud, parity, bits, stop, flow = match.groups()
        return {
            "baud": int(baud),
            "parity": _PARITY[parity.lower()],
            "data_bits": int(bits),
            "stop_bits": stop,
            "flow": _FLOW[flow.lower()] if flow else "none",
        }

    @field_validator("stop_bits", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        """Accept 1, 1.5 and 2 as numbers, too, as people type them."""
        return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("device")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if value and (not value.startswith("/") or "\0" in value):
            raise ValueError("must be an absolute path")
        return value

    @model_validator(mode="after")
    def _possible(self) -> SerialSettings:  # noqa: N804 — an "after" validator is a method
        if (self.stop_bits == "1.5") != (self.data_bits == 5 and self.stop_bits != "1"):
            raise ValueError("1.5 stop bits exist with 5 data bits only, and 2 stop bits with 6 to 8")
        if self.parity in ("mark", "space") and self.data_bits < 7:
            raise ValueError("mark and space parity need 7 or 8 data bits")
        return self
