"""RFC 1179 spoken by hand: both orders of the files, an endless data file, aborts."""

from __future__ import annotations

import socket
from typing import Self

import pytest

from tests.simulators.test_zpl import label

CONTROL = b"Hclient\nPmaria\nJforty labels\nldfA001client\nUdfA001client\nNlabels.zpl\n"
DATA = b"".join(label(n) for n in range(40))


class Lpr:
    """A client of one connection."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def say(self, data: bytes) -> bytes:
        """Send a line or a file and return the answer."""
        self.sock.sendall(data)
        return self.sock.recv(1)

    def control(self) -> bytes:
        return self.say(b"\x02%d cfA001client\n" % len(CONTROL)) + self.say(CONTROL + b"\0")

    def data(self, data: bytes = DATA) -> bytes:
        return self.say(b"\x03%d dfA001client\n" % len(data)) + self.say(data + b"\0")


@pytest.mark.parametrize("order", ["control first", "data first"])
def test_control_and_data_file_come_in_either_order(sim_printer, order):
    printer = sim_printer("zpl", lpd=0)
    with Lpr(printer.address["lpd"]) as lpr:
        assert lpr.say(b"\x02labels\n") == b"\0"
        first, second = (lpr.control, lpr.data) if order == "control first" else (lpr.data, lpr.control)
        assert first() + second() == b"\0\0\0\0"
    units = printer.wait_units(40)
    assert printer.serials() == [f"{n:05d}" for n in range(40)]
    assert units[0]["job_name"] == ("forty labels" if order == "control first" else "labels")
    assert printer.wait_event("control file")["user"] == "maria"


def test_a_data_file_of_size_zero_ends_with_the_connection(sim_printer):
    printer = sim_printer("zpl", lpd=0)
    with Lpr(printer.address["lpd"]) as lpr:
        assert lpr.say(b"\x02labels\n") == b"\0"
        assert lpr.say(b"\x030 dfA001client\n") == b"\0"
        lpr.sock.sendall(DATA)
    printer.wait_units(40)


def test_a_data_file_cut_short_is_garbled_or_missing_and_never_whole(sim_printer):
    printer = sim_printer("plain", lpd=0)
    with Lpr(printer.address["lpd"]) as lpr:
        assert lpr.say(b"\x02pages\n") == b"\0"
        assert lpr.say(b"\x031000 dfA001client\n") == b"\0"
        lpr.sock.sendall(b"page no 1\x0cpage no 2, half")
    printer.wait_event("disconnected")
    with Lpr(printer.address["lpd"]) as lpr:
        lpr.say(b"\x02pages\n")
        lpr.data(b"page no 3\x0c")
    printer.wait_event("disconnected")
    printer.wait_units(1)
    printer.wait_idle()
    assert [unit["outcome"] for unit in printer.units()] == ["printed", "garbled"]


@pytest.mark.parametrize("line", [b"\x02\n", b"\x09nonsense\n", b"\xff\xff\n", b"\n"])
def test_nonsense_leaves_the_printer_alive(sim_printer, line):
    printer = sim_printer("zpl", lpd=0)
    with Lpr(printer.address["lpd"]) as lpr:
        lpr.sock.sendall(line + b"\x03nonsense\n\x02-1 x\n\x05\n")
    with Lpr(printer.address["lpd"]) as lpr:
        assert lpr.say(b"\x02labels\n") == b"\0"
        assert lpr.data() == b"\0\0"
    printer.wait_units(40)
