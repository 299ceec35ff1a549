"""A configuration service on a real socket, before a fake spooler on another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio

from chassis.authentication import Callers
from chassis.client import Channels
from chassis.identity import Identity, Kind
from chassis.server import Server
from chassis.settings import AccessSettings, ServerSettings
from portui.api.portui_servicer import servicer
from portui.fabric import Spooler
from printfabric.portui.v1.portui_service_pb2_grpc import PortUIServiceStub
from printfabric.spooler.v1.port_service_pb2_grpc import add_PortServiceServicer_to_server
from tests.fakes.port_service import SERVICE, FakePortService

ROLES = AccessSettings(roles={"administrator": ("token:*",)})


def on(address: str) -> ServerSettings:
    """Return a server's settings."""
    return ServerSettings(listen=(address,), access=ROLES)


class Anybody:
    """Believes every token: its text is the name."""

    async def verify(self, token: str, carrier: Identity) -> Identity:
        """Return whose token it is."""
        return Identity(Kind.TOKEN, token)


@asynccontextmanager
async def served(fake: FakePortService, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve a fake spooler; give its address."""
    servicers = [(add_PortServiceServicer_to_server, fake, SERVICE)]
    async with Server(on(address), servicers=servicers, callers=Callers([Anybody()]), log_ok=False) as server:
        yield server.addresses[0]


@asynccontextmanager
async def portui_before(address: str) -> AsyncIterator[Any]:
    """Serve PortUIService before the spooler at `address`; give a stub."""
    async with Channels() as channels, Channels() as ours:
        servicers = [servicer(Spooler(channels, address))]
        async with Server(
            on("127.0.0.1:0"), servicers=servicers, callers=Callers([Anybody()]), log_ok=False
        ) as server:
            yield PortUIServiceStub(ours.get(server.addresses[0]))


@pytest_asyncio.fixture
async def spooler() -> AsyncIterator[FakePortService]:
    """A fake spooler whose host edge-7 has one port, COM1:."""
    fake = FakePortService()
    fake.add("COM1:")
    yield fake


@pytest_asyncio.fixture
async def portui(spooler: FakePortService) -> AsyncIterator[Any]:
    """A stub of the configuration service before the fake spooler."""
    async with served(spooler) as address, portui_before(address) as stub:
        yield stub
