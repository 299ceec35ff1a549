"""Hosts and the ways to them: one channel for each, made when a host is named or found, led elsewhere when it moves."""

from __future__ import annotations

from chassis import logs
from chassis.client import Channel, Channels
from spooler.dial_in.arrivals import HostAlreadyHere
from spooler.dial_in.host import DialledHost
from spooler.host_proving import HostProof
from spooler.hosts import Hosts
from spooler.introduction import FabricTime
from spooler.remote_port import RemoteHost
from spooler.remote_xcv import RemoteXcv

log = logs.get(__name__)


class HostDirectory:
    """Makes hosts known to `hosts`, and keeps the way to their configuration planes."""

    def __init__(
        self,
        hosts: Hosts,
        channels: Channels,
        owner: tuple[str, str],
        lease_s: float,
        fabric_time: FabricTime,
    ) -> None:
        self._hosts = hosts
        self._channels = channels
        self._owner = owner
        self._lease_s = lease_s
        self._fabric_time = fabric_time
        self._channels_of: dict[str, Channel] = {}
        self._planes: dict[str, RemoteXcv] = {}
        self._reached: dict[str, RemoteHost] = {}  # at an address
        self._dialled: dict[str, DialledHost] = {}

    def put(
        self, name: str, address: str, server_name: str | None = None, proof: HostProof | None = None
    ) -> None:
        """A host is at an address. One that is known and has moved is spoken to there from now on.

        What runs on the old connection ends with it: streams are opened again, and the host is asked how far it got.

        server_name: to expect in its certificate; None: as the settings say.
        proof: what it has to bring besides; None: nothing.
        """
        key = name.casefold()
        channel = self._channels_of.get(key)
        if key in self._dialled:
            log.warning(
                "host dials in, an address that was found for it is left alone", host=name, address=address
            )
        elif channel is None:
            channel = self._channels.movable(address, server_name)
            host = RemoteHost(name, address, channel, self._owner, self._lease_s, self._fabric_time)
            host.introduction.demand(proof, channel)
            self._reached[key] = host
            self._add(host, channel)
        else:
            self._reached[key].introduction.demand(proof, channel)
            if (channel.address, channel.server_name) != (address, server_name):
                log.info("host moved", host=name, address=address, was=channel.address)
                channel.move(address, server_name)
                self._hosts.moved(name, address)

    def dialled_in(self, name: str, address: str, where: str) -> None:
        """See `dial_in.arrivals.Known`."""
        key = name.casefold()
        channel, host = self._channels_of.get(key), self._dialled.get(key)
        if channel is not None and host is None:
            text = f"host {name} is reached at {channel.address}, as the settings or discovery say"
            raise HostAlreadyHere(text, host=name, address=channel.address)
        if channel is None or host is None:
            channel = self._channels.movable(address)
            host = self._dialled[key] = DialledHost(
                name, where, channel, self._owner, self._lease_s, self._fabric_time
            )
            self._add(host, channel)
        else:
            channel.move(address)
            self._hosts.moved(name, where)
        host.arrived(where)

    def left(self, name: str) -> None:
        """See `dial_in.arrivals.Known`."""
        self._dialled[name.casefold()].left()

    def _add(self, host: RemoteHost, channel: Channel) -> None:
        key = host.name.casefold()
        self._channels_of[key] = channel
        self._hosts.add(host)

    def plane(self, host: str) -> RemoteXcv:
        """Return the way to a host's configuration plane; made when it is first asked for.

        Raises:
            PortNotFound: nobody knows the host.
        """
        key = host.casefold()
        plane = self._planes.get(key)
        if plane is None:
            link, channel = self._hosts.known_link(host), self._channels_of[key]
            plane = self._planes[key] = RemoteXcv(link.name, channel, self._owner, link.introduction)
        return plane
