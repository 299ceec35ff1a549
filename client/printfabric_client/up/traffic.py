"""What keeps the demonstration alive: each printer is sent small documents for ever, and rolls are replaced."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from printfabric_client.up.demo import Demo, Language

_PAUSE_S = (8.0, 40.0)  # between two documents
_UNITS = (4, 16)  # labels, receipts or pages of a document
_MOST_WAITING = 3  # documents of ours at a printer that does not print
_PATIENCE_S = 60.0
_LOOK_S, _LOW = 30.0, 0.05  # how often rolls are looked at, and what share of one calls for the next
_TITLES = {
    Language.ZPL: ("Pallet tags wave {n}", "Shipping labels x{k}", "Price tickets aisle {k}"),
    Language.ESCPOS: ("Receipt 55-{n:04}", "Table {k}", "Order {n}"),
    Language.PCL: ("Delivery note {n}", "Stock list {k}", "Letter {n}"),
    Language.TEXT: ("Pick list {n}", "Ward list {k}"),
}


async def keep_printing(client: Client, fleet: Iterable[Demo], seed: int | None = None) -> None:
    """Send each printer a document, wait until it has ended, and after a while the next, until cancelled."""
    source = random.Random(seed)  # noqa: S311 - no secret
    printers = {demo.printer: demo for demo in fleet if demo.port}
    async with asyncio.TaskGroup() as tasks:
        for demo in printers.values():
            tasks.create_task(_one(client, demo, random.Random(source.random())))  # noqa: S311 - as above


async def keep_loaded(control: str, fleet: Sequence[Demo]) -> None:
    """Load a new roll wherever one comes to its end, until cancelled. `control` is the simulators' address."""
    while True:
        await asyncio.sleep(_LOOK_S)
        for demo in fleet:
            if demo.roll:
                await asyncio.to_thread(_load, control, demo)


def _load(control: str, demo: Demo) -> None:
    where = urlsplit(control)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    path = f"/printers/{demo.name}"
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
    waiting: list[str] = []  # jobs of ours that have not ended
    while True:
        await asyncio.sleep(source.uniform(*_PAUSE_S))
        try:
            if len(waiting) < _MOST_WAITING:
                title, content = document(demo, source)
                job = await client.submit(content, printer=demo.printer, document_name=title)
                waiting.append(job.name)
            await client.wait(waiting[-1], timeout_s=_PATIENCE_S, or_decision=True)
            waiting.clear()
        except TimeoutError:
            continue  # it does not print: nobody is helped by a mountain of documents
        except FabricError:
            waiting.clear()  # paused, deleted, or the spooler is away: later


def document(demo: Demo, source: random.Random) -> tuple[str, bytes]:
    """Return a title and a document of some labels, receipts or pages."""
    units, number = source.randint(*_UNITS), source.randint(100, 9999)
    title = source.choice(_TITLES[demo.language]).format(n=number, k=units)
    lines: list[Any] = [f"{title}, {part} of {units}" for part in range(1, units + 1)]
    if demo.language is Language.ZPL:
        # As large as a label with a picture: otherwise all of them fit into a printer's memory at once.
        padding = "^FX" + "In the place of a picture. " * 110 + "^FS"
        return title, "".join(
            f"^XA{padding}^PW812^LL406^FO24,24^GB764,358,3^FS^FO48,52^A0N,48,48^FD{line}^FS"
            f"^FO48,120^A0N,32,32^FD{demo.description}^FS^FO48,184^BY3^BCN,120,Y,N,N^FD{number}-{part:02}^FS^XZ\n"
            for part, line in enumerate(lines, 1)
        ).encode()
    if demo.language is Language.ESCPOS:
        body = "\n".join(f"item {each}  {source.randint(1, 99)}.50" for each in range(60))
        return title, b"".join(b"\x1b@" + f"{line}\n{body}\n".encode() + b"\x1dVA\x03" for line in lines)
    pages = "".join(f"{line}\r\n" + "box\r\n" * 40 + "\f" for line in lines).encode()
    return title, b"\x1bE" + pages + b"\x1bE" if demo.language is Language.PCL else pages
