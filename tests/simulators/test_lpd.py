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


def send_job(port: int, number: int, user: str, first: int, queue: str = "labels") -> None:
    """Leave five labels as a user's job."""
    data = b"".join(label(first + n) for n in range(5))
    control = f"Hclient\nP{user}\nJjob {number}\nldfA{number:03}client\n".encode()
    with Lpr(port) as lpr:
        assert lpr.say(b"\x02%s\n" % queue.encode()) == b"\0"
        lpr.say(b"\x02%d cfA%03dclient\n" % (len(control), number))
        lpr.say(control + b"\0")
        lpr.say(b"\x03%d dfA%03dclient\n" % (len(data), number))
        assert lpr.say(data + b"\0") == b"\0"


@pytest.mark.parametrize(
    ("command", "gone"),
    [
        (b"labels joe 8", [8]),
        (b"labels joe 008 9", [8]),  # 9 is ann's
        (b"labels ann", []),  # the first is joe's
        (b"labels joe", [7]),
        (b"labels joe joe", [7, 8]),
        (b"labels root 9 7", [7, 9]),
        (b"labels root ann joe", [7, 8, 9]),
        (b"labels joe 99", []),
        (b"others joe 8", []),
        (b"labels", []),
    ],
)
def test_lprm_removes_what_its_user_may_and_names_and_nothing_that_came_another_way(
    sim_printer, command, gone
):
    printer = sim_printer("zpl", lpd=0, tcp=0, faults="pause", path_depth=50)
    with socket.create_connection(("127.0.0.1", printer.port), 5) as sock:
        sock.sendall(label(1))
        sock.shutdown(socket.SHUT_WR)
        printer.wait_event("disconnected")
        for number, user in ((7, "joe"), (8, "joe"), (9, "ann")):
            send_job(printer.address["lpd"], number, user, 10 * number)
        with Lpr(printer.address["lpd"]) as lpr:
            assert lpr.say(b"\x05" + command + b"\n") == b""
        assert printer.wait_event("lprm")["jobs"] == gone
        printer.clear()
        left = [number for number in (7, 8, 9) if number not in gone]
        printer.wait_units(1 + 5 * len(left))
        printer.wait_idle()
    assert printer.serials() == ["00001", *(f"{10 * number + n:05d}" for number in left for n in range(5))]
    assert sum(event["units"] for event in printer.events("discarded")) == 5 * len(gone)


def test_units_that_leave_after_the_control_file_bear_the_name_it_gives(sim_printer):
    printer = sim_printer("zpl", lpd=0, faults="pause")
    with Lpr(printer.address["lpd"]) as lpr:
        lpr.say(b"\x02labels\n")
        lpr.data(label(1))
        lpr.control()
    printer.clear()
    (unit,) = printer.wait_units(1)
    assert unit["job_name"] == "forty labels"


@pytest.mark.parametrize("line", [b"\x09nonsense\n", b"hello\n", b"\x02labels\n\x07x\n"])
def test_an_unknown_command_gets_a_no_and_the_end_of_the_connection(sim_printer, line):
    printer = sim_printer("zpl", lpd=0)
    with Lpr(printer.address["lpd"]) as lpr:
        lpr.sock.settimeout(30)
        lpr.sock.sendall(line)
        answer = b""
        while got := lpr.sock.recv(10):
            answer += got
    assert answer == (b"\0\1" if line[:1] == b"\x02" else b"\1")
