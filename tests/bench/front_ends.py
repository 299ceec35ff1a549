"""What a submit front end is worth: processes that share one address by SO_REUSEPORT, and hand on what they take in batches.

python -m tests.bench.front_ends [--rounds 3]

Clients submit one document a call. Directly, or to one front end, or to two; each gathers the calls of its clients into
one SubmitJobs stream to the spooler, and answers a call when its job is durable there. A sketch that is measured, and no
part of the product: it asks nobody who he is, and knows no call but SubmitJob.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
from typing_extensions import override

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.print_service_pb2_grpc import PrintServiceStub
from tests.bench.fabric import Fabric
from tests.bench.measure import Bench, Run, loop_factory
from tests.bench.process import BenchError, Child
from tests.bench.receiver import Receiver
from tests.bench.system import UNARY, Devices
from tests.surroundings import free_port

PRINTERS, CLIENTS, DOCUMENTS, SIZE_BYTES = 50, 16, 1600, 1024
_MOST = 32  # documents of a message, as of the clients that are measured as `stream 32`
_READY_S = 30.0
_HEAD = """| clients submit to | jobs/s | CPU ms per job: spooler | front ends | port monitor | all |
|---|---|---|---|---|---|"""


class Front:
    """Takes single submissions, and hands them on together."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub
        self._new: asyncio.Queue[tuple[pb.SubmitJobRequest, asyncio.Future[pb.SubmitResult]]] = (
            asyncio.Queue()
        )
        self._sent: dict[int, asyncio.Future[pb.SubmitResult]] = {}

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        """What a server asks for the one call it has."""
        submit = grpc.unary_unary_rpc_method_handler(
            self._submit,
            request_deserializer=pb.SubmitJobRequest.FromString,
            response_serializer=pb.SubmitJobResponse.SerializeToString,
        )
        service = pb.DESCRIPTOR.services_by_name["PrintService"].full_name
        return grpc.method_handlers_generic_handler(service, {"SubmitJob": submit})

    async def _submit(self, request: pb.SubmitJobRequest, context: Any) -> pb.SubmitJobResponse:
        answer = asyncio.get_running_loop().create_future()
        self._new.put_nowait((request, answer))
        result = await answer
        if result.HasField("error"):
            await context.abort(grpc.StatusCode.UNKNOWN, result.error.message)
        response = pb.SubmitJobResponse(duplicate=result.duplicate)
        response.job.name = result.job
        return response

    async def hand_on(self) -> None:
        """Send what comes in, and answer, for as long as the spooler's stream lasts."""
        async for response in self._stub.SubmitJobs(self._messages()):
            for result in response.results:
                self._sent.pop(result.index).set_result(result)

    async def _messages(self) -> AsyncIterator[pb.SubmitJobsRequest]:
        index = 0
        while True:
            found = [await self._new.get()]
            while len(found) < _MOST and not self._new.empty():
                found.append(self._new.get_nowait())
            for _request, answer in found:
                self._sent[index] = answer
                index += 1
            yield pb.SubmitJobsRequest(jobs=[request for request, _answer in found])


class Fronted(Fabric):
    """Print Fabric with front ends before its spooler."""

    def __init__(self, folder: Path, devices: Devices, fronts: int) -> None:
        super().__init__(folder, devices, PRINTERS)
        self._fronts = fronts

    @override
    async def start(self) -> None:
        await super().start()
        if not self._fronts:
            return
        address = f"127.0.0.1:{free_port()}"
        for number in range(1, self._fronts + 1):
            name = f"front end {number}"
            command = [
                sys.executable,
                "-m",
                "tests.bench.front_ends",
                "--serve",
                address,
                "--spooler",
                self._addresses[0],
            ]
            ready = self.folder / f"{name}.ready"
            child = Child(name, [*command, "--ready", str(ready)], self.folder / f"{name}.log")
            self._children[name] = child
            child.wait_until(ready.exists, _READY_S)
        self._addresses = [address]


async def serve(address: str, spooler: str, ready: Path) -> None:
    """Be a front end. Raises BenchError: the port cannot be had."""
    async with grpc.aio.insecure_channel(spooler) as channel:
        front = Front(PrintServiceStub(channel))
        server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
        server.add_generic_rpc_handlers((front.handler,))
        if not server.add_insecure_port(address):
            raise BenchError(f"{address} cannot be had")
        await server.start()
        await asyncio.to_thread(ready.touch)
        await front.hand_on()


async def measure(folder: Path, rounds: int) -> None:
    """Print a row for each way. Raises BenchError: a job was lost."""
    receiver = Receiver(folder)
    try:
        bench = Bench(receiver)
        async with AsyncExitStack() as stack:
            ways: dict[str, Fronted] = {}
            for fronts, name in enumerate(("the spooler", "one front end", "two front ends")):
                ways[name] = Fronted(folder / str(fronts), receiver.devices, fronts)
                stack.push_async_callback(ways[name].close)
                await ways[name].start()
            runs: dict[str, list[Run]] = {name: [] for name in ways}
            for round_ in range(-1, rounds):  # the first only warms up
                for name, way in ways.items():
                    run = await bench.run(way, UNARY, CLIENTS, PRINTERS, DOCUMENTS, SIZE_BYTES)
                    if round_ >= 0:
                        runs[name].append(run)
        print(_HEAD)
        for name, found in runs.items():
            print(f"| {name} | {' | '.join(_row(found))} |", flush=True)
    finally:
        receiver.close()


def _row(runs: Sequence[Run]) -> list[str]:
    def cpu_ms(*kinds: str) -> str:
        each = [sum(s for name, s in run.cpu_s.items() if name.startswith(kinds)) for run in runs]
        return f"{statistics.median(each) * 1000 / DOCUMENTS:.2f}"

    rate = statistics.median(run.printed_per_s for run in runs)
    return [f"{rate:.0f}", cpu_ms("spooler"), cpu_ms("front"), cpu_ms("portmon"), cpu_ms("")]


def main() -> None:
    """Measure and print, or serve."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.front_ends", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", metavar="ADDRESS", help="be a front end")
    parser.add_argument("--spooler", metavar="ADDRESS")
    parser.add_argument("--ready", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.spooler, given.ready))
        return
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(measure(Path(folder), given.rounds))


if __name__ == "__main__":
    main()
