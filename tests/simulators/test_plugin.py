"""The pytest plugin as a user's own tests see it."""

from __future__ import annotations

import subprocess
import sys

USERS_TEST = """
import socket
import pytest

def print_labels(port):
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        for n in range(30):
            sock.sendall(b"^XA^FO20,20^FDSERIAL %d^FS^XZ" % n)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)

def test_labels_come_out(sim_printer):
    printer = sim_printer("zpl", units_per_second=500)
    print_labels(printer.port)
    printer.wait_units(30)
    assert printer.serials() == [str(n) for n in range(30)]

def test_my_code_hears_of_a_reset(sim_printer):
    printer = sim_printer("zpl", units_per_second=500, faults="reset@unit:3")
    with pytest.raises(ConnectionResetError):
        print_labels(printer.port)
    assert printer.serials() == ["0", "1", "2"]
"""
USERS_MISTAKE = """
def test_my_code_survives_a_reset(sim_printer):
    sim_printer("zpl", faults="reset@unit:17; jam@chance:0.01")

def test_it_might_have(sim_printer):
    sim_printer("zpl", faults="reset@unit:17").clear()
"""


def users_run(folder, text) -> str:
    """Run a user's test file and return what pytest says."""
    (folder / "test_labels.py").write_text(text)
    # The plugin comes with the distribution: pytest finds its entry point by itself.
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder)]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, cwd=folder, timeout=50)
    return done.stdout + done.stderr


def test_a_users_test_file_needs_the_installed_plugin_only(tmp_path):
    assert "2 passed" in users_run(tmp_path, USERS_TEST)


def test_a_test_whose_fault_never_struck_does_not_pass(tmp_path):
    said = users_run(tmp_path, USERS_MISTAKE)
    assert "2 passed, 1 error" in said
    assert "faults that never struck: zpl: reset@unit:17\n" in said
