"""The form document of a monitor: what DescribeUI answers, made from its settings class and its `form`. Data only."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from portmon.monitor import PortMonitor

DESCRIPTOR = "printfabric.form/1"


def document(monitor: PortMonitor[Any]) -> dict[str, Any]:
    """Return the document: schema, layout hints, presets, and the commands that bring it about."""
    content = {
        "descriptor": DESCRIPTOR,
        "name": f"printfabric.{monitor.scheme}.ui",
        "monitor": monitor.name,
        "scheme": monitor.scheme,
        "for": ["add", "configure"],
        "schema": _schema(monitor),
        "presets": [],
        "actions": [],
        "commit": {"add": ["AddPort"], "configure": ["ConfigPort"], "delete": ["DeletePort"]},
        **monitor.form,
    }
    return {**content, "revision": _hash(content)}


def ui_name(monitor: PortMonitor[Any]) -> str:
    """Return the name of the form, which is what MonitorUI answers, and a key to cache it by."""
    found = document(monitor)
    return f"{found['name']};1;sha256={found['revision']}"


def _schema(monitor: PortMonitor[Any]) -> dict[str, Any]:
    schema = monitor.settings.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
