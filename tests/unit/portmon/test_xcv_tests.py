"""AutoBaud, Loopback, Probe and TestPage: against ptys and sockets that behave like printers, and like none."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import termios
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import serial

from portmon.device_access import Rest
from portmon.document import Disposition, DocInfo, DocKey, Phase, Slice
from portmon.errand import Step
from portmon.host_port import HostPort
from portmon.line.errors import LineErrors
from portmon.line.tests import heard_as
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.questions import QUESTIONS
from portmon.registry import Registry
from portmon.session import PortSession
from portmon.xcv.answer import Answer
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS
from portmon.xcv.session import ADMINISTER, USE
from tests.fakes.device_tree import FakeAdapter, FakeDevices
from tests.fakes.serial_printer import SerialPrinter
from tests.rig.until import until

HS = b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n"
ESCPOS = {b"\x10\x04\x01": b"\x16", b"\x1dIC": b"_TM-T88VI\x00"}
ZPL = {b"~HI": b"\x02ZD621-203dpi,V93.21.01Z,8,16384KB\x03\r\n", b"~HS": HS}


class Bench:
    """A host with one adapter, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.devices = FakeDevices(folder / "host")
        self.adapter: FakeAdapter = self.devices.plug("ttyUSB0", serial="A10KXYZ1")
        registry = Registry(MonitorInit("edge-7", folder / "files", self.devices.tree), [])
        self.ports = Ports(registry, LocalPortStore(folder / "p"), folder)
        self.xcv = Xcv(self.ports, COMMANDS)
        self.steps: list[Step] = []

    async def ask(
        self,
        name: str,
        value: Any = None,
        *,
        port: str = "",
        monitor: str = "Local Port",
        access: int = ADMINISTER,
    ) -> Answer:
        handle = self.xcv.open(port=port, monitor="" if port else monitor, access=access, who="ada")
        data = b"" if value is None else json.dumps(value).encode()
        self.steps = []
        async with aclosing(self.xcv.stream(handle, name, data)) as steps:
            async for one in steps:
                if isinstance(one, Answer):
                    return one
                self.steps.append(one)
        raise AssertionError("no answer")

    async def com1(self, **settings: Any) -> HostPort:
        return await self.ports.add("COM1:", "serial", {"device": str(self.adapter.node), **settings})


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    found = Bench(tmp_path)
    yield found
    found.ports.close()
    found.devices.close()


@pytest.fixture
def printer(bench: Bench) -> Iterator[Callable[..., SerialPrinter]]:
    made: list[SerialPrinter] = []

    def make(*args: Any, **more: Any) -> SerialPrinter:
        made.append(SerialPrinter(bench.adapter.fd, *args, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def out(answer: Answer) -> Any:
    assert answer.status == 0, answer
    return json.loads(answer.output)


# --- AutoBaud


async def test_the_speed_at_which_a_printer_answers_is_found_with_the_evidence_for_each(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    printer({b"~HS": HS}, babbles=True)
    await bench.com1()
    found = out(await bench.ask("AutoBaud", {"speeds": [9600, 19200, 38400], "ask": "zpl-hs"}, port="COM1:"))
    assert found["found"] is True
    assert found["fills"] == {"baud": 19200, "dataBits": 8, "parity": "none", "stopBits": "1"}
    wrong, right = found["evidence"]
    assert (wrong["baud"], wrong["language"], wrong["bytesSeen"]) == (9600, "", 3)
    assert (right["score"], right["language"]) == (99, "zpl")
    assert right["text"] == f"~HS answered: 3 strings, {len(HS)} bytes"
    assert [step.data["baud"] for step in bench.steps if isinstance(step.data, dict)] == [9600, 19200]
    assert [step.fraction for step in bench.steps] == sorted(step.fraction for step in bench.steps)


async def test_a_line_with_seven_bits_and_parity_is_recognised(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    printer({b"~HS": HS}, parity=True, speed=termios.B9600)
    await bench.com1()
    found = out(await bench.ask("AutoBaud", {"speeds": [9600], "ask": "zpl-hs"}, port="COM1:"))
    assert found["fills"] == {"baud": 9600, "dataBits": 7, "parity": "even", "stopBits": "1"}


async def test_a_line_on_which_nobody_answers_says_so_and_has_its_settings_again(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    silent = printer({})
    before = termios.tcgetattr(bench.adapter.fd)
    found = out(
        await bench.ask(
            "AutoBaud",
            {
                "scheme": "serial",
                "name": "COM5:",
                "settings": {"device": str(bench.adapter.node)},
                "speeds": [1200, 9600],
                "ask": "zpl-hs",
            },
        )
    )
    assert (found["found"], found["fills"]) == (False, {})
    assert [one["text"] for one in found["evidence"]] == ["no answer", "no answer"]
    assert termios.tcgetattr(bench.adapter.fd) == before
    # nothing was sent but the question that was named
    assert bytes(silent.heard) == b"~HS" * 2


@pytest.mark.parametrize("value", [{}, {"ask": "listen"}])
async def test_nothing_is_sent_unless_a_question_is_named(
    bench: Bench, printer: Callable[..., SerialPrinter], value: dict[str, str]
) -> None:
    silent = printer({})
    await bench.com1()
    found = out(await bench.ask("AutoBaud", {**value, "speeds": [9600]}, port="COM1:"))
    assert found["found"] is False
    assert "nothing was sent" in found["text"]
    assert bytes(silent.heard) == b""


async def test_at_wrong_speeds_a_printer_hears_nothing_and_its_next_receipt_is_whole(
    bench: Bench, sim_printer: Callable[..., Any], tmp_path: Path
) -> None:
    printer = sim_printer("escpos", pty=str(tmp_path / "tty"), line="19200,8,N,1")
    await bench.ports.add("COM2:", "serial", {"device": printer.address["pty"]})
    found = out(await bench.ask("AutoBaud", {"speeds": [9600, 38400]}, port="COM2:"))
    assert found["found"] is False
    with serial.Serial(printer.address["pty"], 19200) as line:
        line.write(b"Receipt no 1\n\x1dV\x00")
        await asyncio.to_thread(printer.wait_units, 1)
    (unit,) = printer.units()
    assert (unit["serial"], unit["outcome"]) == ("1", "printed")
    assert not printer.events("line settings differ")


@pytest.mark.parametrize(
    ("said", "fills"),
    [
        (b"\x13\x11", 8),
        (b"READY 203DPI\r\n", 8),
        (bytes(one | (0x80 if one.bit_count() % 2 else 0) for one in b"READY 203DPI\r\n"), 7),
        (b"\x11", 0),
        (b"READY", 0),
        (b"READY\xfe\x80\x00\x06", 0),
    ],
)
def test_what_a_printer_says_by_itself_proves_its_speed_when_it_is_enough(said: bytes, fills: int):
    found = heard_as(9600, said, None)
    assert (found.score >= 80, found.data_bits if found.score >= 80 else 0) == (bool(fills), fills)
    assert heard_as(9600, said, LineErrors(1, 0, 0, 0)).score < 80, "framing errors prove another speed"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"speeds": []}, 87), ({"speeds": [12345]}, 87), ({"speeds": "all"}, 87), ({"speeds": [9600] * 99}, 87),
        ({"ask": "nobody"}, 87), ({"ask": 7}, 87), ({"timeoutS": 0}, 87), ({"timeoutS": 1e9}, 87), ({"timeoutS": True}, 87),
        ({"settings": {"baud": 1}}, 87), ({"settings": 7}, 13), ({"timeoutS": 0.05, "speeds": [9600]}, 1460),
    ],
)  # fmt: skip
async def test_what_is_asked_for_wrongly_is_refused(bench: Bench, value: Any, status: int) -> None:
    await bench.com1()
    assert (await bench.ask("AutoBaud", value, port="COM1:")).status == status


async def test_hanging_up_ends_a_test_at_once_and_frees_the_line(bench: Bench) -> None:
    port = await bench.com1()
    handle = bench.xcv.open(port="COM1:", access=ADMINISTER)
    began = time.monotonic()
    async with aclosing(bench.xcv.stream(handle, "AutoBaud", b"")) as steps:
        assert isinstance(await anext(steps), Step)
        assert port.lock.locked()
    assert time.monotonic() - began < 5  # the test itself would take much longer
    assert not port.lock.locked()
    assert out(await bench.ask("AutoBaud", {"speeds": [9600]}, port="COM1:"))["found"] is False


# --- with a port that is open


async def test_a_test_runs_between_documents_and_printing_goes_on_after_it(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    heard = printer({b"~HS": HS})
    port = await bench.com1(baud=19200)
    session = PortSession(port.name, "fabric", port.journal, port.counters)
    await session.open(port.monitor, port.settings)
    port.session = session
    first, second = DocKey(b"1" * 16, 1), DocKey(b"2" * 16, 1)
    assert (await session.call(whole(first, b"one"))).phase is Phase.ENDED
    test = asyncio.get_running_loop().create_task(
        bench.ask("AutoBaud", {"speeds": [9600, 19200], "ask": "zpl-hs"}, port="COM1:")
    )
    await asyncio.sleep(0.1)
    document = asyncio.get_running_loop().create_task(session.call(whole(second, b"two")))
    assert out(await test)["fills"]["baud"] == 19200
    assert (await document).phase is Phase.ENDED
    await asyncio.to_thread(heard.until, b"two")  # closing a pty drops what its far end has not read
    await session.close()
    port.session = None
    assert heard.heard.startswith(b"one")
    assert heard.heard.endswith(b"two")


async def test_closing_the_port_ends_the_test(bench: Bench) -> None:
    port = await bench.com1()
    session = PortSession(port.name, "fabric", port.journal, port.counters)
    await session.open(port.monitor, port.settings)
    port.session = session
    test = asyncio.get_running_loop().create_task(bench.ask("AutoBaud", port="COM1:"))
    await asyncio.sleep(0.3)
    await session.close()
    port.session = None
    assert (await test).status == 6


def whole(key: DocKey, data: bytes) -> Slice:
    return Slice(key, reply=lambda *_: None, start=DocInfo(), data=data, end=Disposition.COMPLETE)


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_test_that_runs_ends_when_the_host_goes_to_sleep(bench: Bench, is_open: bool) -> None:
    port = await bench.com1()
    if is_open:
        port.session = PortSession(port.name, "fabric", port.journal, port.counters)
        await port.session.open(port.monitor, port.settings)
    test = asyncio.get_running_loop().create_task(bench.ask("AutoBaud", port="COM1:"))
    await until(lambda: bench.steps)
    bench.ports.access.withhold(Rest.SLEEPS)
    await bench.ports.access.quiet(0)
    assert (await test).status == 170
    if port.session is not None:
        await port.session.close()
        port.session = None


# --- Loopback


async def test_a_loopback_plug_gives_every_byte_back(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    printer(lambda data: data, speed=termios.B9600)
    await bench.com1()
    found = out(await bench.ask("Loopback", port="COM1:"))
    assert (found["ok"], found["sent"], found["received"]) == (True, 256, 256)
    assert found["text"] == "all 256 bytes came back as they were sent"
    assert found["signals"] == {"rtsToCts": None, "dtrToDsr": None}  # a pty has none


async def test_with_xon_xoff_the_pattern_has_neither(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    plug = printer(lambda data: data, speed=termios.B9600)
    await bench.com1(flow="xonxoff")
    assert out(await bench.ask("Loopback", port="COM1:"))["sent"] == 254
    assert not {0x11, 0x13} & set(plug.heard)


async def test_a_broken_wire_is_told_by_its_first_wrong_byte(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    printer(lambda data: data if data == b"\0" else bytes(one & 0x7F for one in data), speed=termios.B9600)
    await bench.com1()
    found = out(await bench.ask("Loopback", port="COM1:"))
    assert (found["ok"], found["wrong"]) == (False, 128)
    assert found["text"] == "128 bytes came back wrong, the first at 128: 80 sent, 00 back"


async def test_without_a_plug_one_nul_is_sent_and_nothing_else(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    nobody = printer({})
    await bench.com1()
    found = out(await bench.ask("Loopback", port="COM1:"))
    assert found["ok"] is False
    assert "loopback plug" in found["text"]
    assert bytes(nobody.heard) == b"\0"


# --- Probe


class NetworkPrinter:
    """One connection after the other; answers what it knows, remembers what it heard."""

    def __init__(self, replies: dict[bytes, bytes]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard = bytearray()
        self._replies = replies
        threading.Thread(target=self._serve, name="network-printer", daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _peer = self._listener.accept()
            except OSError:
                return
            with link:
                self._answer(link)

    def _answer(self, link: socket.socket) -> None:
        while True:
            try:
                data = link.recv(4096)
            except OSError:
                return
            if not data:
                return
            self.heard += data
            if data in self._replies:
                link.sendall(self._replies[data])

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def network_printer() -> Iterator[Callable[[dict[bytes, bytes]], NetworkPrinter]]:
    made: list[NetworkPrinter] = []

    def make(replies: dict[bytes, bytes]) -> NetworkPrinter:
        made.append(NetworkPrinter(replies))
        return made[-1]

    yield make
    for one in made:
        one.stop()


PJL = {QUESTIONS["pjl-info-id"].ask: b'@PJL INFO ID\r\n"HP LaserJet M611"\r\n\x0c'}


@pytest.mark.parametrize(
    ("replies", "language", "model"),
    [(ESCPOS, "escpos", "TM-T88VI"), (PJL, "pjl", "HP LaserJet M611"), (ZPL, "zpl", "ZD621-203dpi")],
)
async def test_a_network_printer_says_who_it_is(
    bench: Bench,
    network_printer: Callable[[dict[bytes, bytes]], NetworkPrinter],
    replies: dict[bytes, bytes],
    language: str,
    model: str,
) -> None:
    there = network_printer(replies)
    value = {"scheme": "raw", "settings": {"host": "127.0.0.1", "port": there.port}}
    found = out(await bench.ask("Probe", value, monitor="Standard TCP/IP Port"))
    assert (found["reached"], found["language"], found["model"]) == (True, language, model)
    assert found["text"].startswith(model)
    assert list(bench.ports) == []  # nothing was added for it


async def test_who_leaves_no_room_for_the_result_of_a_long_command_gets_none(
    bench: Bench, network_printer: Callable[[dict[bytes, bytes]], NetworkPrinter]
) -> None:
    there = network_printer(ZPL)
    value = {"scheme": "raw", "settings": {"host": "127.0.0.1", "port": there.port}}
    handle = bench.xcv.open(monitor="Standard TCP/IP Port", access=ADMINISTER)
    steps = bench.xcv.stream(handle, "Probe", json.dumps(value).encode(), 1)
    (answer,) = [one async for one in steps if isinstance(one, Answer)]
    assert (answer.status, answer.output) == (0, b"")  # it is done, and no reason to do it again
    assert answer.needed > 1


async def test_who_is_not_there_is_told_by_the_code(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    value = {"scheme": "raw", "settings": {"host": "127.0.0.1", "port": port}}
    answer = await bench.ask("Probe", value, monitor="Standard TCP/IP Port")
    assert answer.status == 1225
    assert "refused the connection" in answer.message


async def test_a_device_that_another_program_has_is_named(bench: Bench) -> None:
    await bench.com1()
    fd = os.open(bench.adapter.node, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        answer = await bench.ask("AutoBaud", {"speeds": [9600]}, port="COM1:")
    finally:
        os.close(fd)
    assert answer.status == 32


async def test_a_serial_printer_says_who_it_is_at_the_ports_settings(
    bench: Bench, printer: Callable[..., SerialPrinter]
) -> None:
    printer(ESCPOS, speed=termios.B38400)
    await bench.com1(baud=38400)
    found = out(await bench.ask("Probe", port="COM1:"))
    assert (found["language"], found["model"]) == ("escpos", "TM-T88VI")


async def test_a_file_is_nobody_to_ask(bench: Bench) -> None:
    await bench.ports.add("out.prn", "file", {})
    for name in ("Probe", "TestPage"):
        assert (await bench.ask(name, port="out.prn")).status == 50
    for name in ("AutoBaud", "Loopback"):
        assert (await bench.ask(name, port="out.prn")).status == 50


# --- TestPage


async def test_a_test_page_comes_in_the_language_that_the_printer_answers_in(
    bench: Bench, network_printer: Callable[[dict[bytes, bytes]], NetworkPrinter]
) -> None:
    there = network_printer(ZPL)
    await bench.ports.add("IP_1", "raw", {"host": "127.0.0.1", "port": there.port, "endTimeoutS": 1})
    found = out(await bench.ask("TestPage", port="IP_1", access=USE))
    assert (found["language"], found["evidence"]) == ("zpl", "tcp close")
    assert there.heard.endswith(b"^XZ")
    assert b"^FDPrint Fabric test^FS" in there.heard
    assert b"Port: IP_1" in there.heard
    assert bench.steps[-1].text == "waiting for the end"


async def test_a_test_page_needs_the_right_to_use_the_printer(bench: Bench) -> None:
    await bench.com1()
    assert (await bench.ask("TestPage", {"language": "text"}, port="COM1:", access=2)).status == 5
    assert (await bench.ask("Probe", port="COM1:", access=USE)).status == 5


async def test_a_printer_that_takes_nothing_ends_the_test_page_in_time(bench: Bench, tmp_path: Path) -> None:
    fifo = tmp_path / "lp0"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    await bench.ports.add("LPT1:", "device", {"device": str(fifo), "writeTimeoutS": 0.3})
    answer = await bench.ask("TestPage", {"language": "text"}, port="LPT1:")
    os.close(reader)
    assert answer.status == 1460
