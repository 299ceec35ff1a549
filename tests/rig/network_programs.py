"""Network printers that others wrote: CUPS' ippeveprinter and cups-lpd, Net-SNMP's snmpd."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.rig.programs import running, wait_until
from tests.rig.receivers import Receiver, TcpReceiver
from tests.simulators.cups import Cups
from tests.surroundings import free_port, missing, require_tool

_LPD = Path("/usr/lib/cups/daemon/cups-lpd")
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={bus}</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/></policy></busconfig>
"""
_AVAHI = """[server]
allow-interfaces=lo
use-ipv6=no
enable-dbus=yes
disallow-other-stacks=no
[wide-area]
enable-wide-area=no
[publish]
publish-addresses=no
publish-hinfo=no
publish-workstation=no
"""
# What ippeveprinter calls to print: the document goes where the test looks, after as long as the test wants.
_PRINT = """#!/bin/sh
while [ -e {folder}/hold ]; do sleep 0.05; done
cat "$1" >> {file}
"""


class EvePrinter(Receiver):
    """An IPP Everywhere printer; each document is put behind the others when its job is done."""

    monitor, is_pipe = "ipp", False

    def __init__(self, port: str, folder: Path, number: int, *, tls: bool) -> None:
        super().__init__(port)
        self.file, self._hold = folder / "eve.prn", folder / "hold"
        self.file.touch()
        self._settings = {"uri": f"{'ipps' if tls else 'ipp'}://localhost:{number}/ipp/print"}

    @property
    def settings(self) -> dict[str, Any]:
        return self._settings

    def _run(self) -> None:
        """The other process receives."""

    def hold(self, on: bool) -> None:
        """Let jobs take for ever, or go on."""
        (self._hold.touch if on else self._hold.unlink)()

    @property
    def count(self) -> int:
        return self.file.stat().st_size

    def now(self) -> bytes:
        return self.file.read_bytes()


@contextlib.contextmanager
def eve_printer(port: str, folder: Path, *, tls: bool = False) -> Iterator[EvePrinter]:
    """Run ippeveprinter until the context ends. It insists on Avahi, which gets a bus of its own and the loopback only."""
    number, spool, command = free_port(), folder / "eve", folder / "print.sh"
    printer = EvePrinter(port, folder, number, tls=tls)
    command.write_text(_PRINT.format(folder=folder, file=printer.file))
    command.chmod(0o755)
    spool.mkdir()
    with _avahi(folder) as environment:
        line = [
            require_tool("ippeveprinter"),
            "-p",
            str(number),
            "-n",
            "localhost",
            "-d",
            str(spool),
            "-K",
            str(spool),
        ]
        line += ["-f", "application/octet-stream,application/pdf,image/pwg-raster", "-c", str(command), "Eve"]
        with running(line, folder / "ippeveprinter.log", env=environment):
            wait_until(lambda: _listens(number), why="ippeveprinter does not start")
            yield printer


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        return peer.connect_ex(str(path)) == 0


@contextlib.contextmanager
def _avahi(folder: Path) -> Iterator[dict[str, str]]:
    """Run Avahi on a bus of its own and yield the environment that leads there."""
    bus, log = folder / "bus", folder / "avahi-daemon.log"
    (folder / "bus.conf").write_text(_BUS.format(bus=bus))
    (folder / "avahi.conf").write_text(_AVAHI)
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}", "HOME": str(folder)}
    daemon = [
        require_tool("dbus-daemon"),
        "--config-file",
        str(folder / "bus.conf"),
        "--nofork",
        "--nopidfile",
    ]
    avahi = [require_tool("avahi-daemon"), "-f", str(folder / "avahi.conf"), "--no-drop-root", "--no-chroot"]
    with running(daemon, folder / "dbus-daemon.log", env=environment):
        wait_until(lambda: _accepts(bus), why="dbus-daemon does not start")
        with running([*avahi, "--no-rlimits"], log, env=environment) as process:
            wait_until(lambda: b"startup complete" in log.read_bytes() or process.poll() is not None)
            if process.poll() is not None:
                missing(
                    f"avahi-daemon, which ippeveprinter insists on, does not start: {log.read_text()[-300:]}"
                )
            yield environment


class CupsLpd(TcpReceiver):
    """A raw TCP printer behind cupsd, which is reached through its line printer daemon."""

    monitor = "lpr"

    def __init__(self, port: str, number: int) -> None:
        super().__init__(port)
        self._number = number

    @property
    def raw_uri(self) -> str:
        """Where cupsd shall send the documents."""
        host, number = self._listener.getsockname()
        return f"socket://{host}:{number}"

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self._number, "queue": "labels"}


@contextlib.contextmanager
def cups_lpd(port: str, folder: Path) -> Iterator[CupsLpd]:
    """Run cupsd with a raw queue and, behind socat, cups-lpd, until the context ends."""
    if not _LPD.exists():
        missing(f"{_LPD} (cups-bsd)")
    receiver, cups = CupsLpd(port, free_port()), Cups()
    listen = f"TCP-LISTEN:{receiver.settings['port']},bind=127.0.0.1,reuseaddr,fork"
    try:
        cups.start()
        cups.add_raw_queue("labels", receiver.raw_uri)
        daemon = f"EXEC:{_LPD} -n -o document-format=application/vnd.cups-raw"
        with running([require_tool("socat"), listen, daemon], folder / "socat-lpd.log", env=cups.environment):
            wait_until(lambda: _listens(int(receiver.settings["port"])), why="socat does not start")
            yield receiver
    finally:
        cups.stop()


class SnmpDaemon:
    """Net-SNMP's agent with the objects that a test gives it."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._folder = folder

    def config(self, rows: Mapping[str, tuple[str, str]]) -> Path:
        """Write its configuration."""
        path = self._folder / "snmpd.conf"
        lines = [f"agentAddress udp:127.0.0.1:{self.number}", "rocommunity public 127.0.0.1"]
        lines += [f"override {oid} {kind} {value}" for oid, (kind, value) in rows.items()]
        path.write_text("\n".join(lines) + "\n")
        return path


@contextlib.contextmanager
def snmpd(folder: Path, rows: Mapping[str, tuple[str, str]]) -> Iterator[SnmpDaemon]:
    """Run snmpd, with these objects beside its own, until the context ends."""
    daemon = SnmpDaemon(folder, free_port())
    command = [require_tool("snmpd"), "-f", "-Lo", "-C", "-c", str(daemon.config(rows)), "-I", "-smux"]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "snmp")}
    with running(command, folder / "snmpd.log", env=environment) as process:
        time.sleep(0.3)
        wait_until(lambda: process.poll() is not None or b"NET-SNMP" in (folder / "snmpd.log").read_bytes())
        assert process.poll() is None, (folder / "snmpd.log").read_text()
        yield daemon


def _listens(number: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), 1):
        return True
    return False
