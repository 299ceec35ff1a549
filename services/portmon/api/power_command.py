"""fabric-power: tells this machine's port monitor that it goes to sleep, or is back (PowerEvent). For systemd's sleep."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from chassis.client import Channels
from chassis.errors import FabricError
from chassis.settings import ChannelSettings
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import monitor_service_pb2_grpc as rpc

_EX_UNAVAILABLE = 69
_MORE_S = 15.0  # what devices take to be let go, beside the grace time


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 69 with a line on standard error when the port monitor did not do it."""
    asked = _parser().parse_args(argv)
    try:
        said = asyncio.run(_tell(asked.address, asked.command == "suspend", asked.grace))
    except FabricError as error:
        sys.stderr.write(f"fabric-power: {error.message}\n")
        return _EX_UNAVAILABLE
    sys.stdout.write(said)
    return 0


async def _tell(address: str, suspends: bool, grace_s: float) -> str:
    async with Channels(ChannelSettings()) as channels:
        stub: rpc.MonitorServiceAsyncStub = rpc.MonitorServiceStub(channels.get(address))
        if not suspends:
            await stub.PowerEvent(pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_RESUME), timeout=_MORE_S)
            return "ports may be opened again\n"
        # Documents have the grace time to end; then the machine may sleep at any moment.
        pending = pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_SUSPEND_PENDING)
        pending.grace.FromMilliseconds(int(grace_s * 1000))
        answer = await stub.PowerEvent(pending, timeout=grace_s + _MORE_S)
        await stub.PowerEvent(pb.PowerEventRequest(event=pb.POWER_EVENT_KIND_SUSPEND), timeout=_MORE_S)
        return f"all devices are let go; {len(answer.parked)} documents go on where they stopped\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fabric-power", description=__doc__)
    parser.add_argument("command", choices=("suspend", "resume"))
    parser.add_argument(
        "--address",
        default="127.0.0.1:26152",
        help="of the port monitor, as host:port or unix:/path (%(default)s)",
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=10.0,
        metavar="S",
        help="seconds that documents get to end (%(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
