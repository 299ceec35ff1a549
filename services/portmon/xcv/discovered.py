"""Commands of Windows' monitor of discovered printers (WSDMON), for IPP ports: who the printer is, is it there, tidy up.

A session on another monitor, or on another monitor's port, does not know them: code 87.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from portmon.checked import checked_settings
from portmon.device_names import forget_names
from portmon.devices.ieee1284 import plug_and_play_id
from portmon.errand import Errand, Step
from portmon.xcv.channel import Result, Xcv, XcvCommand
from portmon.xcv.errands import Target, run, target_of
from portmon.xcv.session import XcvSession
from portmon.xcv_payload import Wrong

IPP = "IPP Port"
_ANSWER_S = 60.0
Steps = AsyncGenerator[Step | Result, None]


def _asked(xcv: Xcv, target: Target) -> Steps:
    """Ask the printer who it is; beside the port's own connection, so that no document waits."""

    def do(errand: Errand) -> object:
        errand.say(0.0, f"asking {target.monitor.where(target.name, target.settings)}")
        return target.monitor.probe(target.name, target.settings, errand)

    return run(xcv, target._replace(port=None), do, _ANSWER_S)


def _of_port(xcv: Xcv, session: XcvSession) -> Target:
    if not session.port:
        raise Wrong(87, "this command needs a session on a port")
    return target_of(xcv, session, None)


async def _member(steps: Steps, name: str) -> AsyncGenerator[Step | Result, None]:
    """Pass steps on, and one member of the result, which is a string.

    Raises:
        Wrong: 50, the printer does not say.
    """
    async for one in steps:
        if not isinstance(one, Result):
            yield one
            continue
        found = one.output.get(name, "") if isinstance(one.output, dict) else ""
        if not found:
            raise Wrong(50, "the printer does not say")
        yield Result(plug_and_play_id(found.encode()) if name == "deviceId" else found)


def _device_id(xcv: Xcv, session: XcvSession, _value: Any) -> Steps:
    return _member(_asked(xcv, _of_port(xcv, session)), "uuid")


def _pnp_id(xcv: Xcv, session: XcvSession, _value: Any) -> Steps:
    return _member(_asked(xcv, _of_port(xcv, session)), "deviceId")


async def _service_id(xcv: Xcv, session: XcvSession, _value: Any) -> object:
    target = _of_port(xcv, session)
    return target.monitor.device(target.name, target.settings)


async def _reset(xcv: Xcv, session: XcvSession, _value: Any) -> Steps:
    """Make the port's connection anew, after its present document, and see whether the printer answers."""
    target = _of_port(xcv, session)
    if target.port is not None and target.port.session is not None:
        target.port.session.configure(target.settings)
    async for one in _asked(xcv, target):
        yield Result(None) if isinstance(one, Result) else one


def _discover(xcv: Xcv, session: XcvSession, value: Any) -> Steps:
    if not isinstance(value, str) or not value:
        raise Wrong(13, "DiscoverDevice takes a URI")
    monitor = xcv.monitor_of(session, {"scheme": "ipp"})
    return _asked(
        xcv, Target("new port", monitor, checked_settings(monitor, "new port", {"uri": value}), None)
    )


async def _clean_up(xcv: Xcv, session: XcvSession, value: Any) -> object:
    """Delete a port that no printer uses and nobody has open; any other stays."""
    port = xcv.port_of(session, value)
    unused = not port.used_by and not port.is_open
    if unused:
        await xcv.ports.delete(port.name)
        await forget_names(xcv.ports, port.name)
    return {"deleted": unused}


async def _cluster(_xcv: Xcv, _session: XcvSession, _value: Any) -> object:
    return 0  # a host is no node of a Windows cluster


DISCOVERED: Mapping[str, XcvCommand] = {
    "CleanupPort": XcvCommand(_clean_up, True, IPP),
    "DeviceID": XcvCommand(None, False, IPP, long=_device_id),
    "PnPXID": XcvCommand(None, False, IPP, long=_pnp_id),
    "ServiceID": XcvCommand(_service_id, False, IPP),
    "ResetCommunication": XcvCommand(None, True, IPP, long=_reset),
    "CheckCluster": XcvCommand(_cluster, False, IPP),
    "DiscoverDevice": XcvCommand(None, True, IPP, long=_discover),
}
