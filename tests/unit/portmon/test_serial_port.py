import fcntl
import os
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import DeviceNotConnected, InvalidSettings, PortBusy
from portmon.device_wait import DeviceWait
from portmon.journal.file import boot_id
from portmon.line.settings import SerialSettings
from portmon.monitor import MonitorInit, OpenContext
from portmon.monitors.serial import SerialMonitor, SerialPort
from portmon.reports import Report
from tests.rig.programs import wait_until


class Lines:
    """Keeps what a journal would keep, and when."""

    def __init__(self) -> None:
        self.line: Any = None
        self.stored: list[Any] = []

    def store_line(self, line: Any) -> None:
        self.line = line
        self.stored.append(line)


class Line:
    """A pty as a serial line, with settings of its own that somebody cares about."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        attributes = termios.tcgetattr(self.slave)
        attributes[4] = attributes[5] = termios.B1200
        attributes[3] |= termios.ICANON
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        self.path = os.ttyname(self.slave)
        self.lines = Lines()
        self.wait = DeviceWait()
        self.reports: list[Report] = []

    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    def open(self, **values: Any) -> SerialPort:
        monitor = SerialMonitor(MonitorInit("edge-7", None))  # type: ignore[arg-type]
        wanted = SerialSettings.model_validate({"device": self.path, **values})
        context = OpenContext("COM1:", self.wait, self.lines, report=self._report)
        found = monitor.open_port("COM1:", wanted, context)
        assert isinstance(found, SerialPort)
        return found

    def _report(self, _reporter: str, reports: Sequence[Report], _lasts_s: float) -> None:
        self.reports = list(reports)

    def close(self) -> None:
        self.wait.close()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def line() -> Iterator[Line]:
    found = Line()
    yield found
    found.close()


def test_the_lines_settings_are_saved_before_they_are_touched_and_put_back_at_the_end(line: Line) -> None:
    before = line.settings()
    port = line.open(baud=19200, dataBits=8, flow="xonxoff")
    during = line.settings()
    assert during[5] == termios.B19200
    assert during[0] & termios.IXON
    assert during != before
    assert line.lines.stored[0]["device"] == line.path
    port.close()
    assert line.settings() == before
    assert line.lines.line is None


def test_after_a_crash_the_next_opening_puts_the_old_settings_back_first(line: Line) -> None:
    before = line.settings()
    crashed = line.open(baud=19200)
    stored = line.lines.line
    # What a killed process does: its descriptors close, and nobody restores anything.
    crashed._serial.close()
    os.close(crashed._keeper)
    fcntl.ioctl(line.slave, termios.TIOCNXCL)
    assert line.settings() != before
    assert line.lines.line == stored
    port = line.open(baud=115200)
    port.close()
    assert line.settings() == before


def test_a_line_is_not_given_the_settings_it_had_before_the_host_was_started_again(line: Line) -> None:
    port = line.open(baud=115200)
    stored = {**line.lines.line, "boot": bytes(16).hex()}
    port.close()
    before, line.lines.line = line.settings(), {**stored, "termios": ["of another boot"], "ours": None}
    line.open().close()
    assert line.settings() == before
    assert line.lines.line is None


def test_a_held_line_is_busy_for_other_programs(line: Line) -> None:
    port = line.open()
    with pytest.raises(PortBusy) as refused:
        line.open()
    assert refused.value.win32 == 32
    if os.geteuid() == 0:
        # TIOCEXCL does not stop root; ask as somebody else.
        Path(line.path).chmod(0o666)
        script = f"import os; os.setuid(65534); os.open({line.path!r}, os.O_RDWR | os.O_NOCTTY)"
        tried = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert "Device or resource busy" in tried.stderr
    port.close()
    line.open().close()


def test_a_line_that_is_busy_is_not_touched(line: Line) -> None:
    other = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    before = line.settings()
    wrong = ["would be wrong to restore now"]
    line.lines.line = {"device": line.path, "termios": wrong, "boot": boot_id().hex()}
    with pytest.raises(PortBusy):
        line.open(baud=115200)
    assert line.settings() == before
    os.close(other)


def test_no_such_line_and_no_line_at_all(line: Line, tmp_path: Any) -> None:
    with pytest.raises(DeviceNotConnected) as refused:
        line.open(device="/dev/no-such-line")
    assert refused.value.win32 == 1167
    plain = tmp_path / "file"
    plain.touch()
    with pytest.raises(InvalidSettings):
        line.open(device=str(plain))


def test_an_unplugged_line_is_noticed_while_nothing_is_sent(line: Line) -> None:
    port = line.open()
    assert port.read(10) == b""
    os.close(line.master)
    line.master = os.open(os.devnull, os.O_RDWR)
    with pytest.raises(DeviceNotConnected):
        port.read(10)
    assert port.lost
    port.close()


def test_a_line_that_vanishes_may_have_lost_what_was_on_its_way(line: Line) -> None:
    port = line.open()
    sent = port.write(memoryview(b"x" * 4096))
    os.close(line.master)
    line.master = os.open(os.devnull, os.O_RDWR)
    with pytest.raises(DeviceNotConnected, match="unplugged"):
        port.end_doc()
    assert port.lost
    assert not port.abort_doc(keep=True)
    assert port.far_buffer_bytes >= sent
    port.close()


@pytest.mark.alone
def test_a_stopped_line_takes_no_more_and_close_does_not_wait_for_it(line: Line) -> None:
    port = line.open()
    data, refused = memoryview(b"x" * 4096), 0
    until = time.monotonic() + 5
    while refused < 10:  # the pty moves bytes to its other side for a moment longer
        assert time.monotonic() < until
        refused = 0 if port.write(data) else refused + 1
        time.sleep(0.002)
    began = time.monotonic()
    port.abort_doc(keep=True)
    port.close()
    assert time.monotonic() - began < 1


def test_dsr_flow_control_on_a_line_without_signals_does_not_stop_it(line: Line) -> None:
    port = line.open(flow="dtrdsr")
    assert port.write(memoryview(b"hello")) == 5
    assert os.read(line.master, 10) == b"hello"
    port.close()


def test_opening_and_closing_leaves_nothing(line: Line) -> None:
    line.open().close()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        line.open().close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert threading.active_count() < 10


def test_answers_that_come_damaged_are_reported_until_the_line_is_closed(line: Line):
    port = line.open()
    os.write(line.master, b"\xfe\x80\xc1\xb2" * 4)
    wait_until(lambda: port.read(100) and line.reports)
    (report,) = line.reports
    assert (report.cause, report.text) == (
        "line-errors",
        "16 bytes that no printer sends in 16 bytes from the printer",
    )
    port.close()
    assert not line.reports


def test_answers_in_any_printers_language_are_not_damaged(line: Line):
    port = line.open()
    for answer in (
        b"\x02030,0,0,1218,000,0,0,0,000,0,0,0\x03\r\n",
        b"@PJL USTATUS DEVICE\r\nCODE=10001\r\n\x0c",
        b"\x12\x16\x37\x22abcd\x00",
    ):
        os.write(line.master, answer)
        wait_until(lambda: port.read(100))
    assert not line.reports
    port.close()
