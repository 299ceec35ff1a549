"""The client that is killed: reads jobs as lines of JSON, prints them, notes what was accepted. Run by the stage.

python -m tests.faults.campaign.submitter ADDRESS ACCEPTED_FILE
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, TextIO

from printfabric_client.aio import Client
from printfabric_client.errors import FabricError
from printfabric_client.retry import Retry
from tests.faults.campaign.papers import FORMATS, paper


async def _submit(client: Client, order: dict[str, Any], accepted: TextIO) -> None:
    document = paper(
        order["personality"], order["number"], order["units"], order["unit_bytes"], order["setup"]
    ).data
    while True:
        try:
            job = await client.submit(
                document,
                printer=order["printer"],
                request_id=order["request_id"],
                format=FORMATS[order["personality"]],
                copies=order["copies"],
            )
        except FabricError as error:
            print(f"not yet {order['request_id']}: {error.reason} {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(0.3)
        else:
            # One write for one line, at once: a kill leaves whole lines.
            accepted.write(json.dumps({"request_id": order["request_id"], "number": job.number}) + "\n")
            accepted.flush()
            return


async def main(address: str, file: str) -> None:
    """Serve orders until standard input ends."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()
    with open(file, "a", encoding="utf-8") as accepted:  # noqa: ASYNC230, PTH123 (once)
        async with Client(address, retry=Retry(total_s=1.0)) as client:
            while line := await orders.readline():
                task = loop.create_task(_submit(client, json.loads(line), accepted))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
