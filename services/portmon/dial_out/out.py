"""This host's monitors, served to the spoolers that it dials, each through a door of its own.

A door is a socket in a folder that nobody else may look into. Who comes through it is the spooler that this host has
dialled under that name: its certificate has proven it there, or, without TLS, whatever else keeps that way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from chassis.authentication import Callers
from chassis.client import Channels
from chassis.identity import Authorize, Identity, Kind, Role
from chassis.server import Server, Servicer
from chassis.settings import ChannelSettings, ServerSettings
from chassis.tasks import Tasks
from chassis.tls import ClientCertificates
from portmon.dial_out.addresses import server_name
from portmon.dial_out.dialling import Dialling
from portmon.dial_out.spooler_link import Itself
from portmon.settings import PortmonSettings


class DialOut:
    """The spoolers that are dialled."""

    def __init__(self, spoolers: Sequence[Dialling], tasks: Tasks) -> None:
        self.spoolers = spoolers
        self._tasks = tasks

    async def close(self) -> None:
        """Let go of all, and dial no more; harmless when repeated."""
        await self._tasks.close()


@asynccontextmanager
async def dialling_out(
    settings: PortmonSettings, itself: Itself, servicers: Sequence[Servicer], authorize: Authorize
) -> AsyncIterator[DialOut]:
    """Dial the spoolers of the settings and serve them, until the context ends.

    Raises:
        CertificateError: the certificates do not work.
    """
    tls = settings.dial_out_channel.tls
    if settings.dial_out.spoolers and tls is not None:
        ClientCertificates(tls).credentials()  # what does not work is said at the start
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="print-fabric-")))
        spoolers = []
        for number, spooler in enumerate(settings.dial_out.spoolers):
            door = folder / f"{number}.sock"
            callers = Callers(behind_socket=Identity(Kind.DIALLED, spooler, roles=frozenset({Role.SPOOLER})))
            server = Server(
                _at(settings.server, door), servicers=servicers, authorize=authorize, callers=callers,
                log_ok=settings.log.rpc == "all",
            )  # fmt: skip
            await stack.enter_async_context(server)
            channels = await stack.enter_async_context(Channels(_for(settings.dial_out_channel, spooler)))
            spoolers.append(Dialling(spooler, channels, itself, door, settings.dial_out))
        tasks = await stack.enter_async_context(Tasks("dial-out"))
        for one in spoolers:
            tasks.supervise(f"dial {one.spooler}", partial(one.run, tasks))
        yield DialOut(spoolers, tasks)


def _at(server: ServerSettings, door: Path) -> ServerSettings:
    """Return a server's settings for a door: plain, for the connection that leads there is not, and nothing beside it."""
    only = {
        "listen": (f"unix:{door}",), "socket_mode": "0600", "tls": None, "metrics_listen": None, "health_listen": None,
        "ready_file": None, "drain_delay_s": 0.0, "max_connection_age_s": None,
    }  # fmt: skip
    return server.model_copy(update=only)


def _for(channel: ChannelSettings, spooler: str) -> ChannelSettings:
    """Return how a spooler is called: addresses are dialled, and its name is what its certificate must have."""
    tls = channel.tls
    if tls is None or tls.server_name is not None:
        return channel
    return channel.model_copy(update={"tls": tls.model_copy(update={"server_name": server_name(spooler)})})
