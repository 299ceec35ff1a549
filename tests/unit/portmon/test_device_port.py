"""The printer node: who else has it, by way of a FIFO; what it refuses, by way of /dev/full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.errors import AccessDenied, Verdict
from portmon.device_wait import DeviceWait
from portmon.devices import holders
from portmon.line_store import BriefLineStore
from portmon.monitor import MonitorInit, OpenContext
from portmon.monitors._node import Opened
from portmon.monitors._printer_node import PrinterNode
from portmon.monitors.device import DeviceMonitor, DeviceSettings

LOCK = "import fcntl, os, sys; fd = os.open(sys.argv[1], os.O_RDWR); fcntl.flock(fd, fcntl.LOCK_EX)"


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A FIFO that another program has locked, and that program's id."""
    path = tmp_path / "lp0"
    os.mkfifo(path)
    script = f"{LOCK}; print('locked', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(path)]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "locked\n"
    yield path, program.pid
    program.communicate()


def test_a_device_that_another_program_has_locked_is_access_denied_as_lpt_is_and_names_it(
    locked: tuple[Path, int], tmp_path: Path
) -> None:
    path, pid = locked
    monitor = DeviceMonitor(MonitorInit("edge-7", tmp_path))
    context = OpenContext("LPT1:", DeviceWait(), BriefLineStore())
    with pytest.raises(AccessDenied) as refused:
        monitor.open_port("LPT1:", DeviceSettings(device=str(path)), context)
    assert (refused.value.win32, refused.value.code) == (5, "PERMISSION_DENIED")
    assert refused.value.verdict is Verdict.REROUTE
    assert "in use by python" in refused.value.message
    assert f"(pid {pid})" in refused.value.message
    context.wait.close()


def test_who_locked_a_device_is_known_though_its_files_are_not_to_be_seen(
    locked: tuple[Path, int], tmp_path: Path
) -> None:
    path, pid = locked
    proc = tmp_path / "proc"  # as somebody without rights sees it: the locks and the names
    (proc / str(pid)).mkdir(parents=True)
    (proc / "locks").write_text(Path("/proc/locks").read_text())
    (proc / str(pid) / "comm").write_text("cupsd\n")
    assert holders.in_use_by(str(path), proc) == f"cupsd (pid {pid})"


def test_a_printer_without_paper_refuses_and_is_no_full_disk() -> None:
    """The kernel's parallel port says ENOSPC, as /dev/full does."""
    node = Opened(
        "/dev/full", os.open("/dev/full", os.O_WRONLY | os.O_NONBLOCK), way_back=False, is_pipe=False
    )
    port = PrinterNode(node, OpenContext("LPT1:", DeviceWait(), BriefLineStore()), 1.0, changes=False)
    assert port.write(memoryview(b"label")) == 0
    assert not port.lost
    port.close()
