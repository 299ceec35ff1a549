"""A fleet that is alive: more simulated printers, which are sent small documents for ever and have small mishaps."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from printfabric_client.up.demo import Demo

_TCP, _LOCAL = "Standard TCP/IP Port", "Local Port"
_ZPL, _ESCPOS, _TEXT = "application/vnd.zebra-zpl", "application/vnd.escpos", "text/plain"

FLEET = (
    Demo("dock-1", "zpl", "DOCK_1", _TCP, "Dock 1, pallet tags", _ZPL, roll=4000),
    Demo("dock-2", "zpl", "DOCK_2", _TCP, "Dock 2, pallet tags", _ZPL),
    Demo("pack-line-1", "zpl", "PACK_1", _TCP, "Packing line 1, shipping labels", _ZPL, roll=1500),
    Demo("pack-line-2", "zpl", "PACK_2", _TCP, "Packing line 2, shipping labels", _ZPL),
    Demo("shelf-tags", "zpl", "SHELF_1", _TCP, "Price tickets", _ZPL, roll=900),
    Demo("till-1", "escpos", "TILL_1", _TCP, "Till 1, receipts", _ESCPOS),
    Demo("till-2", "escpos", "TILL_2", _TCP, "Till 2, receipts", _ESCPOS),
    Demo("kitchen", "escpos", "KITCHEN", _TCP, "Kitchen tickets", _ESCPOS),
    Demo("ward-lists", "plain", "COM2:", _LOCAL, "Ward lists, on a serial line", _TEXT),
)
"""Printers that nothing is kept of: no paper, no record."""

DAY_S = 300
_LOOK_S, _LOW = 30.0, 0.1  # how often rolls are looked at, and what share of one calls for the next
# Somebody has to load labels, and close a cover, every few minutes. Nothing that loses a document.
MISHAPS: dict[str, list[dict[str, str]]] = {
    "dock-2": [{"at": "05:00", "fault": "media-out=40"}, {"at": "17:00", "fault": "media-out=25"}],
    "shelf-tags": [{"at": "12:00", "fault": "cover-open=30"}],
    "till-2": [{"at": "20:00", "fault": "media-out=20"}],
}
_TITLES = {
    _ZPL: ("Pallet tags wave {n}", "Shipping labels x{k}", "Price tickets aisle {k}"),
    _ESCPOS: ("Receipt 55-{n:04}", "Table {k}", "Order {n}"),
    _TEXT: ("Pick list {n}", "Ward list {k}"),
}


async def keep_printing(client: Client, fleet: Sequence[Demo] = FLEET, seed: int | None = None) -> None:
    """Send each printer a document, wait until it has ended, and after a while the next, until cancelled."""
    source = random.Random(seed)  # noqa: S311 - no secret
    async with asyncio.TaskGroup() as tasks:
        for demo in fleet:
            tasks.create_task(_one(client, demo, random.Random(source.random())))  # noqa: S311 - as above


async def keep_loaded(control: str, fleet: Sequence[Demo] = FLEET) -> None:
    """Load a new roll wherever one comes to its end, until cancelled. `control` is the simulators' address."""
    while True:
        await asyncio.sleep(_LOOK_S)
        for demo in fleet:
            if demo.roll:
                await asyncio.to_thread(_load, control, demo)


def _load(control: str, demo: Demo) -> None:
    where = urlsplit(control)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    path = f"/printers/{demo.printer}"
    try:
        connection.request("GET", path)
        left = json.loads(connection.getresponse().read())["media_left"]
        if left < demo.roll * _LOW:
            connection.request("PATCH", path, json.dumps({"media": demo.roll, "ribbon": demo.roll}))
            connection.getresponse().read()
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return  # they are just being started again
    finally:
        connection.close()


async def _one(client: Client, demo: Demo, source: random.Random) -> None:
    while True:
        await asyncio.sleep(source.uniform(0.5, 9))
        title, content = document(demo, source)
        try:
            job = await client.submit(content, printer=demo.printer, document_name=title)
            await client.wait(job, timeout_s=60, or_decision=True)
        except (FabricError, TimeoutError):
            await asyncio.sleep(5)  # paused, deleted, or the spooler is away: later


def document(demo: Demo, source: random.Random) -> tuple[str, bytes]:
    """Return a title and a document of 6 to 40 labels, receipts or pages."""
    units, number = source.randint(6, 40), source.randint(100, 9999)
    title = source.choice(_TITLES[demo.format]).format(n=number, k=units)
    lines: list[Any] = [f"{title}, {part} of {units}" for part in range(1, units + 1)]
    if demo.format == _ZPL:
        # As large as a label with a picture: otherwise all of them fit into a printer's memory at once.
        padding = "^FX" + "In the place of a picture. " * 110 + "^FS"
        return title, "".join(
            f"^XA{padding}^PW812^LL406^FO24,24^GB764,358,3^FS^FO48,52^A0N,48,48^FD{line}^FS"
            f"^FO48,120^A0N,32,32^FD{demo.description}^FS^FO48,184^BY3^BCN,120,Y,N,N^FD{number}-{part:02}^FS^XZ\n"
            for part, line in enumerate(lines, 1)
        ).encode()
    if demo.format == _ESCPOS:
        body = "\n".join(f"item {each}  {source.randint(1, 99)}.50" for each in range(60))
        return title, b"".join(b"\x1b@" + f"{line}\n{body}\n".encode() + b"\x1dVA\x03" for line in lines)
    return title, "".join(f"{line}\r\n" + "box\r\n" * 40 + "\f" for line in lines).encode()
