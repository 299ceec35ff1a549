"""Independent clients over the network: python-escpos, a ZPL library, rlpr, ipptool, net-snmp."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import warnings
from importlib import import_module

import pytest

from tests.simulators.lives import ipp_request
from tests.simulators.test_zpl import label
from tests.surroundings import require_tool


def run(*command: str, timeout_s: float = 20) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def receipt(device, number: int) -> None:
    device.set(align="center", bold=True)
    device.text(f"Receipt no {number}\n")
    device.set(align="left", bold=False)
    device.text("2x Espresso            2.40\n")
    device.barcode("4006381333931", "EAN13", 64, 2, "BELOW", "A")
    device.qr(f"https://example.org/{number}", native=True, size=4)
    device.cashdraw(2)
    device.cut()


def test_python_escpos_prints_and_reads_status_over_tcp(sim_printer):
    network = import_module("escpos.printer").Network
    printer = sim_printer("escpos")
    device = network("127.0.0.1", printer.port, timeout=5)
    receipt(device, 1)
    assert device.is_online()
    assert device.paper_status() == 2
    printer.fault("media-out")
    assert device.paper_status() == 0
    assert not device.is_online()
    printer.clear()
    receipt(device, 2)
    device.close()
    printer.wait_units(2)
    assert printer.serials() == ["1", "2"]
    assert len(printer.events("drawer opened")) == 2


def test_python_escpos_prints_and_reads_status_over_a_serial_line(sim_printer, tmp_path):
    serial_printer = import_module("escpos.printer").Serial
    printer = sim_printer("escpos", pty=str(tmp_path / "tty"), line="38400,8,N,1", flow="rtscts")
    device = serial_printer(str(tmp_path / "tty"), baudrate=38400, timeout=2, dsrdtr=False)
    receipt(device, 7)
    assert device.is_online()
    printer.fault("cover-open")
    assert not device.is_online()
    printer.clear()
    device.close()
    assert printer.wait_units(1)[0]["serial"] == "7"


def test_a_label_made_by_a_zpl_library_prints_and_its_text_is_read_back(sim_printer):
    with warnings.catch_warnings():  # its source has an escape that compiling it warns of
        warnings.simplefilter("ignore")
        simple_zpl2 = import_module("simple_zpl2")
    document = simple_zpl2.ZPLDocument()
    document.add_field_origin(20, 20)
    document.add_font("0", "N", 30, 30)
    document.add_field_data("SERIAL A-17")
    document.add_field_origin(20, 80)
    code = simple_zpl2.Code128_Barcode("A-17", "N", 80, "Y")
    document.add_barcode(code)
    document.add_print_quantity(2)
    printer = sim_printer("zpl")
    simple_zpl2.NetworkPrinter("127.0.0.1", printer.port).print_zpl(document)
    assert [unit["serial"] for unit in printer.wait_units(2)] == ["A-17", "A-17"]


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "labels.zpl"
    path.write_bytes(b"".join(label(n) for n in range(40)))
    return path


def test_rlpr_prints_through_lpd(sim_printer, document):
    rlpr = require_tool("rlpr")
    printer = sim_printer("zpl", lpd=0)
    run(
        rlpr,
        "-N",
        f"--port={printer.address['lpd']}",
        "-H",
        "127.0.0.1",
        "-P",
        "labels",
        "-J",
        "forty",
        str(document),
    )
    units = printer.wait_units(40)
    assert printer.serials() == [f"{n:05d}" for n in range(40)]
    assert units[0]["job"] == 1


def test_ipptool_prints_a_job_and_sees_it_complete_when_the_paper_is_out(sim_printer, document):
    ipptool = require_tool("ipptool")
    printer = sim_printer("zpl", ipp=0, units_per_second=40)
    uri = printer.address["ipp"]
    run(ipptool, "-tf", str(document), "-d", "filetype=application/octet-stream", uri, "print-job.test")
    assert printer.status()["printed"] < 40
    run(ipptool, "-t", uri, "get-printer-attributes.test")
    printer.wait_units(40)
    out = run(ipptool, "-tv", uri, "get-completed-jobs.test")
    assert "job-state (enum) = completed" in out
    out = run(ipptool, "-tv", f"{uri}/jobs/1", "get-job-attributes.test")
    assert "job-impressions-completed (integer) = 40" in out


def test_ipptool_finds_nothing_that_contradicts_the_standard(sim_printer, document):
    ipptool = require_tool("ipptool")
    # So slow that its questions about a job that goes on are not skipped. The suite of 2.0 begins with that of 1.1.
    printer = sim_printer("zpl", ipp=0, units_per_second=40)
    what = ("-f", str(document), "-d", "filetype=application/octet-stream", printer.address["ipp"])
    out = run(ipptool, "-I", "-t", *what, "ipp-2.0.test", timeout_s=120)
    skipped = [line for line in out.splitlines() if "[SKIP]" in line]
    # Print-URI and Send-URI (two with a Create-Job of their own), and copies: the printer says that it has none.
    assert all(any(word in line for word in ("URI", "Create-Job", "copies")) for line in skipped), skipped
    assert out.count("[PASS]") >= 25, out
    assert "[FAIL]" not in out


@pytest.mark.parametrize(
    ("lacking", "status"),
    [
        (b"attributes-charset", b"\x04\x00"),
        (b"attributes-natural-language", b"\x04\x00"),
        (b"printer-uri", b"\x04\x00"),
        (b"utf-8", b"\x04\x0d"),
        (b"\x00\x00\x00\x01\x01", b"\x04\x00"),  # the request id
    ],
)
async def test_a_document_in_an_ill_formed_ipp_request_is_refused_and_told(start, lacking, status):
    printer = await start("zpl", tcp=None, ipp=0)
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.connections[0].port)
    head = ipp_request(2, label(1)).replace(lacking, lacking[:-2] + b"\0" + lacking[-1:])
    writer.write(head + label(1))
    async with asyncio.timeout(30):
        await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(8)
    writer.close()
    assert answer[2:4] == status
    (lost,) = [event for event in printer.record.events if event["event"] == "discarded"]
    assert lost["bytes"] == len(label(1))
    assert lost["reason"] == f"the request was refused with 0x{status.hex()}"


def test_an_ipp_job_stops_with_the_printer_and_can_be_cancelled(sim_printer, document):
    ipptool = require_tool("ipptool")
    printer = sim_printer("zpl", ipp=0, media=5)
    uri = printer.address["ipp"]
    run(ipptool, "-tf", str(document), "-d", "filetype=application/octet-stream", uri, "print-job.test")
    printer.wait_units(5)
    out = run(ipptool, "-tv", f"{uri}/jobs/1", "get-job-attributes.test")
    assert "job-state (enum) = processing-stopped" in out
    out = run(ipptool, "-tv", uri, "get-printer-attributes.test")
    assert "printer-state-reasons (keyword) = media-empty-error" in out
    run(ipptool, "-t", uri, "cancel-current-job.test")
    printer.clear("media-out")
    printer.wait_idle()
    assert printer.status()["printed"] == 5


def test_net_snmp_reads_the_printer_mib(sim_printer):
    get, walk = require_tool("snmpget"), require_tool("snmpwalk")
    printer = sim_printer("zpl", tcp=0, snmp=0, media=50)
    agent = f"127.0.0.1:{printer.address['snmp']}"
    v1, v2 = ("-v1", "-cpublic", "-On", "-Ox"), ("-v2c", "-cpublic", "-On", "-Ox")
    error_state = ".1.3.6.1.2.1.25.3.5.1.2.1"
    assert "Hex-STRING: 00 00" in run(get, *v2, agent, error_state)
    printer.fault("cover-open; media-out")
    for version in (v1, v2):
        assert "Hex-STRING: 48 00" in run(get, *version, agent, error_state)
        whole = run(walk, *version, agent, ".1.3.6.1.2.1")
        assert "43.16.5.1.2.1.1 = STRING" in whole or "43.16.5.1.2.1.1 = Hex-STRING" in whole
    assert "INTEGER: 50" in run(get, *v2, agent, ".1.3.6.1.2.1.43.8.2.1.9.1.1")
    missing = run(get, *v2, agent, ".1.3.6.1.2.1.43.99.1.0")
    assert "No Such Object" in missing


def test_snmp_is_silent_without_power(sim_printer):
    get = require_tool("snmpget")
    printer = sim_printer("zpl", tcp=0, snmp=0)
    printer.fault("power-cut=5")
    command = [
        get,
        "-v2c",
        "-cpublic",
        "-t0.3",
        "-r0",
        f"127.0.0.1:{printer.address['snmp']}",
        ".1.3.6.1.2.1.1.1.0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5)
    assert "Timeout" in done.stderr


def test_the_queue_state_by_lpd_names_what_is_wrong(sim_printer):
    printer = sim_printer("zpl", lpd=0)
    printer.fault("cover-open")
    with socket.create_connection(("127.0.0.1", printer.address["lpd"]), 3) as sock:
        sock.sendall(b"\x04labels\n")
        assert b"labels is stopped: cover-open" in sock.recv(1000)
