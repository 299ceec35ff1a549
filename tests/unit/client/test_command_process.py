"""The command as a process: exit codes, Ctrl-C, a closed pipe, a terminal."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from printfabric.spooler.v1.print_service_pb2 import JobSpec

COMMAND = (sys.executable, "-m", "printfabric_client.command")


@pytest.fixture
def start(spooler):
    """Return a starter of the command with its output in pipes."""

    def start(*args: str, **how: object) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PRINTFABRIC_ADDRESS": spooler.address}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        return subprocess.Popen([*COMMAND, *args], env=env, **pipes)  # type: ignore[call-overload, no-any-return]

    return start


def test_standard_input_is_a_pipe(start, spooler):
    with start("print", "-P", "labels", "-q") as process:
        out, err = process.communicate(b"^XA^XZ" * 100_000, timeout=20)
    assert (process.returncode, out, err) == (0, b"4711\n", b"")
    assert spooler.documents[4711] == b"^XA^XZ" * 100_000
    assert spooler.calls.count("UploadJob") == 1


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["jobs"], 0),
        (["job", "1"], 3),
        (["nonsense"], 2),
        (["--address", "127.0.0.1:1", "jobs"], 6),
        (["print", "-P", "labels", "/nowhere"], 1),
    ],
)
def test_exit_codes_reach_the_shell(start, args, code):
    with start(*args) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert b"Traceback" not in err


def test_ctrl_c_ends_with_130_and_no_traceback(start, spooler):
    with start("print", "-P", "labels", "--wait", "-") as process:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.close()
        process.stdin = None
        while "Watch" not in spooler.calls:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_a_reader_that_goes_away_is_no_fault(start, spooler):
    spooler.faults.page_size = 1000
    spec = JobSpec(printer="labels")
    for _ in range(3000):
        spooler.accept("", spec, b"x")
    with start("jobs", "--limit", "3000", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=20)
    assert err == b""


def test_on_a_terminal_there_are_bars_and_at_the_end_one_line(start, spooler, tmp_path: Path):
    document = tmp_path / "big.zpl"
    document.write_bytes(b"x" * 2_000_000)
    near, far = pty.openpty()
    with start(
        "print", "-P", "labels", "--wait", str(document), stdin=far, stdout=far, stderr=far
    ) as process:
        os.close(far)
        while 4711 not in spooler.jobs:
            time.sleep(0.02)
        spooler.finish(4711)
        process.wait(20)
    seen = b""
    try:
        while piece := os.read(near, 65536):
            seen += piece
    except OSError:
        pass  # the far end is closed
    os.close(near)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    assert process.returncode == 0
    assert "sending big.zpl" in text
    assert "job 4711 big.zpl" in text
    assert "100%" in text
    assert text.rstrip().endswith(
        "job 4711 on labels: completed; handed over, acknowledged by the printer's connection, the printer did not say"
    )


def test_a_command_ends_at_once_and_says_all_that_it_had_to_say(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(
        "import atexit, sys\nfrom printfabric_client.command import main\n"
        "atexit.register(print, 'taken down')\nsys.argv[1:] = ['version']\nprint('before')\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.startswith("before\n")
    assert len(done.stdout.splitlines()) > 1
    assert "taken down" not in done.stdout


def test_help_comes_at_once():
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "printfabric_client.command", "--help"],
        capture_output=True, text=True, check=True, timeout=20,
    ).stderr  # fmt: skip
    # What takes its time, and what `--help` can do without. Milliseconds would depend on the machine.
    assert not re.search(r"\| +(grpc|rich|google\.protobuf)$", loaded, re.MULTILINE)


def test_a_print_loads_nothing_that_it_does_not_use(start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    document = tmp_path / "box.zpl"
    document.write_bytes(b"^XA^XZ")
    with start("print", "-P", "labels", str(document)) as process:
        _, loaded = process.communicate(timeout=20)
    assert process.returncode == 0
    names = {line.rpartition(b"|")[2].strip().decode() for line in loaded.splitlines()}
    assert "grpc.aio" in names
    unused = {
        "chassis",
        "email",
        "http",
        "importlib.metadata",
        "prometheus_client",
        "pydantic",
        "rich",
        "structlog",
        "uvloop",
    }
    assert {one for one in unused if any(f"{name}.".startswith(f"{one}.") for name in names)} == set()
