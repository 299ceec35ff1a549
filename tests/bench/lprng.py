"""LPRng beside us: the print spooler of the BSDs' line, in C, with a process for each connection and each job.

Debian's package cannot be installed beside cups-bsd, but needs no installation: see `UNPACKED`. Its settings are in
/etc/lprng whatever it is told, so it sees an /etc of its own: ours below its directory (a mount namespace, which needs root).
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.bench.instructions import ROOT
from tests.bench.process import BenchError, Child, Family, OneProgram
from tests.bench.receiver import document
from tests.bench.system import UNARY, Devices, queue, together
from tests.surroundings import free_port

UNPACKED = ROOT / "build/lprng"  # apt-get download lprng && dpkg-deb -x lprng_*.deb build/lprng
_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:{UNPACKED / 'usr/sbin'}"
_PIECE = 1 << 20
_CONFIG = """lpd_port=127.0.0.1%{port}
lpd_listen_port=127.0.0.1%{port}
unix_socket_path={root}/lpd.socket
lockfile={root}/lpd.lock
printcap_path={root}/printcap
lpd_printcap_path={root}/printcap
perms_path={root}/lpd.perms
default_tmp_dir={root}
user={user}
group={group}
max_servers_active=64
"""
_QUEUE = "{name}:server:sd={root}/spool/{name}:lp=127.0.0.1%{device}:sh:mx=0:sf:longnumber\n"


class LPRng(OneProgram):
    """One lpd with the queues `q0`, `q1`, …."""

    name = "LPRng"
    durability = "none: nothing is synced"
    exact = True
    pools = False
    most_printers = 1 << 30
    many = False

    def __init__(self, folder: Path, devices: Devices, printers: int) -> None:
        self._folder = folder
        self._port = free_port()
        user = pwd.getpwnam("lp") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        names = [f"q{number}" for number in range(printers)]
        for name in names:
            (folder / "spool" / name).mkdir(parents=True)
        queues = [_QUEUE.format(name=name, root=folder, device=devices.receiving) for name in names]
        (folder / "printcap").write_text("".join(queues))
        (folder / "lpd.perms").write_text("DEFAULT ACCEPT\n")
        config = _CONFIG.format(port=self._port, root=folder, user=user.pw_name, group=user.pw_gid)
        for each in ("etc/lprng", "work"):
            (folder / each).mkdir(parents=True)
        (folder / "lpd.log").touch()
        (folder / "etc/lprng/lpd.conf").write_text(config)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)

    @staticmethod
    def why_not() -> str:
        """Return why it cannot be measured here; empty when it can."""
        if _lpd() is None:
            return f"LPRng is neither installed here nor unpacked in build/{UNPACKED.name}"
        return "" if os.geteuid() == 0 else "LPRng needs root here"

    async def start(self) -> None:
        """Start lpd and wait until it listens."""
        program = _lpd()
        assert program is not None
        etc = f"lowerdir=/etc,upperdir={self._folder / 'etc'},workdir={self._folder / 'work'}"
        own_etc = f"mount -t overlay -o {etc} overlay /etc && exec {program} -F -L {self._folder / 'lpd.log'}"
        command = ["unshare", "--mount", "sh", "-c", own_etc]
        self._child = child = Child("lpd", command, self._folder / "out.log")

        def listens() -> bool:
            with socket.socket() as mine:
                return mine.connect_ex(("127.0.0.1", self._port)) == 0

        child.wait_until(listens)

    @property
    def processes(self) -> Sequence[Child | Family]:
        """What costs CPU and memory; the CPU of its children is its own as soon as they have ended."""
        return [Family("lpd", self._child.pid)] if self._child is not None else []

    async def send(self, mode: str, clients: int, printers: int, numbers: Sequence[int], size: int) -> None:
        """Submit documents, each by a connection of its own (RFC 1179); return when all are answered."""
        if mode != UNARY:
            raise BenchError(f"{self.name} knows no {mode}")

        async def one(numbers: Sequence[int]) -> None:
            for number in numbers:
                await self._print(queue(mode, number, printers), number, size)

        await together(one(numbers[place::clients]) for place in range(clients))

    async def send_large(self, _mode: str, number: int, size: int) -> None:
        """Submit one large document."""
        await self._print("q0", number, size)

    async def hold(self, held: bool) -> None:
        """It is not measured with waiting jobs."""
        raise BenchError(f"{self.name} is not held here: held={held}")

    async def _print(self, printer: str, number: int, size: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        job = f"A{number % 1_000_000:06}localhost"
        control = f"Hlocalhost\nPbench\nJbench {number}\nldf{job}\nUdf{job}\nNbench\n".encode()
        try:
            await _told(reader, writer, f"\2{printer}\n".encode())
            await _told(reader, writer, f"\2{len(control)} cf{job}\n".encode())
            await _told(reader, writer, control + b"\0")
            await _told(reader, writer, f"\3{size} df{job}\n".encode())
            await _told(reader, writer, document(number, size), b"\0")
        finally:
            writer.close()


async def _told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *parts: bytes) -> None:
    """Send parts and wait for the zero byte that says yes. Raises BenchError: it said no."""
    for data in parts:
        for offset in range(0, len(data), _PIECE):
            writer.write(data[offset : offset + _PIECE])
            await writer.drain()
    if (answer := await reader.read(1)) != b"\0":
        raise BenchError(f"lpd answers {answer!r} {(await reader.read(300))!r}")


def _lpd() -> str | None:
    return shutil.which("lpd", path=_SEARCHED)
