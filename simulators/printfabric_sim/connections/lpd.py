"""A line printer daemon, RFC 1179: control file and data file in either order.

Like the LPD in a print server it acknowledges a data file when it has read it, which says nothing about paper. Copies asked
for by repeated print lines are noted in the record and not made. A data file is printed as it comes: of one that comes before its control file,
what leaves before that bears the name of the queue.
"""

from __future__ import annotations

from typing import NamedTuple

from printfabric_sim.connections.lpd_jobs import LpdJob, LpdJobs
from printfabric_sim.connections.served_link import DialogueListener, ServedLink
from printfabric_sim.core import Core
from printfabric_sim.inlet import Inlet

_ACK, _NAK = b"\0", b"\1"
# RFC 1179, 5: daemon commands; 6: subcommands of "receive a printer job"
_PRINT_WAITING, _RECEIVE_JOB, _SHORT_STATE, _LONG_STATE, _REMOVE_JOBS = range(1, 6)
_ABORT, _CONTROL_FILE, _DATA_FILE = range(1, 4)
_COMMANDS = tuple(bytes([code]) for code in range(1, 6))
_SUBCOMMANDS = _COMMANDS[:_DATA_FILE]
_MAX_CONTROL_BYTES = 65536


class Control(NamedTuple):
    """What a control file says: the job's name and its user."""

    name: str
    user: str


class LpdConnection(DialogueListener):
    """An LPD port. `queues` names the queues it knows; empty: every name is accepted."""

    kind = "lpd"

    def __init__(
        self,
        core: Core,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        queues: tuple[str, ...] = (),
        rcvbuf_bytes: int = 65536,
    ) -> None:
        super().__init__(core, host, port, rcvbuf_bytes)
        self.queues = queues
        self._jobs = LpdJobs(core)

    def address(self) -> dict[str, object]:
        """Return {"lpd": port}."""
        return {"lpd": self.port}

    async def converse(self, link: ServedLink) -> None:
        """Obey one daemon command; a connection carries one (RFC 1179, 3.1)."""
        line = await link.reader.readline()
        if line[:1] not in _COMMANDS or not line.endswith(b"\n"):
            if line:
                await self._refuse(link, line)
            return
        command, words = line[0], line[1:].decode("latin-1").split()
        queue = words[0] if words else ""
        if self.queues and queue not in self.queues:
            await link.send(_NAK)
            await link.throw_away("for a queue that is not here")
        elif command == _RECEIVE_JOB:
            await link.send(_ACK)
            await self._receive_job(link, queue)
        elif command in (_SHORT_STATE, _LONG_STATE):
            await link.send(self._state(queue).encode())
        elif command == _PRINT_WAITING:
            await link.send(_ACK)
        elif command == _REMOVE_JOBS:
            await link.may_speak()  # nothing is removed by a printer that plays dead
            agent = words[1] if len(words) > 1 else ""
            removed = self._jobs.remove(queue, agent, words[2:])
            self.core.event("lprm", queue=queue, agent=agent, jobs=removed)

    async def _refuse(self, link: ServedLink, line: bytes) -> None:
        """Nothing is understood from here on: say no, and end the connection."""
        await link.send(_NAK)
        link.close()
        await link.throw_away("no LPD command", line)

    async def _receive_job(self, link: ServedLink, queue: str) -> None:
        control = Control("", "")
        begun: list[LpdJob] = []
        while first := await link.reader.read(1):
            if first not in _SUBCOMMANDS:
                await self._refuse(link, first)
                return
            line = first + await link.reader.readline()
            words = line[1:].split()
            if line[0] == _ABORT:
                if link.inlet is not None and not link.finished:
                    self.core.end(link.inlet, "abort", drop=True)
                    link.inlet = None
                await link.send(_ACK)
                continue
            size = int(words[0]) if words and words[0].isdigit() else -1
            if size < 0:
                await link.send(_NAK)
                continue
            await link.send(_ACK)
            if line[0] == _CONTROL_FILE:
                control = await self._control_file(link, size, queue)
                for job in begun:
                    job.user, job.inlet.job.name = control.user, control.name
                continue
            inlet = await link.open_inlet("lpd", control.name or queue)
            file = words[1].decode("latin-1") if len(words) > 1 else ""
            begun.append(self._jobs.add(queue, file, control.user, inlet))
            if not await self._data_file(link, size, inlet):
                return

    async def _control_file(self, link: ServedLink, size: int, queue: str) -> Control:
        """Read a control file, which may come before or after the data (RFC 1179, 6.2 and 6.3)."""
        if size > _MAX_CONTROL_BYTES:
            raise ConnectionError(f"control file of {size} bytes")
        text = (await link.reader.readexactly(size)).decode("latin-1")
        await link.reader.readexactly(1)  # the octet of zero that ends a file
        await link.send(_ACK)
        facts = {row[:1]: row[1:] for row in text.splitlines() if row}
        prints = [
            row for row in text.splitlines() if row[:1].islower() and row[:1] != "u" and row[1:3] == "df"
        ]
        control = Control(facts.get("J") or facts.get("N") or queue, facts.get("P", ""))
        self.core.event(
            "control file", queue=queue, job_name=control.name, user=control.user, copies=len(prints) or 1
        )
        return control

    async def _data_file(self, link: ServedLink, size: int, inlet: Inlet) -> bool:
        """Take a data file; size 0 means until the connection is closed. Return False when it has ended there."""
        left = size
        while left > 0 or size == 0:
            data = await link.take(left or 65536)
            if not data:
                link.end_inlet("fin" if size == 0 else "reset")
                return False
            left -= len(data)
            async for piece in link.pieces(inlet, data):
                self.core.feed(inlet, piece)
            if inlet.ended and not link.finished:
                return False
        await link.reader.readexactly(1)
        link.end_inlet()
        await link.send(_ACK)
        return True

    def _state(self, queue: str) -> str:
        conditions = ", ".join(sorted(self.core.conditions))
        state = f"stopped: {conditions}" if conditions else "ready"
        return f"{queue or 'lp'} is {state}; {self.core.units_waiting} units waiting, {self.core.printed} printed\n"
