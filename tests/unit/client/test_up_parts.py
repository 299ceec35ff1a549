"""The pieces of `printfabric up`: its directory, its settings files, its child processes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from chassis.settings import Settings
from portmon.settings import PortmonSettings
from portui.settings import PortuiSettings
from printfabric_client.address import running_fabric
from printfabric_client.errors import Refused
from printfabric_client.up.addresses import KeptPort, free_port
from printfabric_client.up.fabric import HOME_PORTS, SPOOLER, LocalFabric, _must_be_free
from printfabric_client.up.part import Part, PartDied
from printfabric_client.up.place import Place
from printfabric_client.up.samples import find_paper, sample_labels
from printfabric_client.up.toml_text import toml
from spooler.settings import SpoolerSettings

SETTINGS: dict[str, type[Settings]] = {
    "spooler": SpoolerSettings,
    "port monitor": PortmonSettings,
    "configuration service": PortuiSettings,
    "host kitchen": PortmonSettings,
}

READY = """
import json, os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(json.dumps({"pid": os.getpid(), "addresses": ["127.0.0.1:1"]}))
"""


@pytest.fixture
def make_part(tmp_path, monkeypatch):
    """Return a maker of parts whose program is a piece of Python that gets the name of its ready file."""
    parts: list[Part] = []

    def make(code: str) -> Part:
        name = f"part_{len(parts)}"
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        ready = tmp_path / f"{name}.json"
        parts.append(Part(name, name, lambda: [str(ready)], ready, tmp_path / f"{name}.log"))
        return parts[-1]

    return make


async def test_a_part_says_when_it_is_ready_and_ends_when_asked(make_part):
    part = make_part(READY + "time.sleep(60)")
    assert (await part.start())["addresses"] == ["127.0.0.1:1"]
    assert part.pid == part.ready["pid"]
    await part.end(2)
    assert part.pid is None


@pytest.mark.alone
async def test_a_part_that_does_not_listen_is_killed(make_part):
    part = make_part(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + READY + "time.sleep(60)"
    )
    await part.start()
    began = time.monotonic()
    await part.end(0.2)
    assert part.pid is None
    assert time.monotonic() - began < 2


async def test_a_part_that_does_not_start_is_quoted(make_part):
    part = make_part("import sys; print('first', flush=True); sys.exit('no settings, no service')")
    with pytest.raises(PartDied, match="does not start: no settings, no service; log: "):
        await part.start()


async def test_a_part_that_dies_is_started_again_and_said(make_part):
    part = make_part(READY + "time.sleep(60)")
    await part.start()
    news: list[str] = []
    again = asyncio.Event()
    keeper = asyncio.create_task(part.keep_running(news.append, again.set))
    first = part.pid
    os.kill(first, signal.SIGKILL)
    await asyncio.wait_for(again.wait(), 30)
    assert part.pid not in {None, first}
    assert news[0].startswith("part_0: ended (killed by SIGKILL), starting again in 0.5 s")
    assert news[-1] == "part_0: running again"
    await part.end(2)
    await asyncio.wait_for(keeper, 30)


async def test_what_has_died_is_not_started_again_while_all_ends(tmp_path, make_part, monkeypatch):
    began = tmp_path / "began"
    dies = make_part(f"open({str(began)!r}, 'a').write('began ')" + READY + "time.sleep(60)")
    slow = make_part(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.9), sys.exit()))" + READY + "time.sleep(60)"
    )
    dies.name, slow.name = SPOOLER, HOME_PORTS
    fabric = LocalFabric(Place(tmp_path / "state"), listen="127.0.0.1:0", fleet=None)
    monkeypatch.setattr(fabric.place, "remember", lambda *_: None)
    died = asyncio.Event()

    async def begin(step, say):
        for part in (dies, slow):
            await fabric._begin(part, step, say, lambda: None)

    monkeypatch.setattr(fabric, "_begin_all", begin)
    async with fabric.running(lambda *_: None, lambda _: died.set()):
        assert dies.pid is not None
        os.kill(dies.pid, signal.SIGKILL)
        await asyncio.wait_for(died.wait(), 30)
    assert began.read_text() == "began "
    assert (dies.pid, slow.pid) == (None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_part_ends_when_its_parent_is_killed(tmp_path):
    (tmp_path / "sleeper.py").write_text("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    parent = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'printfabric_client.up.tether', str(os.getpid()), 'sleeper'])\n"
        "time.sleep(60)"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", parent], env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    end = time.monotonic() + 5
    while alive(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_directory_has_one_fabric_at_a_time(tmp_path):
    place = Place(tmp_path / "state")
    with place.taken():
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        place.remember("address.json", {"pid": os.getpid(), "spooler": "127.0.0.1:1"})
        assert running_fabric(place.root) is not None
        with (
            pytest.raises(Refused, match=rf"already runs in .*state \(process {os.getpid()}\)"),
            Place(place.root).taken(),
        ):
            pass
    assert running_fabric(place.root) is None
    with place.taken():
        pass


def test_the_newest_paper_is_found_under_latest(tmp_path):
    place = Place(tmp_path)
    place.new_paper()
    fresh = place.new_paper()
    assert (tmp_path / "paper" / "latest").resolve() == fresh.resolve()


def test_settings_are_written_as_toml(tmp_path):
    table = {
        "name": 'a "quoted" \\ name',
        "none_yet": [],
        "server": {"listen": ["127.0.0.1:0", "unix:/a"], "grace_s": 0.5, "deep": {"on": True}},
        "hosts": [{"name": "a", "port": 1}, {"name": "b", "port": 2}],
    }
    assert tomllib.loads(toml(table)) == table


@pytest.mark.parametrize("part", SETTINGS)
def test_the_services_take_the_settings_that_are_written_for_them(tmp_path, part):
    fabric = LocalFabric(Place(tmp_path), listen="127.0.0.1:0", fleet=None, hosts=("kitchen",))
    written = tomllib.loads(toml(fabric._settings(part)))
    for kept in fabric._kept:
        kept.close()
    SETTINGS[part].model_validate(written)


def test_a_port_is_kept_for_who_will_listen_there():
    kept = KeptPort()
    try:
        with socket.create_server(("127.0.0.1", int(kept.address.rpartition(":")[2]))) as server:
            assert server.getsockname()[1] == int(kept.address.rpartition(":")[2])
    finally:
        kept.close()


@pytest.mark.parametrize("udp", [False, True])
def test_a_port_where_somebody_is_already_is_not_free(udp):
    with socket.socket(type=socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        if not udp:
            taken.listen()
        assert free_port(taken.getsockname()[1], udp=udp) == 0


def test_a_taken_address_is_said_in_words():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Refused, match="is taken by another program.*--listen 127.0.0.1:0"):
            _must_be_free(f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_fabric_for_this_machine_listens_on_this_machine_only():
    with pytest.raises(Refused, match="leaves this machine"):
        _must_be_free("0.0.0.0:26151")


def test_the_samples_say_which_they_are():
    labels = sample_labels("PF-1")
    assert len(labels) == 5
    assert all(label.startswith(b"^XA") and label.endswith(b"^XZ\n") for label in labels)
    assert b"PF-1-5" in labels[4]


async def test_paper_is_found_by_what_stands_on_it(tmp_path):
    folder = tmp_path / "labels" / "printed"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"00000{number}.txt").write_text(f"PF-{number}")
        (folder / f"00000{number}.png").write_bytes(b"")
    assert await find_paper(tmp_path, "labels", "PF-1", 0) == folder / "000001.txt"
    assert await find_paper(tmp_path, "labels", "PF-9", 0) is None


def test_a_broken_memory_is_an_empty_one(tmp_path):
    place = Place(tmp_path)
    (tmp_path / "simulators.json").write_text("{")
    assert place.remembered("simulators.json") == {}
    (tmp_path / "simulators.json").write_text(json.dumps([1]))
    assert place.remembered("simulators.json") == {}
