"""EnumDevices: the devices in use, found, and missing, as three lists in one; who holds what, and what is in the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from portmon.devices.found import FoundDevice, at
from portmon.devices.holders import Holder, access_problem, holders_of
from portmon.monitor import PortMonitor, PortSettings
from portmon.port_name import same
from portmon.ports import Ports
from portmon.xcv.channel import Xcv
from portmon.xcv.session import XcvSession

_MOST_DEVICES = 1024
_NAMES = {"serial": "COM", "device": "LPT"}
_ORDER = ("in_use", "found", "missing")


async def enum_devices(xcv: Xcv, session: XcvSession, value: Any) -> object:
    """List what ports of a type are made for, could be made for, and miss. Opens nothing."""
    taken = {same(port.name) for port in xcv.ports}
    look_for_holders = not (isinstance(value, dict) and value.get("holders") is False)
    found: list[dict[str, Any]] = []
    for monitor in xcv.monitors_of(session, value):
        ports = [(port.name, port.settings) for port in xcv.ports if port.monitor is monitor]
        rows = await asyncio.to_thread(_rows, monitor, ports, look_for_holders)
        free = _free_names(_NAMES.get(monitor.scheme, ""), taken)
        for row in rows:
            if row["state"] == "found" and free:
                row["suggestedName"] = free.pop(0)
        found += rows
    return {"devices": sorted(found, key=lambda row: _ORDER.index(row["state"]))}


async def warnings_of(
    ports: Ports, monitor: PortMonitor[Any], name: str, settings: PortSettings
) -> Mapping[str, str]:
    """Return by field what should be said of settings that may be used all the same.

    A device that is away or has a better name; another port that leads to it.
    """
    device, twin = monitor.device(name, settings), ports.twins.warning(monitor, name, settings)
    local = device.startswith("/")
    said = [await asyncio.to_thread(_warning, monitor, device) if local else "", twin]
    text = "; ".join(filter(None, said))
    return {"/device" if local else "/host": text} if text else {}


def _warning(monitor: PortMonitor[Any], device: str) -> str:
    if not Path(device).exists():
        return f"{device} is not there now"
    one = at(monitor.devices(), device)
    if one is None or one.path == device:
        return access_problem(device)
    if one.path == one.node or (one.alike == 1 and device in one.paths and device != one.node):
        return access_problem(device)
    return f"{device} may be another device tomorrow; this one's own name is {one.path}"


def _rows(
    monitor: PortMonitor[Any], configured: Sequence[tuple[str, PortSettings]], look_for_holders: bool
) -> list[dict[str, Any]]:
    devices = monitor.devices()[:_MOST_DEVICES]
    held = [one.node for one in devices] if look_for_holders else []
    holders = holders_of(held, monitor.init.tree.proc)
    ports = [(name, monitor.device(name, one), monitor.absence(name, one)) for name, one in configured]
    used = {os.path.realpath(device): name for name, device, away in ports if _leads_somewhere(device, away)}
    found = [
        _row(one, used.get(os.path.realpath(one.node), ""), holders.get(one.node, ())) for one in devices
    ]
    here = {os.path.realpath(one.node) for one in devices}
    elsewhere = [
        _other(name, device, away)
        for name, device, away in ports
        if device.startswith("/") and (away or os.path.realpath(device) not in here)
    ]
    return found + elsewhere


def _row(one: FoundDevice, port: str, holders: Iterable[Holder]) -> dict[str, Any]:
    # Who has a FIFO open reads it: that is the device, not another user of it.
    others = [] if Path(one.node).is_fifo() else [holder for holder in holders if not holder.ours]
    return {
        "path": one.path,
        "node": one.node,
        "paths": list(one.paths),
        "description": one.description,
        "state": "in_use" if port else "found",
        "inUse": bool(port),
        "port": port,
        "identity": one.identity,
        "vendor": one.facts.vendor,
        "model": one.facts.model,
        "serialNumber": one.facts.serial_number,
        "usb": f"{one.facts.vendor_id}:{one.facts.product_id}" if one.facts.vendor_id else "",
        "socket": one.facts.topology,
        "commandSets": list(one.facts.command_sets),
        "heldBy": [{"pid": holder.pid, "name": holder.name} for holder in others],
        "problem": _problem(one, others),
        "settings": {"device": one.path},
    }


def _problem(one: FoundDevice, holders: Sequence[Holder]) -> str:
    denied = access_problem(one.node)
    if denied:
        return denied
    if holders:
        return f"{one.node} is in use by {', '.join(map(str, holders[:3]))}"
    if one.alike > 1:
        text = f"{one.alike} devices here are alike"
        return f"{text} and known by their sockets only: this one stays the same while it stays where it is plugged in"
    return ""


def _leads_somewhere(device: str, away: str) -> bool:
    return bool(device) and not away and Path(device).exists()


def _other(port: str, device: str, away: str) -> dict[str, Any]:
    """Return the row of a port whose device is not in the list: away, or something that no list has, as a FIFO."""
    row = _row(FoundDevice(device, device, (device,), device), port, ())
    if not _leads_somewhere(device, away):
        problem = away or f"{device} is not there"
        row |= {"state": "missing", "problem": problem, "description": Path(device).name}
    return row


def _free_names(kind: str, taken: set[str]) -> list[str]:
    if not kind:
        return []
    names = (f"{kind}{number}:" for number in range(1, len(taken) + _MOST_DEVICES + 1))
    return [name for name in names if same(name) not in taken]
