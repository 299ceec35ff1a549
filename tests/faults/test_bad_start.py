"""A service that cannot start says why in one line, ends with an exit code, and touches nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.documents import noise
from tests.rig.programs import Program
from tests.rig.real_fabric import brief, printed, real_fabric, spooler_settings
from tests.rig.receivers import FifoReceiver, TcpReceiver

EX_UNAVAILABLE, EX_CONFIG = 69, 78  # sysexits.h


def _start(module: str, folder: Path, settings: str, *more: str) -> tuple[int, str]:
    """Start a program that must end by itself; return its exit code and what it said."""
    config = folder / "settings.toml"
    config.write_text(settings, "utf-8")
    command = [sys.executable, "-m", module, "--config", str(config), "--state-dir", str(folder / "state")]
    done = subprocess.run(
        [*command, *more], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done.returncode, "\n".join(lines)


@pytest.mark.parametrize("module", ["spooler", "portmon"])
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("listen = [", "not TOML"),
        ("colour = 3", "colour: no such setting"),
        ('[server]\nlisten = ["nowhere"]', "nowhere"),
        ('[server]\ngrace_s = "soon"', "server.grace_s"),
        ("[log]\nlevel = 3", "log.level"),
    ],
)
def test_a_wrong_configuration_file_is_named_with_the_place(
    tmp_path: Path, module: str, settings: str, says: str
):
    code, said = _start(module, tmp_path, settings)
    assert code == EX_CONFIG
    assert says in said
    assert "settings.toml" in said
    assert not (tmp_path / "state").exists()


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("module", ["spooler", "portmon"])
def test_an_address_in_use_is_named(tmp_path: Path, taken: str, module: str):
    code, said = _start(module, tmp_path, "", "--listen", taken)
    assert code == EX_UNAVAILABLE
    assert f"cannot listen on {taken}" in said


def test_a_damaged_database_is_refused_and_left_as_it_is_and_a_good_copy_prints(tmp_path: Path):
    receiver = FifoReceiver("LPT1:", tmp_path / "fifo", rate=1)  # it takes nothing, so the jobs stay
    documents = [noise(size, size) for size in (100, 5_000, 300_000)]
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        jobs = [client.submit(document, printer="lpt1") for document in documents]
        fabric.spooler.stop()
        database = tmp_path / "sp" / "spooler.db"
        good = database.read_bytes()
        overwritten, cut, emptied = (
            noise(len(good), 1),
            good[: len(good) // 3],
            good[:4096] + bytes(len(good) - 4096),
        )
        for bad in (overwritten, cut, emptied):
            _refuses(database, bad, tmp_path / "spooler.toml")
        database.write_bytes(good)
        receiver.rate = 0
        fabric.spooler.start()
        for job in jobs:
            ended = client.wait(job.number, timeout_s=30, or_decision=True)
            assert printed(ended), brief(ended)
    assert receiver.settled() == b"".join(documents)


def _refuses(database: Path, bad: bytes, settings: Path) -> None:
    database.write_bytes(bad)
    command = [sys.executable, "-m", "spooler", "--config", str(settings), "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == EX_UNAVAILABLE, done.stderr
    assert f"{database} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert database.read_bytes() == bad, "what may still be saved was changed"


def test_two_spoolers_never_share_a_state_directory(tmp_path: Path):
    receiver = TcpReceiver("IP_A")
    with real_fabric(tmp_path, [receiver]) as fabric, fabric.client() as client:
        folder = tmp_path / "second"
        folder.mkdir()
        settings = spooler_settings(tmp_path / "sp", fabric.portmon.address, {"ip_a": ["IP_A"]})
        second = Program("spooler", folder, settings)
        with pytest.raises(AssertionError, match="ended with 69"):
            second.start()
        second.stop()
        assert "in use" in second.last_words() or "another" in second.last_words()
        job = client.wait(client.submit(b"once", printer="ip_a").number, timeout_s=20, or_decision=True)
        assert printed(job), brief(job)
    assert receiver.settled() == b"once"
