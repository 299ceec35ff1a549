"""`printfabric up` with the real services: what somebody sees who types it for the first time, and breaks things."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]

from printfabric_client.command.up_story import as_typed

COMMAND = (sys.executable, "-m", "printfabric_client.command")


class Up:
    """A running `printfabric up` and what it said so far."""

    def __init__(self, home: Path, *args: str) -> None:
        self.env = {**os.environ, "XDG_STATE_HOME": str(home), "PYTHONFAULTHANDLER": "1"}
        self.state = home / "print-fabric"
        self.said = home / "said"
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, "up", "--listen", "127.0.0.1:0", *args], stdout=out, stderr=out, env=self.env
            )

    def wait_for(self, words: str, seconds: float = 30) -> str:
        end = time.monotonic() + seconds
        while words not in (text := self.said.read_text()):
            assert self.process.poll() is None, text
            assert time.monotonic() < end, text
            time.sleep(0.05)
        return text

    def run(self, *args: str, stdin: bytes = b"", timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *args], input=stdin, capture_output=True, env=self.env, timeout=timeout_s
        )
        return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def address(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "address.json").read_text())
        return found

    def parts(self) -> dict[str, int]:
        found: dict[str, int] = self.address()["parts"]
        return found

    def must_end(self, seconds: float) -> int:
        """Return its exit code. One that does not end is ended, and tells where all its threads stood."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"no end within {seconds:g} s\n{self.last_words()}")
        finally:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """End it by what makes each process write down its stacks; return those, with what its jobs waited for."""
        asked = []
        for question in (("jobs", "-a"), ("hosts",), ("explain", "1")):
            with contextlib.suppress(subprocess.TimeoutExpired):
                asked.append(self.run(*question, timeout_s=10))
        for pid in (*processes_of(self.state), self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGABRT)
        self.process.wait(10)
        end = time.monotonic() + 10
        while processes_of(self.state) and time.monotonic() < end:
            time.sleep(0.05)
        files = (self.said, *sorted(self.state.glob("log/*.log")))
        kept = [f"--- {file.name}\n{file.read_text(errors='replace')[-8000:]}" for file in files]
        return "\n".join([f"{one.args}: {one.stdout}{one.stderr}" for one in asked] + kept)


def services_at(address: str) -> set[str]:
    """What grpcurl's `list` shows."""
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    with grpc.insecure_channel(address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        (answer,) = stub.ServerReflectionInfo(iter([asked]), timeout=5)
    return {service.name for service in answer.list_services_response.service}


def assert_what_is_told_is_there(up: Up, text: str) -> None:
    """A simulated printer can be asked and broken; the spooler tells grpcurl what it serves."""
    faults = re.search(r"(http://127\.0\.0\.1:\d+/printers/labels)/faults$", text, re.MULTILINE)
    assert faults is not None
    with urllib.request.urlopen(faults[1], timeout=5) as answer:
        assert json.load(answer)["name"] == "labels"
    assert "printfabric.spooler.v1.PrintService" in services_at(up.address()["spooler"])


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


@pytest.mark.slow
def test_the_first_ten_minutes(up: Up, tmp_path: Path):
    text = up.wait_for("Ctrl-C ends it")
    for part in ("simulated printers", "port monitor", "spooler", "configuration service"):
        assert re.search(rf"^  {part} +\S+.* s$", text, re.MULTILINE), text
    assert "5 of 5 printed, confirmed by the printer" in text
    paper = re.search(r"the last label came out here: (\S+\.png)", text)
    assert paper is not None
    assert Path(paper[1]).read_bytes().startswith(b"\x89PNG")
    assert " print -P labels" in text  # with options before it when the place is not the usual one

    assert_what_is_told_is_there(up, text)

    # The next one, as it is written there, without any flag.
    done = up.run("print", "-P", "labels", "--wait", "-", stdin=b"^XA^FO50,50^A0N,60,60^FDHello^FS^XZ")
    assert done.returncode == 0, done.stderr
    assert "completed; printed, confirmed by the printer" in done.stdout
    serial = up.run("print", "-P", "picklists", "-w", "-q", stdin=b"3 x box 17\r\n\f")
    assert (serial.returncode, serial.stdout) == (0, "7\n")

    second = up.run("up")
    assert second.returncode == 4
    assert second.stderr.startswith("printfabric: a fabric already runs in ")

    parts = up.parts()
    os.kill(parts["spooler"], signal.SIGKILL)
    up.wait_for("spooler: running again")
    assert [json.loads(line)["number"] for line in up.run("jobs", "-a", "--json").stdout.splitlines()] == [
        *range(7, 0, -1)
    ]
    done = up.run("print", "-P", "labels", "--wait", "-", stdin=b"^XA^FO50,50^A0N,60,60^FDAgain^FS^XZ")
    assert done.returncode == 0, done.stderr

    began = time.monotonic()
    parts, spooler = up.parts(), up.address()["spooler"]
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(10) == 0
    assert time.monotonic() - began < 5
    assert not [pid for pid in parts.values() if Path(f"/proc/{pid}").exists()]
    assert up.run("jobs", "--address", spooler).returncode == 6


@pytest.mark.parametrize(
    ("on_path", "called", "typed"),
    [
        (True, "/x/.venv/bin/printfabric", "printfabric"),
        (False, ".venv/bin/printfabric", ".venv/bin/printfabric"),
        (False, "/x/command/__main__.py", f"{sys.executable} -m printfabric_client.command"),
    ],
)
def test_what_is_to_be_typed_next_works_where_it_is_read(tmp_path, monkeypatch, on_path, called, typed):
    if on_path:
        (tmp_path / "printfabric").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [called, "up"])
    assert as_typed() == typed


def processes_of(state: Path) -> dict[int, str]:
    """Return the commands of all processes that name a state directory, by process id."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = process.read_bytes().replace(b"\0", b" ").decode()
            found |= {int(process.parent.name): command} if str(state) in command else {}
    return found


def names(up: Up, what: str) -> list[str]:
    """Return the resource names of all ports or printers."""
    return [json.loads(line)["name"] for line in up.run(what, "list", "--json").stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_fleet_ends_without_a_process_left_and_begins_again_beside_a_printer_of_ones_own(tmp_path: Path):
    state = tmp_path / "print-fabric"
    first = Up(tmp_path, "--demo")
    try:
        first.wait_for("Everything runs", 120)
        assert {"host warehouse", "host kitchen", "host office"} < first.parts().keys()
        added = first.run("ports", "add", "local/IP_MINE", "-m", "Standard TCP/IP Port", "host=127.0.0.1")
        assert added.returncode == 0, added.stderr
        assert first.run("printers", "add", "mine", "--port", "local/IP_MINE").returncode == 0
        before = names(first, "ports")
        assert processes_of(state)
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(30) == 0
    finally:
        first.process.kill()
        first.process.wait()
    assert processes_of(state) == {}
    second = Up(tmp_path, "--demo")
    try:
        second.wait_for("Everything runs", 120)
        assert names(second, "ports") == before
        assert "printers/mine" in names(second, "printers")
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(30) == 0
    finally:
        second.process.kill()
        second.process.wait()
    assert processes_of(state) == {}


def test_ctrl_c_while_it_still_starts_ends_it(up: Up):
    up.wait_for("simulated printers  ")
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(6) == 0


@pytest.mark.slow
@pytest.mark.timeout(150)  # it gives its samples a minute, and says then why they did not come out
def test_once_prints_and_ends(tmp_path: Path):
    up = Up(tmp_path, "--once", "--json")
    code, text = up.must_end(90), up.said.read_text()
    assert code == 0, text
    events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    started = [event["part"] for event in events if event["event"] == "started"]
    assert set(started[:2]) == {"simulated printers", "port monitor"}
    assert started[2:] == ["spooler", "configuration service", "printers"]
    assert Path(events[-1]["paper"]).exists()


def test_a_part_that_cannot_start_is_one_line(tmp_path: Path):
    state = tmp_path / "print-fabric"
    state.mkdir()
    (state / "spooler").write_text("not a directory")
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    args = [*COMMAND, "up", "--no-simulators", "--once", "--listen", "127.0.0.1:0"]
    done = subprocess.run(args, capture_output=True, env=env, timeout=100, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("printfabric: ")
    assert "Traceback" not in done.stderr
