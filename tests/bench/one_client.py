"""The SDK in a process of its own, so that its memory can be told from others': what `tests.bench.delayed` starts.

python -m tests.bench.one_client ADDRESS upload PRINTER FILE
python -m tests.bench.one_client ADDRESS many PRINTER COUNT BYTES

Prints JSON: {began_ns, seconds, peak_mib, before_mib}, time and memory once it is connected.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from printfabric_client.aio import Client
from printfabric_client.spec import new_job
from tests.bench.process import BenchError, forget_peak, peak_mib, rss_mib


async def _upload(fabric: Client, printer: str, file: str) -> None:
    await fabric.upload(Path(file), printer=printer)


async def _many(fabric: Client, printer: str, count: str, size: str) -> None:
    body = os.urandom(int(size))
    jobs = (new_job(body, printer=printer) for _ in range(int(count)))
    results = [result async for result in fabric.submit_many(jobs)]
    if len(results) != int(count) or any(result.HasField("error") for result in results):
        raise BenchError(f"{len(results)} answers to {count} jobs, or refusals")


_WAYS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {"upload": _upload, "many": _many}


async def _main(address: str, way: str, printer: str, *arguments: str) -> None:
    async with Client(address) as fabric:
        await fabric.printers.get(printer)
        forget_peak(os.getpid())
        before, began_ns = rss_mib(os.getpid()), time.monotonic_ns()
        await _WAYS[way](fabric, printer, *arguments)
        seconds = (time.monotonic_ns() - began_ns) / 1e9
    peak = peak_mib(os.getpid())
    print(json.dumps({"began_ns": began_ns, "seconds": seconds, "peak_mib": peak, "before_mib": before}))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
