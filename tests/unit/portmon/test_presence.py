"""Devices that come and go: what a port says of its own, how soon, and that it is back by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chassis.errors import PortBusy
from portmon import presence as module
from portmon.device_access import Rest
from portmon.document import Disposition, DocInfo, DocKey, Phase, Slice
from portmon.host_port import HostPort
from portmon.monitor import MonitorInit
from portmon.port_state import PortState
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.presence import Presence
from portmon.registry import Registry
from portmon.reports import Severity
from portmon.session import PortSession
from tests.fakes.device_tree import FakeAdapter, FakeDevices
from tests.rig.quick import TRIES, quick
from tests.rig.until import until


class Host:
    """A host whose devices are watched."""

    def __init__(self, folder: Path) -> None:
        self.devices = FakeDevices(folder / "host")
        registry = Registry(MonitorInit("edge-7", folder / "files", self.devices.tree), [])
        self.ports = Ports(registry, LocalPortStore(folder / "p"), folder)
        self.presence = Presence(
            self.ports, self.devices.tree, poll_s=None
        )  # all that is noticed was heard of

    async def serial(self, adapter: FakeAdapter, *, by: int = 0, **settings: str) -> HostPort:
        device = str(adapter.links[by]) if by >= 0 else str(adapter.node)
        return await self.add(f"COM{len(list(self.ports)) + 1}:", "serial", {"device": device, **settings})

    async def add(self, name: str, monitor: str, settings: dict[str, str]) -> HostPort:
        """Add a port that a printer uses."""
        port = await self.ports.add(name, monitor, settings)
        self.ports.use(port, "fabric", True)
        return port

    async def open(self, port: HostPort) -> PortSession:
        session = PortSession(port.name, "fabric", port.journal, port.counters)
        await session.open(port.monitor, port.settings)
        port.session = session
        return session


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    found = Host(tmp_path)
    watching = asyncio.get_running_loop().create_task(found.presence.watch())
    yield found
    watching.cancel()
    await asyncio.wait([watching])
    for port in found.ports:
        if port.session is not None:
            await port.session.close()
    found.ports.close()
    found.devices.close()


def said(port: HostPort) -> str:
    return "; ".join(one.text for one in port.reports.now())


async def settled(host: Host, port: HostPort) -> None:
    """Wait until the port's device has been looked at."""
    await until(lambda: port.name in host.presence._known)


def document(number: int, data: bytes) -> Slice:
    key = DocKey(bytes([number]) * 16, 1)
    return Slice(key, reply=lambda *_: None, start=DocInfo(), data=data, end=Disposition.COMPLETE)


@contextmanager
def other_program(node: Path, lock: str = "") -> Iterator[int]:
    """Let another program have a node open, and yield its pid."""
    code = f"import fcntl, sys; f = open({str(node)!r}, 'rb', 0); {lock}print('open', flush=True); sys.stdin.read()"
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "open\n"
        yield program.pid
    finally:
        program.communicate()


async def look(host: Host) -> None:
    """Let all ports be looked at now."""
    await host.presence.look()


async def test_devices_are_not_looked_at_while_the_host_sleeps(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    await look(host)
    host.ports.access.withhold(Rest.SLEEPS)
    await host.ports.access.quiet(0)
    adapter.unplug()
    looking = asyncio.ensure_future(look(host))
    done, _ = await asyncio.wait([looking], timeout=0.5)
    assert not done
    assert said(port) == ""
    host.ports.access.grant(Rest.SLEEPS)
    await looking
    await until(lambda: "is not there" in said(port))


async def test_an_unplugged_device_is_told_at_once_and_its_return_too(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    await look(host)
    assert said(port) == ""
    adapter.unplug()
    await until(lambda: "is not there" in said(port))
    (report,) = port.reports.now()
    assert (report.severity, report.reporter) == (Severity.ERROR, "device")
    assert said(port) == f"{port.device} is not there: unplugged, switched off, or never plugged in"
    host.devices.plug("ttyUSB3", serial="A10KXYZ1", socket="1-4")  # another name, another socket
    await until(lambda: said(port) == "")


async def test_a_device_is_found_though_its_directories_are_made_later(tmp_path: Path) -> None:
    host = Host(tmp_path)
    tree = host.devices.tree
    for folder in (tree.by_id, tree.by_path, tree.by_id.parent):
        folder.rmdir()  # as on a host without any serial adapter
    port = await host.add("COM1:", "serial", {"device": str(tree.by_id / "usb-FTDI_Bridge_B20C-if00-port0")})
    watching = asyncio.get_running_loop().create_task(host.presence.watch())
    try:
        await until(lambda: "is not there" in said(port))
        for folder in (tree.by_id, tree.by_path):
            folder.mkdir(parents=True)
        host.devices.plug("ttyUSB0", model="Bridge", serial="B20C")
        await until(lambda: said(port) == "")
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        host.ports.close()
        host.devices.close()


async def test_a_port_that_lost_its_device_is_open_again_by_itself(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    session = await host.open(port)
    await look(host)
    adapter.unplug()
    await until(lambda: session.state is PortState.FAILED and bool(said(port)))
    again = host.devices.plug("ttyUSB1", serial="A10KXYZ1")
    await until(lambda: session.state is PortState.OPEN)
    assert (await session.call(document(1, b"back"))).phase is Phase.ENDED
    assert os.read(again.fd, 100) == b"back"


async def test_watchers_are_told_that_a_lost_port_is_open_again_though_no_document_passes(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    session = await host.open(port)
    told: list[PortState] = []
    session.changed = lambda: told.append(session.state)
    await look(host)
    adapter.unplug()
    await until(lambda: told[-1:] == [PortState.FAILED])
    host.devices.plug("ttyUSB1", serial="A10KXYZ1")
    await until(lambda: told[-1:] == [PortState.OPEN])


@pytest.mark.alone
async def test_a_device_that_goes_and_comes_is_told_of_and_used_again_within_a_second(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    session = await host.open(port)
    await look(host)
    for left in reversed(range(TRIES)):
        large = document(1 + left, b"x" * 200_000)
        printing = asyncio.get_running_loop().create_task(session.call(large))
        await until(lambda: session.in_progress() is not None)
        adapter.unplug()
        gone = await until(lambda: session.state is PortState.FAILED and "is not there" in said(port))
        assert (await printing).phase is Phase.ENDED
        port.journal.settle([large.key], "fabric")
        adapter = host.devices.plug(f"ttyUSB{1 + left}", serial="A10KXYZ1")
        back = await until(lambda: session.state is PortState.OPEN and said(port) == "")
        if quick(max(gone, back), left):
            break


async def test_a_device_that_goes_in_the_middle_of_a_document_breaks_it_off_and_the_next_one_prints(
    host: Host,
) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    session = await host.open(port)
    await look(host)
    large = document(1, b"x" * 200_000)
    printing = asyncio.get_running_loop().create_task(session.call(large))
    await until(lambda: session.in_progress() is not None and port.counters.written_bytes > 0)
    adapter.unplug()
    broken = await printing
    assert broken.phase is Phase.ENDED
    assert broken.error is not None
    assert broken.error.reason == "DEVICE_NOT_CONNECTED"
    assert 0 < broken.accepted < 200_000
    host.devices.plug("ttyUSB1", serial="A10KXYZ1")
    await until(lambda: session.state is PortState.OPEN)
    port.journal.settle([large.key], "fabric")
    assert (await session.call(document(2, b"next"))).phase is Phase.ENDED


async def test_a_line_that_is_named_by_its_node_is_open_again_under_its_new_name(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter, by=-1)
    session = await host.open(port)
    await look(host)
    adapter.unplug()
    await until(lambda: session.state is PortState.FAILED and " is not there: unplugged" in said(port))
    host.devices.plug("ttyUSB0", serial="B20C", vendor="Prolific", model="Bridge")
    await until(lambda: "/ttyUSB0 is another device now: Prolific Bridge (S/N B20C)" in said(port))
    assert session.state is PortState.FAILED
    again = host.devices.plug("ttyUSB1", serial="A10KXYZ1", socket="1-4")
    await until(lambda: session.state is PortState.OPEN and said(port) == "")
    assert port.device == str(again.node)
    assert (await session.call(document(1, b"back"))).phase is Phase.ENDED
    assert os.read(again.fd, 100) == b"back"


async def test_a_port_that_stays_with_its_node_is_told_where_its_device_went(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter, by=-1, knownBy="node")
    await look(host)
    adapter.unplug()
    host.devices.plug("ttyUSB1", serial="A10KXYZ1")
    await until(lambda: "is now" in said(port))
    assert (
        said(port)
        == (
            f"{port.device} is not there: the same device is now {host.devices.tree.dev}/ttyUSB1; configure the port to "
            f"{host.devices.tree.by_id}/usb-FTDI_FT232R_USB_UART_A10KXYZ1-if00-port0"
        )[:200]
    )


async def test_another_device_behind_the_same_node_is_noticed(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter, by=-1, knownBy="node")
    await look(host)
    adapter.unplug()
    await until(lambda: bool(said(port)))
    host.devices.plug("ttyUSB0", serial="B20C", vendor="Prolific", model="Bridge")
    await until(lambda: "another device" in said(port))
    assert said(port) == f"another device than before is behind {port.device}: Prolific Bridge (S/N B20C)"
    assert port.reports.now()[0].severity is Severity.WARNING


async def test_of_two_devices_that_are_alike_the_sockets_are_asked_for(host: Host) -> None:
    first = host.devices.plug("ttyUSB0", socket="1-1")
    port = await host.serial(first)
    await look(host)
    assert said(port) == ""
    host.devices.plug("ttyUSB1", socket="1-2")
    await until(lambda: "alike" in said(port))
    assert "leads to ttyUSB1 by chance" in said(port)


async def test_another_program_that_opens_the_device_is_named_and_forgotten_when_it_leaves(
    host: Host,
) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    await settled(host, port)
    with other_program(adapter.node) as pid:
        await until(lambda: f"(pid {pid})" in said(port))
        assert port.reports.now()[0].severity is Severity.WARNING  # it may let go before the next job
    await until(lambda: said(port) == "")


async def test_who_has_locked_a_device_is_named_when_it_would_not_open(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    with other_program(adapter.node, lock="fcntl.flock(f, fcntl.LOCK_EX); ") as pid:
        with pytest.raises(PortBusy) as refused:
            await host.open(port)
        assert f"(pid {pid})" in refused.value.message
        assert refused.value.message.startswith("port COM1: /")  # one colon
    assert (await host.open(port)).state is PortState.OPEN


async def test_who_reads_a_pipe_is_its_far_end_and_nobody_that_takes_it_away(host: Host) -> None:
    node = host.devices.tree.dev / "usb" / "lp0"
    os.mkfifo(node)
    port = await host.add("LPT1:", "device", {})
    # So that the other program need not wait for a writer.
    reader = os.open(node, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(node, os.O_WRONLY)
    try:
        with other_program(node):
            await look(host)
            assert said(port) == ""
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_node_without_a_reader_is_looked_after_as_well(host: Host, tmp_path: Path) -> None:
    folder = host.devices.tree.dev / "usb"
    os.mkfifo(folder / "lp0")
    port = await host.add("LPT1:", "device", {})
    await look(host)
    assert said(port) == ""
    (folder / "lp0").unlink()
    await until(lambda: said(port).startswith(f"{folder}/lp0 is not there"))
    os.mkfifo(folder / "lp0")
    await until(lambda: said(port) == "")


async def test_a_usb_printer_that_is_back_under_another_node_is_open_again_by_itself(host: Host) -> None:
    printer = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    port = await host.add("USB001", "device", {"device": str(printer.node)})
    session = await host.open(port)
    await look(host)
    printer.unplug()
    await until(lambda: session.state is PortState.FAILED and " is not there: unplugged" in said(port))
    again = host.devices.plug_printer("lp1", socket="1-3", serial="AAA1111")
    await until(lambda: session.state is PortState.OPEN and said(port) == "")
    assert port.device == str(again.node)
    assert (await session.call(document(1, b"back"))).phase is Phase.ENDED
    assert os.read(again.fd, 100) == b"back"


async def test_another_usb_printer_in_the_place_of_the_ports_own_is_told_of_and_not_used(host: Host) -> None:
    printer = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    port = await host.add("USB001", "device", {"device": str(printer.node)})
    session = await host.open(port)
    await look(host)
    printer.unplug()
    await until(lambda: session.state is PortState.FAILED)
    other = host.devices.plug_printer("lp0", socket="1-1", serial="BBB2222")
    await until(lambda: "is another device now: Zebra ZD621 (S/N BBB2222)" in said(port))
    assert port.reports.now()[0].severity is Severity.ERROR
    assert session.state is PortState.FAILED
    other.unplug()
    own = host.devices.plug_printer("lp0", socket="1-1", serial="AAA1111")
    await until(lambda: session.state is PortState.OPEN and said(port) == "")
    assert (await session.call(document(1, b"own"))).phase is Phase.ENDED
    assert os.read(own.fd, 100) == b"own"


async def test_two_usb_printers_that_have_changed_nodes_keep_their_ports(host: Host) -> None:
    printers = [host.devices.plug_printer(f"lp{n}", socket=f"1-{n + 1}", serial=f"SN{n}000") for n in (0, 1)]
    ports = [
        await host.add(f"USB00{n}", "device", {"device": str(one.node)}) for n, one in enumerate(printers)
    ]
    for one in printers:
        one.unplug()
    await until(lambda: all(said(port) for port in ports))
    changed = [
        host.devices.plug_printer(f"lp{1 - n}", socket=f"1-{n + 1}", serial=f"SN{n}000") for n in (0, 1)
    ]
    await until(lambda: not any(said(port) for port in ports))
    for number, (port, printer) in enumerate(zip(ports, changed, strict=True)):
        session = await host.open(port)
        assert (await session.call(document(number, b"%d" % number))).phase is Phase.ENDED
        assert os.read(printer.fd, 100) == b"%d" % number


async def test_ports_of_the_network_and_files_are_left_alone(host: Host) -> None:
    network = await host.add("IP_1", "raw", {"host": "127.0.0.1"})
    file = await host.add("out.prn", "file", {})
    await look(host)
    assert said(network) + said(file) == ""


async def test_a_port_that_is_deleted_is_forgotten(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    await look(host)
    host.ports.use(port, "fabric", False)
    await host.ports.delete(port.name)
    adapter.unplug()
    await look(host)
    assert host.presence._known == {}
    assert said(port) == ""


async def test_without_the_kernels_news_a_slow_look_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise OSError("no more inotify instances")

    monkeypatch.setattr(module, "Inotify", refused)
    host = Host(tmp_path)
    presence = Presence(host.ports, host.devices.tree, poll_s=0.05)
    watching = asyncio.get_running_loop().create_task(presence.watch())
    try:
        adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
        port = await host.serial(adapter)
        adapter.unplug()
        await until(lambda: "is not there" in said(port))
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        host.ports.close()
        host.devices.close()


async def test_only_ports_in_use_are_watched(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    await settled(host, port)
    adapter.unplug()
    await until(lambda: "is not there" in said(port))
    host.ports.use(port, "fabric", False)
    await until(lambda: said(port) == "", "what was seen of it still counts")
    assert port.name not in host.presence._known
    assert port.device_at is None
    _, nodes = host.presence._watched()
    assert nodes == []
    again = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    await look(host)
    assert port.name not in host.presence._known
    host.ports.use(port, "fabric", True)
    await until(lambda: port.device_at is not None)
    again.unplug()
    await until(lambda: "is not there" in said(port))


async def test_a_port_that_somebody_has_open_is_watched_though_no_printer_uses_it(host: Host) -> None:
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    session = await host.open(port)
    host.ports.use(port, "fabric", False)
    adapter.unplug()
    await until(lambda: "is not there" in said(port))
    await session.close()
    port.session = None
    host.ports.use_changed(port)
    await until(lambda: said(port) == "")


def set_rights(port: HostPort, mode: int) -> None:
    """Do what udev does, or somebody who puts it right."""
    Path(port.device).resolve().chmod(mode)


async def test_missing_rights_are_told_with_who_has_them_and_are_noticed_when_they_come(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs tests may be root, whom nothing is refused: the kernel's answers about that are stood in for."""
    adapter = host.devices.plug("ttyUSB0", serial="A10KXYZ1")
    port = await host.serial(adapter)
    await settled(host, port)
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    monkeypatch.setattr(os, "getegid", lambda: 54_321)
    monkeypatch.setattr(os, "getgroups", list)
    set_rights(port, 0o660)
    await until(lambda: " is crw-rw---- " in said(port) and "this program runs as 54321" in said(port))
    assert port.reports.now()[0].severity is Severity.ERROR
    set_rights(port, 0o666)
    await until(lambda: said(port) == "")
