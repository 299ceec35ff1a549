"""Several spoolers on one PostgreSQL, one port monitor, and receivers: real processes, which can be stopped and killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from printfabric_client.sync import Client
from tests.rig.dialled import Balancer, dial_out
from tests.rig.postgres import PostgresServer
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import portmon_settings, printer_of, spooler_settings
from tests.rig.receivers import Receiver

TAKEOVER_S = 3.0


class ReplicaFabric:
    """A fabric whose spoolers share a store. Printers are named like their ports, in lower case.

    Args:
        dials_from: the socket of a port monitor that dials the spoolers, at one address for all of them; None: it
            is reached.
        url: of their database; empty: a new one of the server's.
        takeover_s: how long a spooler may be silent. Where none is stopped, longer than a busy machine takes for anything.
    """

    def __init__(
        self,
        folder: Path,
        server: PostgresServer,
        receivers: Sequence[Receiver],
        spoolers: int,
        dials_from: Path | None = None,
        url: str = "",
        takeover_s: float = TAKEOVER_S,
    ) -> None:
        self.receivers = {printer_of(one): one for one in receivers}
        self.url = url or server.database()
        self.server = server
        settings = portmon_settings(folder / "pm", receivers)
        self.portmon = Program("portmon", folder, settings, socket_file=dials_from)
        host = "" if dials_from else self.portmon.address
        printers = {printer_of(one): [one.port] for one in receivers}
        self.spoolers: list[Program] = []
        for number in range(1, spoolers + 1):
            own = folder / f"spooler-{number}"
            own.mkdir()
            more = f'database = "{self.url}"\nspooler_id = "s{number}"\ntakeover_s = {takeover_s}'
            self.spoolers.append(Program("spooler", own, spooler_settings(own / "sp", host, printers, more)))
        self.balancer = Balancer([one.address for one in self.spoolers]) if dials_from else None
        if self.balancer:
            (folder / "portmon.toml").write_text(settings + dial_out([self.balancer]), "utf-8")

    def start(self) -> None:
        """Start everything."""
        for one in self.receivers.values():
            one.begin()
        self.portmon.start()
        for spooler in self.spoolers:
            spooler.start()

    def close(self) -> None:
        """End everything."""
        for program in (*self.spoolers, self.portmon):
            program.stop()
        if self.balancer:
            self.balancer.close()
        for one in self.receivers.values():
            one.end()

    def client(self, spooler: int, **options: Any) -> Client:
        """Return a client of one spooler."""
        return Client(self.spoolers[spooler].address, **options)

    def owners(self) -> dict[str, int]:
        """Return which spooler owns each printer, as a place in `spoolers`."""
        rows = self.server.ask(self.url, "SELECT printer, name FROM owners JOIN replicas USING (epoch)")
        return {printer: int(name.rpartition(" s")[2]) - 1 for printer, name in rows}

    def members(self) -> set[int]:
        """Return which spoolers are members of the store, as places in `spoolers`."""
        rows = self.server.ask(self.url, "SELECT name FROM replicas")
        return {int(name.rpartition(" s")[2]) - 1 for (name,) in rows}

    def wait_for_owners(self) -> dict[str, int]:
        """Wait until every printer has an owner; return them."""
        wait_until(lambda: self.owners().keys() == self.receivers.keys(), why="a printer has no owner")
        return self.owners()

    @contextlib.contextmanager
    def stopped(self, spooler: int) -> Iterator[None]:
        """Let a spooler stand still meanwhile, as a machine does that is suspended."""
        os.kill(self.spoolers[spooler].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.spoolers[spooler].pid, signal.SIGCONT)


@contextlib.contextmanager
def replica_fabric(
    folder: Path,
    server: PostgresServer,
    receivers: Sequence[Receiver],
    spoolers: int = 3,
    dials_from: Path | None = None,
    url: str = "",
    takeover_s: float = TAKEOVER_S,
) -> Iterator[ReplicaFabric]:
    """Run such a fabric until the context ends."""
    fabric = ReplicaFabric(folder, server, receivers, spoolers, dials_from, url, takeover_s)
    try:
        fabric.start()
        yield fabric
    except BaseException:
        for program in (*fabric.spoolers, fabric.portmon):
            print(f"--- {program.log}\n{program.last_words()}")
        raise
    finally:
        fabric.close()
