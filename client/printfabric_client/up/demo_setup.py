"""The demonstration set up: what its simulators are told, and its ports and printers where they are missing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from printfabric.spooler.v1.port_service_pb2 import HostState
from printfabric.spooler.v1.printer_service_pb2 import PoolOrder, Printer
from printfabric_client.aio import Client
from printfabric_client.errors import FabricError, PortNotFound, PrinterExists, Unavailable
from printfabric_client.up.addresses import free_port
from printfabric_client.up.demo import Demo
from printfabric_client.up.demo_devices import best_name, make_devices
from printfabric_client.up.demo_fleet import BASE, DAY_S, MISHAPS, PLACES, PLUGGED
from printfabric_client.up.fabric import HOME
from printfabric_client.up.place import Place

_SIMULATORS = "simulators.json"
_HOST_S = 15.0
# No printer can have this name: it has a colon.
_CONTROL = "control:"


def fleet_of(place: Place, more: Sequence[Demo] = ()) -> Mapping[str, Any]:
    """Return the simulators' file: each printer where it was last time, if that is still free.

    Of the printers of `more` no paper is kept.
    """
    known = place.remembered(_SIMULATORS)
    printers = [_plan(place, demo, known) for demo in (*BASE, *more) if demo.simulated]
    control = known.get(_CONTROL)
    return {
        "defaults": {"host": "127.0.0.1"},
        "day_s": DAY_S,
        "control": free_port(control if isinstance(control, int) else 0),
        "printers": printers,
    }


def prepare(place: Place, hosts: Iterable[str]) -> None:
    """Make the device directories of simulated hosts."""
    for host in hosts:
        make_devices(place.data(f"hosts/{host}"), PLUGGED.get(host, ()))


def _devices(place: Place, host: str) -> Path:
    """Return the directory in which a host's devices are simulated."""
    return place.data("devices") if host == HOME else place.root / "hosts" / host / "dev"


def device_of(place: Place, demo: Demo) -> str:
    """Return the path by which a demo's port knows its device."""
    return str(best_name(_devices(place, demo.host), demo.node, PLUGGED.get(demo.host, ())))


def _plan(place: Place, demo: Demo, known: Mapping[str, Any]) -> dict[str, Any]:
    before = known.get(demo.name)
    ports = {plug: free_port(port, udp=plug == "snmp") for plug, port in _ports(before).items()}
    plan = demo.plan(_devices(place, demo.host), ports)
    if demo in BASE:
        plan |= {"record": demo.name, "render": f"{demo.name}/printed"}
    else:
        plan |= {"day": list(MISHAPS.get(demo.name, ()))}
    return plan


def _ports(address: object) -> dict[str, int]:
    """Return the network ports of a simulator's address, by plug; IPP says its own as a URI."""
    found = address if isinstance(address, dict) else {}
    ports = {plug: urlsplit(where).port if isinstance(where, str) else where for plug, where in found.items()}
    return {plug: port for plug, port in ports.items() if isinstance(port, int)}


async def add_missing(fabric: Client, place: Place, demos: Iterable[Demo]) -> None:
    """Add the ports and printers of simulators where they are missing, and lead the ports to them.

    Raises:
        FabricError: a host does not answer, or refuses.
    """
    ready = place.remembered("run/simulators.json")
    addresses = {one["name"]: one["address"] for one in ready.get("printers", ())}
    place.remember(_SIMULATORS, {**addresses, _CONTROL: ready.get("control")})
    used: dict[str, list[Demo]] = {}
    for host in dict.fromkeys(demo.host for demo in demos):
        await _host_is_there(fabric, host)
    for demo in demos:
        if not demo.port:
            continue
        await _lead(fabric, demo, _settings(place, demo, addresses))
        used.setdefault(demo.printer, []).append(demo)
    for printer, ports in used.items():
        await _add_printer(fabric, printer, ports)


def _settings(place: Place, demo: Demo, addresses: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return demo.settings(device_of(place, demo), _ports(addresses.get(demo.name)))
    except KeyError as error:
        raise FabricError("the simulated printers did not say where they are") from error


async def _lead(fabric: Client, demo: Demo, settings: Mapping[str, Any]) -> None:
    """Let a demo's port lead to its simulator."""
    try:
        await fabric.ports.configure(demo.full_name, settings)
    except PortNotFound:
        await fabric.ports.add(demo.full_name, demo.monitor, settings)


def _printer(ports: Sequence[Demo]) -> Printer:
    """Return the printer of these ports; a pool shares its jobs out, for the first port alone would do for so few."""
    first = ports[0]
    return Printer(
        description=first.description,
        location=PLACES[first.host],
        default_format=first.format,
        language_monitor=first.language_monitor,
        accepting=True,
        pool_order=PoolOrder.POOL_ORDER_LEAST_LOADED if len(ports) > 1 else PoolOrder.POOL_ORDER_UNSPECIFIED,
    )


async def _add_printer(fabric: Client, name: str, ports: Sequence[Demo]) -> None:
    wanted = _printer(ports)
    try:
        await fabric.printers.create(
            name, [one.full_name for one in ports], settings=wanted, allow_unknown_ports=True
        )
    except PrinterExists:
        return


async def _host_is_there(fabric: Client, name: str) -> None:
    end = time.monotonic() + _HOST_S
    while True:
        found = [host async for host in fabric.hosts.list() if host.name == f"hosts/{name}"]
        if found and found[0].state == HostState.HOST_STATE_ONLINE:
            return
        if time.monotonic() > end:
            why = found[0].error if found else "the spooler does not know it"
            raise Unavailable(f"the port monitor of {name} does not answer the spooler: {why}")
        await asyncio.sleep(0.05)
