"""Independent client: pyserial, with its own URL handlers, on ptys and through RFC 2217 and sockets."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import serial

from tests.simulators.test_zpl import label

# pyserial's own use of threading in rfc2217.py
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")

LABELS = b"".join(label(n) for n in range(200))


@pytest.fixture
def line(tmp_path):
    return str(tmp_path / "ttySIM0")


def test_labels_printed_through_pyserial_arrive_with_the_lines_own_settings(sim_printer, line):
    printer = sim_printer("zpl", pty=line, line="19200,8,N,1")
    with serial.Serial(line, 19200) as port:
        port.write(label(0) + label(1))
        port.write(b"~HI")
        port.timeout = 2
        assert b"SIM ZD621" in port.read_until(b"\r\n")
    assert printer.wait_units(2)[1]["serial"] == "00001"


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        ("pty", {"baudrate": 4800}, "4800,8,N,1"),
        ("rfc2217", {"baudrate": 4800}, "4800,8,E,1"),
        ("rfc2217", {"parity": "O"}, "9600,8,O,1"),
        ("rfc2217", {"bytesize": 7}, "9600,7,E,1"),
    ],
)
def test_settings_that_differ_garble_what_is_printed(sim_printer, line, kind, settings, reason):
    plug = {"pty": line, "line": "9600,8,N,1"} if kind == "pty" else {"rfc2217": 0, "line": "9600,8,E,1"}
    printer = sim_printer("escpos", **plug)
    right: dict[str, Any] = {"baudrate": 9600, "parity": "N" if kind == "pty" else "E"}
    with serial.serial_for_url(printer.address[kind], **{**right, **settings}) as port:
        port.write(b"Receipt no 1\n\x1dV\x00" * 3)
        time.sleep(0.2)
    # Back to the right settings: what follows is whole again once a cut has come through.
    with serial.serial_for_url(printer.address[kind], **right) as port:
        port.write(b"\n\x1dV\x00Receipt no 2\n\x1dV\x00")
        time.sleep(0.1)
    printer.wait_units(1)
    units = printer.units()
    assert units[-1]["serial"] == "2"
    assert units[-1]["outcome"] == "printed"
    assert units[0]["outcome"] == "garbled"
    assert units[0]["reason"] == f"line set to {reason}"
    (event,) = printer.events("line settings differ")
    assert (event["host"], event["printer"]) == (reason, plug["line"])


@pytest.mark.alone
def test_the_line_carries_no_more_than_its_baud_rate(sim_printer, line):
    printer = sim_printer("zpl", pty=line, line="38400,8,N,1")
    with serial.Serial(line, 38400) as port:
        began = time.monotonic()
        port.write(LABELS[:3840])
        printer.wait_units(3840 // len(label(1)))
        took = time.monotonic() - began
    assert took > 0.9


def test_xon_xoff_holds_the_sender_while_the_printer_cannot_follow(sim_printer, line):
    printer = sim_printer("zpl", pty=line, units_per_second=300, buffer_bytes=4096)
    with serial.Serial(line, 115200, xonxoff=True) as port:
        port.write(LABELS)
    printer.wait_units(200, 15)
    assert printer.serials() == [f"{n:05d}" for n in range(200)]
    assert printer.status()["lost_bytes"] == 0


def test_without_flow_control_what_finds_the_buffer_full_is_lost_and_told(sim_printer, line):
    printer = sim_printer("zpl", pty=line, flow="none", units_per_second=200, buffer_bytes=2048)
    with serial.Serial(line, 115200) as port:
        port.write(LABELS)
        printer.wait_event("overrun")
        printer.wait_idle()
    status = printer.status()
    assert status["printed"] < 200
    assert status["received_bytes"] == len(LABELS)
    assert status["lost_bytes"] > 0


def test_rts_cts_stops_the_host_as_a_uart_driver_does(sim_printer, line):
    printer = sim_printer("zpl", pty=line, flow="rtscts")
    with serial.Serial(line, 115200, rtscts=True, write_timeout=0.3) as port:
        printer.fault("cts-low=1")
        time.sleep(0.05)
        with pytest.raises(serial.SerialTimeoutException):
            port.write(label(1))
        time.sleep(1.0)
        port.write(label(1))
        printer.wait_units(1)


def test_xoff_for_some_seconds_stalls_a_host_that_minds_it(sim_printer, line):
    printer = sim_printer("zpl", pty=line)
    with serial.Serial(line, 115200, xonxoff=True, write_timeout=0.3) as port:
        printer.fault("xoff=0.8")
        time.sleep(0.1)
        with pytest.raises(serial.SerialTimeoutException):
            port.write(label(1))
        time.sleep(0.8)
        port.write(label(2))
        printer.wait_units(1)


def test_a_printer_that_is_back_from_a_power_cut_lets_a_host_go_on_that_it_had_stopped(sim_printer, line):
    printer = sim_printer("zpl", pty=line, units_per_second=0.1, buffer_bytes=512)
    with serial.Serial(line, 115200, xonxoff=True, write_timeout=0.5, timeout=10) as port:
        with pytest.raises(serial.SerialTimeoutException):
            port.write(LABELS * 20)
        printer.fault("power-cut=0.2")
        deadline = time.monotonic() + 10
        while not printer.status()["power"] and time.monotonic() < deadline:
            time.sleep(0.02)
        port.reset_output_buffer()
        port.write_timeout = 10
        port.write(b"^XZ~HI")
        assert b"SIM ZD621" in port.read_until(b"\r\n")


def test_noise_damages_some_bytes_and_the_unit_says_so(sim_printer, line):
    printer = sim_printer("zpl", pty=line, line="115200,8,N,1")
    with serial.Serial(line, 115200) as port:
        port.write(label(1))
        printer.wait_units(1)
        port.write(label(2)[:20])
        time.sleep(0.1)
        printer.fault("noise=3")
        port.write(label(2)[20:] + label(3))
        printer.wait_units(2)
    assert [unit["outcome"] for unit in printer.units()] == ["printed", "garbled", "printed"]


def test_a_device_that_disappears_comes_back_under_another_name(sim_printer, tmp_path, line):
    printer = sim_printer("zpl", pty=line)
    with serial.Serial(line, 115200, timeout=2) as port:
        port.write(label(1))
        printer.wait_units(1)
        printer.fault("device-gone=0.3")
        assert not os.path.lexists(line)
        with pytest.raises((serial.SerialException, OSError)):  # noqa: PT012 (one of them hears of it)
            port.write(label(2))
            port.read(1)
    printer.wait_event("device back")
    assert printer.address == {"pty": str(tmp_path / "ttySIM0-1")}
    with serial.Serial(printer.address["pty"], 115200) as port:
        port.write(label(3))
    assert printer.wait_units(2)[1]["serial"] == "00003"


def test_a_powerless_printer_takes_nothing_and_what_was_buffered_is_gone(sim_printer, line):
    printer = sim_printer("zpl", pty=line, units_per_second=5)
    with serial.Serial(line, 115200) as port:
        port.write(LABELS[:300])
        time.sleep(0.1)
        printer.fault("power-cut=0.2")
        port.write(label(77))
        time.sleep(0.4)
        port.write(label(78))
        printer.wait_units(1)
    printed = printer.serials()
    assert printed == ["00078"]
    assert printer.units()[0]["outcome"] == "truncated"


def test_modem_lines_reach_pyserial_through_rfc2217(sim_printer):
    printer = sim_printer("zpl", rfc2217=0, line="19200,8,N,1")
    with serial.serial_for_url(printer.address["rfc2217"], 19200, timeout=2) as port:
        port.write(label(1) + b"~HI")
        assert b"SIM ZD621" in port.read_until(b"\r\n")
        lines = [(port.cts, port.dsr)]
        printer.fault("dsr-low; cts-low")
        time.sleep(0.2)
        lines.append((port.cts, port.dsr))
        printer.clear()
        time.sleep(0.2)
        lines.append((port.cts, port.dsr))
        assert lines == [(True, True), (False, False), (True, True)]
        printer.wait_units(1)


def test_the_lines_that_the_host_moves_are_told(sim_printer):
    printer = sim_printer("zpl", rfc2217=0)
    with serial.serial_for_url(printer.address["rfc2217"], timeout=2) as port:
        port.dtr = False
        port.rts = False
        port.dtr = True
    # Each is answered before the next is asked for; pyserial raises both lines when it opens.
    moved = [(event["line"], event["on"]) for event in printer.events("host line")]
    assert moved[-3:] == [("DTR", False), ("RTS", False), ("DTR", True)]
    assert set(moved[:-3]) == {("DTR", True), ("RTS", True)}


def test_a_wrong_baud_rate_through_rfc2217_garbles(sim_printer):
    printer = sim_printer("plain", rfc2217=0, line="19200,8,N,1")
    with serial.serial_for_url(printer.address["rfc2217"], 9600, timeout=2) as port:
        port.write(b"hello\n")
        time.sleep(0.2)
        port.baudrate = 19200
        port.write(b"page 1\x0cpage 2\x0c")
        printer.wait_units(1)
    assert [unit["outcome"] for unit in printer.units()] == ["garbled", "printed"]


@pytest.mark.parametrize("handler", ["socket://", "spy://", "alt://"])
def test_pyserials_other_handlers_print_too(sim_printer, line, handler, tmp_path):
    printer = sim_printer("zpl", tcp=0, pty=line)
    url = {
        "socket://": f"socket://127.0.0.1:{printer.port}",
        "spy://": f"spy://{line}?file={tmp_path}/spy.txt",
        "alt://": f"alt://{line}?class=PosixPollSerial",
    }[handler]
    with serial.serial_for_url(url, timeout=2) as port:
        port.write(label(5) + b"~HI")
        assert b"SIM ZD621" in port.read_until(b"\r\n")
        if handler == "spy://":
            spy: Any = port
            spy.formatter.output.close()
            spy.formatter = None
    assert printer.wait_units(1)[0]["serial"] == "00005"


def test_a_character_device_answers_and_a_fifo_only_listens(sim_printer, tmp_path):
    printer = sim_printer("escpos", device=str(tmp_path / "lp0"), fifo=str(tmp_path / "lp1"))
    with (tmp_path / "lp0").open("r+b", buffering=0) as device:
        device.write(b"Receipt no 1\n\x1dV\x00\x10\x04\x01")
        assert device.read(1) == b"\x16"
    with (tmp_path / "lp1").open("wb", buffering=0) as device:
        device.write(b"Receipt no 2\n\x1dV\x00")
    printer.wait_units(2)
    assert printer.serials() == ["1", "2"]


def test_a_character_device_stalls_the_writer_and_loses_nothing(sim_printer, tmp_path):
    printer = sim_printer("zpl", device=str(tmp_path / "lp0"), units_per_second=1000, buffer_bytes=2048)
    with (tmp_path / "lp0").open("wb", buffering=0) as device:
        rest = memoryview(LABELS)
        while rest:
            rest = rest[device.write(rest) :]
    printer.wait_units(200)
    assert printer.serials() == [f"{n:05d}" for n in range(200)]


@pytest.mark.parametrize(("speed", "understood"), [(9600, False), (19200, True)])
def test_a_printer_that_says_xon_again_and_again_is_understood_at_its_own_speed_only(
    sim_printer, line, speed, understood
):
    sim_printer("zpl", pty=line, line="19200,8,N,1", flow="none", xon_every_s=0.02)
    with serial.Serial(line, speed, timeout=30) as port:
        port.reset_input_buffer()
        heard = port.read(4)
    assert len(heard) == 4
    assert (heard == b"\x11" * 4) is understood
