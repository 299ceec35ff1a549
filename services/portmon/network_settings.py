"""What the ports of printers in the network have in common: where the printer is, and how its status is asked for.

The fields mirror PORT_DATA_1 and PORT_DATA_2 of Windows' Standard TCP/IP Port; docs/monitors/ has the table.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

from pydantic import Field, field_validator

from portmon.monitor import PortSettings
from portmon.setting_fields import seconds

_PRINTER: dict[str, Any] = {"group": "Printer"}
_STATUS: dict[str, Any] = {"group": "Status", "show_if": {"snmpEnabled": True}}
_UNHEARD = "^[^\\s,/\\\\\\[\\]]+$"


class NetworkSettings(PortSettings):
    """A printer in the network."""

    host: str = Field(
        min_length=1,
        max_length=253,
        pattern=_UNHEARD,
        title="Host",
        description="Name or address of the printer: 10.0.0.7, fe80::1%eth0, printer.example.",
        json_schema_extra={**_PRINTER, "span": 2, "mono": True, "placeholder": "10.0.0.7"},
    )
    connect_timeout_s: float = seconds(
        10.0,
        "Connect time-out",
        "How long to wait for the printer to answer, over all addresses of its name.",
        most=600,
    )
    snmp_enabled: bool = Field(
        default=False,
        title="SNMP status",
        description="Ask the printer's SNMP agent for its status. It never holds a document up by itself.",
        json_schema_extra={"group": "Status"},
    )
    snmp_community: str = Field(
        default="public",
        min_length=1,
        max_length=32,
        pattern=r"^[\x21-\x7e]+$",
        title="SNMP community",
        description="What the agent wants to be asked with.",
        json_schema_extra=_STATUS,
    )
    snmp_device_index: int = Field(
        default=1,
        ge=1,
        le=2147483647,
        title="SNMP device index",
        description="Which device of the agent the printer is (hrDeviceIndex).",
        json_schema_extra=_STATUS,
    )
    snmp_version: Literal["1", "2c"] = Field(
        default="1",
        title="SNMP version",
        description="1 is what every printer speaks.",
        json_schema_extra=_STATUS,
    )
    snmp_port: int = Field(
        default=161,
        ge=1,
        le=65535,
        title="SNMP port",
        description="UDP port of the agent.",
        json_schema_extra={**_STATUS, "advanced": True},
    )
    low_level: int = Field(
        default=10,
        ge=0,
        le=50,
        title="Low below",
        description="At how many per cent a supply or paper is low, where the printer has no mark of its own. 0: never.",
        json_schema_extra={"group": "Status", "advanced": True},
    )
    port_monitor_mib_index: int = Field(
        default=0,
        ge=0,
        le=2147483647,
        title="Port monitor MIB index",
        description="Index in the PWG Port Monitor MIB, kept for who reads it. 0: none.",
        json_schema_extra={**_STATUS, "advanced": True},
    )

    @field_validator("host", mode="before")
    @classmethod
    def _unbracketed(cls, value: Any) -> Any:
        """Accept [fe80::1%eth0], as in a URL."""
        if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
            return value[1:-1]
        return value

    @field_validator("host")
    @classmethod
    def _one_name(cls, value: str) -> str:
        if ":" in value:
            try:
                ipaddress.IPv6Address(value)
            except ValueError as error:
                raise ValueError("is no IPv6 address; the TCP port has a setting of its own") from error
        return value


def where(host: str, port: int) -> str:
    """Return an address as people write it: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
