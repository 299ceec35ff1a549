"""The settings of a serial line, as objects and in Windows' text form."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from portmon.monitor import PortSettings

_PARITY = {"n": "none", "e": "even", "o": "odd", "m": "mark", "s": "space"}
_FLOW = {"x": "xonxoff", "p": "rtscts"}
_TEXT = re.compile(r"(\d+),([neoms]),([5-8]),(1|1\.5|2)(?:,([xp]))?", re.IGNORECASE)


class SerialSettings(PortSettings):
    """The line. A port may also be configured with Windows' text form: `9600,n,8,1[,x|p]`."""

    write_timeout_s: float = Field(
        default=30.0,
        title="Write time-out",
        description="A device that takes nothing for so long is reported as stuck; the document stays where it is.",
        gt=0,
        le=86400,
        json_schema_extra={"unit": "s"},
    )
    device: str = Field(
        default="",
        max_length=512,
        title="Device",
        description="Path of the line, best one below /dev/serial/by-id. Empty: COM1: is /dev/ttyS0, and so on.",
    )
    baud: int = Field(
        default=9600, ge=50, le=4_000_000, title="Baud rate", json_schema_extra={"unit": "baud"}
    )
    data_bits: Literal[5, 6, 7, 8] = Field(default=8, title="Data bits")
    parity: Literal["none", "even", "odd", "mark", "space"] = Field(default="none", title="Parity")
    stop_bits: Literal["1", "1.5", "2"] = Field(default="1", title="Stop bits")
    flow: Literal["none", "xonxoff", "rtscts", "dtrdsr"] = Field(
        default="none", title="Flow control", description="How the printer says that it cannot take more."
    )

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
