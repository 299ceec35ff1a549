"""RegistryService: hosts that announce themselves. Not built yet: hosts come from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from printfabric.spooler.v1 import registry_service_pb2 as pb
from printfabric.spooler.v1 import registry_service_pb2_grpc as pb_grpc
from spooler.api.not_built import no_messages


class RegistryServicer(pb_grpc.RegistryServiceServicer):
    """Says so, by name."""

    async def RegisterHost(
        self, requests: AsyncIterator[pb.RegisterHostRequest], _context: Any
    ) -> AsyncIterator[pb.RegisterHostResponse]:
        """See the contract."""
        async for message in no_messages("RegisterHost"):
            yield message

    async def TunnelHost(
        self, requests: AsyncIterator[pb.TunnelHostRequest], _context: Any
    ) -> AsyncIterator[pb.TunnelHostResponse]:
        """See the contract."""
        async for message in no_messages("TunnelHost"):
            yield message
