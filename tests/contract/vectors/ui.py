"""MONITORUI, replayed on PortUIService."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from printfabric.portui.v1 import portui_service_pb2 as pb
from printfabric.spooler.v1 import port_service_pb2 as ports
from tests.contract.vectors.names import caller_of, port_named
from tests.contract.vectors.rows import Got, Row
from tests.contract.vectors.world import HOST, World, outcome

# A change of each type of port that a person could make.
_CHANGES = {"COM1:": {"baud": 19200}, "LPT1:": {"writeTimeoutS": 50.0}}


async def table(world: World, row: Row) -> Got:
    """InitializePrintMonitorUI: the UI functions that the service has."""
    calls = [
        world.portui.AddPortUI(pb.AddPortUIRequest()),
        world.portui.ConfigurePortUI(pb.ConfigurePortUIRequest()),
        world.portui.DeletePortUI(pb.DeletePortUIRequest()),
    ]
    found = [(await outcome(call))[0] for call in calls]
    return Got(0, out={"functions": sum(one.grpc != "UNIMPLEMENTED" for one in found)})


async def add(world: World, row: Row) -> Got:
    """AddPortUI; what the person does is in `user`."""
    given = row.input
    user = given.get("user", "new file name")
    name = port_named(world, user)
    if user == "existing name":
        name = world.new_name()
        await world.ports.AddPort(
            ports.AddPortRequest(parent=f"hosts/{HOST}", port_id=name, monitor="Local Port")
        )
    request = pb.AddPortUIRequest(
        parent=f"hosts/{HOST}", monitor=given.get("monitor") or "", port_id=name, legacy_local_ui=True
    )
    got, answer = await outcome(_asked(world.portui.AddPortUI(request, metadata=caller_of(given)), given))
    if answer is not None:
        got = _judged(answer)
        got.out["name"] = "allocated" if answer.port.name.endswith(name.strip()) else answer.port.name
    return got


async def configure(world: World, row: Row) -> Got:
    """ConfigurePortUI."""
    given = row.input
    port = port_named(world, given.get("port"))
    change = {} if "no change" in str(given.get("user", "")) else _CHANGES.get(port or "", {})
    request = pb.ConfigurePortUIRequest(
        name=_name(port), settings=json.dumps(change).encode(), legacy_local_ui=True
    )
    got, answer = await outcome(
        _asked(world.portui.ConfigurePortUI(request, metadata=caller_of(given)), given)
    )
    return got if answer is None else _judged(answer)


async def delete(world: World, row: Row) -> Got:
    """DeletePortUI."""
    given = row.input
    port = port_named(world, given.get("port"))
    if (
        given.get("port") not in (None, "", "does_not_exist")
        and "file" in str(given["port"])
        and "use" not in port
    ):
        await world.ports.AddPort(
            ports.AddPortRequest(parent=f"hosts/{HOST}", port_id=port, monitor="Local Port")
        )
    request = pb.DeletePortUIRequest(name=_name(port), legacy_local_ui=True)
    got, _ = await outcome(_asked(world.portui.DeletePortUI(request, metadata=caller_of(given)), given))
    return got


def _name(port: str | None) -> str:
    return f"hosts/{HOST}/ports/{port}" if port else ""


async def _asked(call: Any, given: Mapping[str, Any]) -> Any:
    """Wait for a call's answer; a person who cancels hangs up."""
    if "cancel" in str(given.get("user", "")):
        call.cancel()
        raise asyncio.CancelledError
    return await call


def _judged(answer: Any) -> Got:
    wrong = [f"{one.pointer}: {one.message}" for one in answer.errors]
    return Got(87, "INVALID_ARGUMENT", {}, "; ".join(wrong)) if wrong else Got(0)
