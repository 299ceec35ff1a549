"""S1 and S29: a port monitor needs no right beyond its devices, and lets nobody else at a device that it holds."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from tests.leftovers import ALLOWED
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import portmon_settings
from tests.rig.receivers import FifoReceiver, PtyReceiver, TcpReceiver
from tests.rig.wire import Holder, channel_to, new_key
from tests.surroundings import require_tool

# A device directory of its own, as a container has it: two devices that every program may have, and the one it owns.
_OWN_DEVICES = """
set -e
own=$1 device=$2; shift 2
mount -t tmpfs none "$own"
mkdir "$own/pts"
for one in null urandom "${device#/dev/}"; do : > "$own/$one"; mount --bind "/dev/$one" "$own/$one"; done
mount --move "$own" /dev
exec "$@"
"""


def without_rights() -> list[str]:
    """Return the words before a command that take every right from it which an ordinary process has not got."""
    require_tool("setpriv")
    drop = ["--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    return ["setpriv", *drop, "--no-new-privs", "--"]


def rights(pid: int) -> dict[str, int]:
    """Return a process's capabilities, and whether it could ever get any."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    return {
        name: int(value, 16) for name, value in pairs if name in ("CapEff", "CapPrm", "CapInh", "NoNewPrivs")
    }


def loaded_modules() -> str:
    try:
        return "".join(sorted(line.split()[0] for line in Path("/proc/modules").read_text().splitlines()))
    except OSError:  # a kernel without any
        return ""


class Bench:
    """A port monitor of its own, a serial line, a parallel port and a network printer at it, and who holds them."""

    def __init__(self, folder: Path) -> None:
        self.line, self.tcp = PtyReceiver("COM1:"), TcpReceiver("IP_1")
        self.parallel = FifoReceiver("LPT1:", folder / "lpt1")
        self.receivers = (self.line, self.parallel, self.tcp)
        self.settings = portmon_settings(folder / "pm", self.receivers)
        self.settings += '[[ports]]\nname = "out.prn"\nmonitor = "file"\nsettings = {}\n'
        self.folder, self.fence = folder, 0
        self.portmon: Program
        self.stop: Callable[[], None] = lambda: None

    def start(self, *within: str) -> None:
        """Start the port monitor by way of these words."""
        self.portmon = Program("portmon", self.folder, self.settings, within=within)
        self.stop = self.portmon.stop
        self.portmon.start()

    def open(self, holder: Holder, port: str) -> pb.PortHandle:
        """Acquire a port."""
        self.fence += 1
        return holder.open(port, self.fence)

    def print(self, port: str, data: bytes) -> None:
        """Print a document through a port."""
        with channel_to(self.portmon.address) as channel:
            holder, key = Holder(channel), new_key()
            handle = self.open(holder, port)
            holder.start(handle, key)
            assert holder.write(handle, key, 0, data) == len(data)
            assert holder.end(handle, key).phase == pb.DOCUMENT_PHASE_ENDED
            holder.close(handle)


@contextlib.contextmanager
def bench_in(folder: Path) -> Iterator[Bench]:
    """Lend a bench whose port monitor is not started yet."""
    found = Bench(folder)
    for one in found.receivers:
        one.begin()
    try:
        yield found
    finally:
        found.stop()
        for one in found.receivers:
            one.end()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A port monitor without any right, for all tests but one."""
    with bench_in(tmp_path_factory.mktemp("bench")) as found:
        found.start(*without_rights())
        yield found


@pytest.fixture
def restarts(request: pytest.FixtureRequest) -> Iterator[None]:
    """A program of the bench that a test has started again belongs to the bench."""
    yield
    request.config.stash[ALLOWED].note_present()


def test_s01_a_port_monitor_is_an_ordinary_process_without_any_right(bench: Bench) -> None:
    modules, pid = loaded_modules(), bench.portmon.pid
    assert "python" in Path(f"/proc/{pid}/exe").readlink().name, "a program, and nothing of the kernel's"
    assert rights(pid) == {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "NoNewPrivs": 1}
    for receiver in bench.receivers:
        data = b"to " + receiver.port.encode()
        bench.print(receiver.port, data)
        wait_until(lambda one=receiver, wanted=data: one.now() == wanted)  # type: ignore[misc]
    bench.print("out.prn", b"to a file")
    assert (bench.folder / "pm" / "files" / "out.prn").read_bytes() == b"to a file"
    with channel_to(bench.portmon.address) as channel:
        holder = Holder(channel)
        handle = bench.open(holder, "COM1:")
        bench.line.say(b"!")
        read = pb.ReadPortRequest(handle=handle)
        read.timeout.FromSeconds(30)
        assert holder.stub.ReadPort(read).data == b"!"
        holder.close(handle)
    assert loaded_modules() == modules, "no kernel module came along"
    assert rights(pid) == {"CapEff": 0, "CapPrm": 0, "CapInh": 0, "NoNewPrivs": 1}, (
        "and it needed none meanwhile"
    )


def test_s01_only_the_device_that_it_owns_has_to_be_there(tmp_path: Path) -> None:
    """A mount namespace stands in for the container. What the chart gives a pod is in tests/chart."""
    require_tool("unshare")
    with bench_in(tmp_path) as bench:
        device, own = bench.line.device, tmp_path / "dev"
        own.mkdir()
        alone = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            _OWN_DEVICES,
            "sh",
            str(own),
            device,
        ]
        looked = subprocess.run([*alone, "true"], capture_output=True, text=True, check=False)
        if looked.returncode != 0:
            pytest.skip(
                f"NOT CHECKED: nobody gets a device directory of its own here: {looked.stderr.strip()}"
            )
        bench.start(*alone, *without_rights())
        there = Path(f"/proc/{bench.portmon.pid}/root/dev")
        assert {str(one.relative_to(there)) for one in there.rglob("*")} == {
            "null", "urandom", "pts", device.removeprefix("/dev/"),
        }  # fmt: skip
        bench.print("COM1:", b"all that it needs")
        wait_until(lambda: bench.line.now() == b"all that it needs")


_RIVAL = """
import fcntl, os, sys
try:
    device = os.open(sys.argv[2], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    if sys.argv[1] == "lock":
        fcntl.flock(device, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError as error:
    sys.exit(error.errno)
"""


def failure(what: str, device: str, *, within: Sequence[str] | None = None) -> int:
    """Let another process, without any right, `open` or `lock` a device; return its errno, 0 when it may."""
    words = without_rights() if within is None else within
    command = [*words, sys.executable, "-c", _RIVAL, what, device]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_s29_another_process_cannot_open_a_line_that_is_held_until_it_is_closed(bench: Bench) -> None:
    device = bench.line.device
    assert (failure("open", device), failure("lock", device)) == (0, 0)
    with channel_to(bench.portmon.address) as channel:
        holder = Holder(channel)
        handle = bench.open(holder, "COM1:")
        assert failure("open", device) == errno.EBUSY
        key = new_key()
        holder.start(handle, key)
        assert failure("open", device) == errno.EBUSY
        holder.end(handle, key)
        assert failure("open", device) == errno.EBUSY, "between documents, too"
        holder.close(handle)
        assert (failure("open", device), failure("lock", device)) == (0, 0)


def test_s29_a_node_that_the_kernel_does_not_guard_is_locked(bench: Bench) -> None:
    """A FIFO plays the parallel port; of a real one (usblp) the kernel itself lets nobody else open it."""
    device = str(bench.parallel.settings["device"])
    with channel_to(bench.portmon.address) as channel:
        holder = Holder(channel)
        handle = bench.open(holder, "LPT1:")
        assert failure("lock", device) == errno.EWOULDBLOCK
        holder.close(handle)
        assert failure("lock", device) == 0


def test_s29_the_lock_vanishes_with_the_process(bench: Bench, restarts: None) -> None:
    """That a line is exclusive ends with its last descriptor, which of a pseudo-terminal is ours: root looks past that."""
    line, parallel = bench.line.device, str(bench.parallel.settings["device"])
    root = os.geteuid() == 0
    with channel_to(bench.portmon.address) as channel:
        holder = Holder(channel)
        for port in ("COM1:", "LPT1:"):
            bench.open(holder, port)
        assert not root or failure("lock", line, within=()) == errno.EWOULDBLOCK
        assert failure("lock", parallel) == errno.EWOULDBLOCK
        bench.portmon.kill()
    assert not root or failure("lock", line, within=()) == 0
    assert failure("lock", parallel) == 0
    bench.portmon.start()
    bench.print("LPT1:", b"and it can be opened again")
    wait_until(lambda: bench.parallel.now().endswith(b"and it can be opened again"))
