"""fabric-power: tells this machine's port monitor that it goes to sleep, or is back (PowerEvent). For systemd's sleep."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from chassis.client import Channels
from chassis.errors import FabricError
from chassis.settings import ChannelSettings, ClientTlsSettings
from chassis.tls import CertificateError
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import monitor_service_pb2_grpc as rpc

_EX_UNAVAILABLE, _EX_CONFIG = 69, 78
_MORE_S = 15.0  # what devices take to be let go, beside the grace time


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or one of sysexits.h with a line on standard error: 69, the port monitor did not do it."""
    parser = _parser()
    asked = parser.parse_args(argv)
    if (asked.cert is None) != (asked.key is None) or (
        asked.ca is None and (asked.cert or asked.server_name)
    ):
        parser.error("--cert and --key go together, and with --ca; so does --server-name")
    try:
        said = asyncio.run(_tell(_channel(asked), asked.address, asked.command == "suspend", asked.grace))
    except CertificateError as error:
        return _fail(_EX_CONFIG, str(error))
    except FabricError as error:
        return _fail(_EX_UNAVAILABLE, error.message)
    sys.stdout.write(said)
    return 0


def _fail(status: int, why: str) -> int:
    sys.stderr.write(f"fabric-power: {why}\n")
    return status


def _channel(asked: argparse.Namespace) -> ChannelSettings:
    if asked.ca is None:
        return ChannelSettings()
    proof = ClientTlsSettings(
        ca_file=asked.ca, cert_file=asked.cert, key_file=asked.key, server_name=asked.server_name
    )
    return ChannelSettings(tls=proof)


async def _tell(channel: ChannelSettings, address: str, suspends: bool, grace_s: float) -> str:
    async with Channels(channel) as channels:
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
    parser.add_argument("--ca", type=Path, metavar="FILE", help="speak TLS; who may sign its certificate")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="this machine's certificate")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's key")
    parser.add_argument("--server-name", metavar="NAME", help="in its certificate, if not the address")
    return parser


if __name__ == "__main__":
    sys.exit(main())
