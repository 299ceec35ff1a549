"""A fabric whose host nobody can reach: it listens at a unix socket of its own and dials the spooler."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket as sockets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from printfabric_client.sync import Client
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.programs import Program
from tests.rig.real_fabric import HOST, portmon_settings, printer_of, spooler_settings
from tests.rig.receivers import Receiver


def dial_out(spoolers: Iterable[Program | CuttingProxy]) -> str:
    """Return the settings of a port monitor that dials these."""
    return f"[dial_out]\nspoolers = {json.dumps([one.address for one in spoolers])}\nmost_wait_s = 0.5\n"


class Balancer(CuttingProxy):
    """One address in front of several services: each connection is the next one's."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = itertools.cycle(targets)
        super().__init__(targets[0])

    def _reached(self) -> sockets.socket:
        self._target = next(self._targets)
        return super()._reached()


class DialledFabric:
    """One spooler, one host that dials it through a proxy, a printer for each receiver."""

    def __init__(self, folder: Path, socket: Path, receivers: Sequence[Receiver], *, quick: bool) -> None:
        self.receivers = receivers
        printers = {printer_of(one): [one.port] for one in receivers}
        pings = "[{}.keepalive]\ntime_s = 1\ntimeout_s = 1\nmin_ping_interval_s = 0.2\n" if quick else ""
        spooler = spooler_settings(folder / "sp", "", printers) + pings.format("server")
        self.spooler = Program("spooler", folder, spooler)
        self.proxy = CuttingProxy(self.spooler.address)
        portmon = portmon_settings(folder / "pm", receivers) + dial_out([self.proxy])
        portmon += pings.format("dial_out_channel")
        self.portmon = Program("portmon", folder, portmon, socket_file=socket)

    def start(self) -> None:
        """Start everything."""
        for one in self.receivers:
            one.begin()
        self.portmon.start()
        self.spooler.start()

    def close(self) -> None:
        """End everything."""
        self.spooler.stop()
        self.portmon.stop()
        self.proxy.close()
        for one in self.receivers:
            one.end()

    def client(self) -> Client:
        """Return a client of the spooler."""
        return Client(self.spooler.address)

    def online(self, client: Client) -> bool:
        """The spooler knows the host, and it answers."""
        return [host.state for host in client.hosts.list() if host.name == f"hosts/{HOST}"] == [2]


@contextlib.contextmanager
def dialled_fabric(
    folder: Path, socket: Path, receivers: Sequence[Receiver], *, quick: bool = False
) -> Iterator[DialledFabric]:
    """Run it until the context ends; `quick`: a dead line is noticed within about 2 s, not 8."""
    fabric = DialledFabric(folder, socket, receivers, quick=quick)
    try:
        fabric.start()
        yield fabric
    except BaseException:
        for program in (fabric.spooler, fabric.portmon):
            print(f"--- {program.module}\n{program.last_words()}")
        raise
    finally:
        fabric.close()
