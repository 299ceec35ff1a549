"""The wall: what the spooler says of a port, as the JSON of its contract. Everything raises FabricError."""

from __future__ import annotations

import json
from typing import Any

from portui.fabric import Fabric


async def port(fabric: Fabric, name: str) -> str:
    """Return a port as the spooler answers it, by its resource name: indented JSON with the contract's own names."""
    from google.protobuf import json_format  # noqa: PLC0415 - a megabyte that only this page needs

    wire: Any = (await fabric.get_port(name)).wire
    return json_format.MessageToJson(wire, preserving_proto_field_name=True, indent=2)


def indented(document: bytes) -> str:
    """Return a monitor's JSON as people read it; what is none as it is, bytes that are no text replaced."""
    text = document.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
