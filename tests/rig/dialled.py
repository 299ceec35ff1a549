"""A fabric whose host nobody can reach: it listens at a unix socket of its own and dials the spooler."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from printfabric_client.sync import Client
from tests.rig.cutting_proxy import CuttingProxy
from tests.rig.programs import Program
from tests.rig.real_fabric import HOST, portmon_settings, printer_of, spooler_settings
from tests.rig.receivers import Receiver


class DialledFabric:
    """One spooler, one host that dials it through a proxy, a printer for each receiver."""

    def __init__(self, folder: Path, socket: Path, receivers: Sequence[Receiver], spooler: str = "") -> None:
        self.receivers = receivers
        printers = {printer_of(one): [one.port] for one in receivers}
        self.spooler = Program("spooler", folder, spooler_settings(folder / "sp", "", printers, spooler))
        self.proxy = CuttingProxy(self.spooler.address)
        self.portmon = Program("portmon", folder, self._portmon(folder / "pm"), socket_file=socket)

    def _portmon(self, state_dir: Path) -> str:
        dial_out = f'[dial_out]\nspoolers = ["{self.proxy.address}"]\nmost_wait_s = 0.5\n'
        return portmon_settings(state_dir, self.receivers) + dial_out

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
    folder: Path, socket: Path, receivers: Sequence[Receiver], spooler: str = ""
) -> Iterator[DialledFabric]:
    """Run it until the context ends; `spooler` are more lines of its settings."""
    fabric = DialledFabric(folder, socket, receivers, spooler)
    try:
        fabric.start()
        yield fabric
    except BaseException:
        for program in (fabric.spooler, fabric.portmon):
            print(f"--- {program.module}\n{program.last_words()}")
        raise
    finally:
        fabric.close()
