"""Requests as the tests make them."""

from __future__ import annotations

import json
from typing import Any

from printfabric.portui.v1 import portui_service_pb2 as pb

COM1 = "hosts/edge-7/ports/COM1:"
ACME = "hosts/edge-7/monitors/Acme Port"


def configure(settings: dict[str, Any], **more: Any) -> pb.ConfigurePortUIRequest:
    return pb.ConfigurePortUIRequest(name=COM1, settings=json.dumps(settings).encode(), **more)


def add(settings: dict[str, Any], **more: Any) -> pb.AddPortUIRequest:
    given = {"parent": "hosts/edge-7", "monitor": "Acme Port", "port_id": "COM2:"} | more
    return pb.AddPortUIRequest(settings=json.dumps(settings).encode(), **given)


def found(errors: Any) -> dict[str, str]:
    return {one.pointer: one.message for one in errors}
