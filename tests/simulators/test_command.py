"""The command as users start it: a process of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

from tests.simulators.test_zpl import label


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "printfabric_sim", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield json.loads(line), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in path.read_text().splitlines()]


def wait_rows(path: Path, count: int, timeout_s: float = 30.0) -> list[dict[str, Any]]:
    deadline = time.monotonic() + timeout_s
    while not path.exists() or len(path.read_text().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return rows(path)


def test_one_printer_says_where_it_is_breaks_as_told_and_leaves_its_record(tmp_path):
    data = b"".join(label(n) for n in range(40))
    options = [
        "--tcp",
        "0",
        "--units-per-second",
        "400",
        "--fault",
        "reset@unit:17",
        "--record",
        str(tmp_path),
    ]
    more = [
        "--keep-bytes",
        str(tmp_path / "bytes"),
        "--ready-file",
        str(tmp_path / "ready"),
        "--name",
        "dock-3",
    ]
    with running("zpl", *options, *more) as (ready, process):
        assert ready == {**json.loads((tmp_path / "ready").read_text()), "ready": True, "pid": process.pid}
        (printer,) = ready["printers"]
        assert (printer["name"], printer["personality"]) == ("dock-3", "zpl")
        with socket.create_connection(("127.0.0.1", printer["address"]["tcp"]), 5) as sock:
            sock.sendall(data)
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        time.sleep(0.1)
    assert [unit["serial"] for unit in rows(tmp_path / "units.jsonl")] == [f"{n:05d}" for n in range(17)]
    assert (tmp_path / "bytes").read_bytes() == data
    assert process.returncode == 0


def test_pictures_and_texts_lie_in_a_folder(tmp_path):
    with running("zpl", "--tcp", "0", "--render", str(tmp_path)) as (ready, _):
        with socket.create_connection(("127.0.0.1", ready["printers"][0]["address"]["tcp"]), 5) as sock:
            sock.sendall(label(7))
        deadline = time.monotonic() + 30
        while not (tmp_path / "000001-00007.png").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (tmp_path / "000001-00007.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "000001-00007.txt").read_text() == "SERIAL 00007\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["zpl", "--fault", "explode"], "no fault 'explode'"),
        (["zpl", "--option", "x"], "name=value"),
        (["zpl", "--pty", "/tmp/x", "--line", "fast"], "the form is 9600,8,N,1"),
        (["fleet", "nowhere.yaml"], "nowhere.yaml"),
        (["laserjet"], "no personality 'laserjet'"),
    ],
)
def test_a_wrong_command_line_gets_a_sentence_and_no_traceback(arguments, part):
    done = subprocess.run(
        [sys.executable, "-m", "printfabric_sim", *arguments], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 2
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_gets_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "printfabric_sim", "zpl", "--tcp", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_personality_of_ones_own_is_one_file(tmp_path):
    path = tmp_path / "stars.py"
    path.write_text(
        '"""Stars."""\n'
        "from printfabric_sim.personality import Personality, Step\n"
        "class Stars(Personality):\n"
        '    """A printer whose tickets end with a star."""\n'
        '    name, kind = "stars", "ticket"\n'
        "    def parse(self, buffer, inlet):\n"
        '        end = buffer.find(b"*")\n'
        "        return Step(end + 1, part=True, copies=1) if end >= 0 else Step(0)\n"
        "    def render(self, content):\n"
        "        from printfabric_sim.render.page import draw_text_page\n"
        "        return draw_text_page(self.text(content))\n"
    )
    with running(str(path), "--tcp", "0", "--record", str(tmp_path / "r")) as (ready, _):
        with socket.create_connection(("127.0.0.1", ready["printers"][0]["address"]["tcp"]), 5) as sock:
            sock.sendall(b"no 1*no 2*no")
        units = wait_rows(tmp_path / "r" / "units.jsonl", 2)
    assert [(unit["kind"], unit["serial"]) for unit in units] == [("ticket", "1"), ("ticket", "2")]


def test_the_demo_fleet_prints_on_every_kind_of_port(tmp_path):
    demo = Path("simulators/printfabric_sim/fleets/demo.yaml").read_text()
    # The same printers on free ports.
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        demo.replace("tcp: 19100", "tcp: 0").replace("tcp: 19101", "tcp: 0").replace("tcp: 19102", "tcp: 0")
    )
    with running("fleet", str(fleet), "--output", str(tmp_path), "--control", "0") as (ready, _):
        address = {printer["name"]: printer["address"] for printer in ready["printers"]}
        assert address["pick-lists"]["pty"] == str(tmp_path / "pick-lists" / "ttyPRN0")
        with serial.Serial(address["pick-lists"]["pty"], 19200) as port:
            port.write(b"page no 3\n\x0c")
        with socket.create_connection(("127.0.0.1", address["labels-1"]["tcp"]), 5) as sock:
            sock.sendall(label(1))
        assert wait_rows(tmp_path / "labels-1" / "units.jsonl", 1)[0]["serial"] == "00001"
        assert wait_rows(tmp_path / "pick-lists" / "units.jsonl", 1)[0]["serial"] == "3"
        with urllib.request.urlopen(f"http://127.0.0.1:{ready['control']}/printers", timeout=5) as answer:
            assert len(json.load(answer)["printers"]) == 4


def test_a_day_of_a_fleet_comes_round_with_its_faults(tmp_path):
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        "day_s: 0.5\nprinters:\n  - {personality: zpl, name: a, tcp: 0, record: a, "
        'day: [{at: "06:00", fault: "cover-open=0.05"}, {at: "12:00", fault: "garbage"}]}\n'
    )
    with running("fleet", str(fleet), "--output", str(tmp_path)):
        time.sleep(1.3)
    faults = [row["fault"] for row in rows(tmp_path / "a" / "events.jsonl") if row["event"] == "fault"]
    assert faults[:4] == ["cover-open=0.05", "garbage", "cover-open=0.05", "garbage"]
