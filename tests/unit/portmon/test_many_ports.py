"""The first start of a host: however many ports its settings name, the disk is waited for as for one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.errors import PortExists, StoreUnavailable
from portmon.journal import file as journal_file
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit
from portmon.port_record import PortRecord
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.reports import Condition
from tests.rig.steps import steps_of

Wanted = list[tuple[str, str, dict[str, Any]]]


def raw(count: int, host: str = "10.0.{0}.{1}") -> Wanted:
    return [(f"IP_{n:04}", "raw", {"host": host.format(n // 250, n % 250)}) for n in range(count)]


def ports_in(folder: Path) -> Ports:
    return Ports(
        Registry(MonitorInit("edge", folder / "files")), LocalPortStore(folder / "ports.json"), folder
    )


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever waits for the disk, by name."""
    found: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def sync(*arguments: Any) -> Any:
            found.append(name)
            return real(*arguments)

        return sync

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    syncfs = counted("syncfs", ctypes.CDLL(None, use_errno=True).syncfs)
    monkeypatch.setattr(journal_file, "_libc", SimpleNamespace(syncfs=syncfs))
    monkeypatch.setattr(journal_file.JournalFile, "sync", counted("msync", journal_file.JournalFile.sync))
    return found


@pytest.mark.parametrize("count", [2, 50])
async def test_ports_of_the_settings_wait_for_the_disk_four_times_however_many_they_are(
    tmp_path: Path, syncs: list[str], count: int
) -> None:
    ports = ports_in(tmp_path)
    assert not await ports.add_all(raw(count))
    assert sorted(syncs) == ["fsync", "fsync", "fsync", "syncfs"]
    assert [port.name for port in ports] == [name for name, *_ in raw(count)]
    ports.close()
    again = ports_in(tmp_path)
    assert len(syncs) == 4
    assert len(list(again)) == count
    assert all(port.journal.generation == 1 for port in again)
    again.close()


async def test_a_port_by_itself_costs_a_file_and_its_folder_twice(tmp_path: Path, syncs: list[str]) -> None:
    ports = ports_in(tmp_path)
    await ports.add("IP_1", "raw", {"host": "10.0.0.1"})
    assert syncs == ["fsync"] * 4
    ports.close()


async def test_journals_that_are_missing_are_made_together_at_the_start(
    tmp_path: Path, syncs: list[str]
) -> None:
    store = LocalPortStore(tmp_path / "ports.json")
    store.add_all([PortRecord(name, "raw", settings) for name, _scheme, settings in raw(50)])
    syncs.clear()
    ports = ports_in(tmp_path)
    assert sorted(syncs) == ["fsync", "syncfs"]
    assert len(list((tmp_path / "journals").iterdir())) == 50
    ports.close()


async def test_wrong_ports_keep_no_others_from_being_added_and_are_told(tmp_path: Path) -> None:
    ports = ports_in(tmp_path)
    await ports.add("IP_0000", "raw", {"host": "10.9.9.9"})
    wanted = [
        *raw(3),
        ("IP_X", "raw", {"speed": 1}),
        ("ip_0001", "raw", {"host": "10.8.8.8"}),
        ("IP_Y", "none", {}),
    ]
    refused = await ports.add_all(wanted)
    assert [(name, type(why).__name__) for name, why in refused] == [
        ("IP_X", "InvalidSettings"),
        ("IP_Y", "UnknownPrintMonitor"),
    ]
    assert [port.name for port in ports] == ["IP_0000", "IP_0001", "IP_0002"]
    assert [port.record.settings["host"] for port in ports] == ["10.9.9.9", "10.0.0.1", "10.0.0.2"]
    ports.close()


async def test_a_stored_port_that_was_left_out_is_refused_alone(tmp_path: Path) -> None:
    store = LocalPortStore(tmp_path / "ports.json")
    store.add(PortRecord("IP_0001", "gone", {}))  # its monitor was uninstalled
    ports = ports_in(tmp_path)
    ((name, why),) = await ports.add_all(raw(3))
    assert (name, type(why)) == ("IP_0001", PortExists)
    assert [port.name for port in ports] == ["IP_0000", "IP_0002"]
    ports.close()


async def test_a_disk_that_takes_nothing_adds_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    ports = ports_in(tmp_path)
    with monkeypatch.context() as without_room:
        without_room.setattr(os, "posix_fallocate", full)
        with pytest.raises(StoreUnavailable):
            await ports.add_all(raw(5))
    assert list(ports) == []
    assert LocalPortStore(tmp_path / "ports.json").ports() == []
    assert not await ports.add_all(raw(5))
    assert len(list(ports)) == 5
    ports.close()


def test_journals_begun_together_are_as_good_as_those_begun_alone(tmp_path: Path) -> None:
    paths = {tmp_path / "journals" / f"{n}.journal": f"ip_{n}" for n in range(3)}
    Journal.begin_all(paths, 16)
    for path, name in paths.items():
        journal = Journal.open(path, name, slots=16)
        assert (journal.note.port, journal.generation) == (name, 1)
        journal.close()
    assert sorted(path.name for path in (tmp_path / "journals").iterdir()) == [
        f"{n}.journal" for n in range(3)
    ]


async def test_ports_of_one_device_are_compared_once_when_they_come_together(tmp_path: Path) -> None:
    def cost(count: int) -> int:
        ports = ports_in(tmp_path / str(count))
        new = [PortRecord(name, "raw", values) for name, _scheme, values in raw(count, "10.0.0.1")]
        admitted = [ports._admit(record) for record in new]
        steps = steps_of(lambda: ports.find_twins(*admitted))
        said = [one for port in ports for one in port.reports.now() if one.reporter == "twins"]
        assert {one.condition for one in said} == {Condition.USER_INTERVENTION}
        more = count - 4
        assert said[0].text == f"IP_0001, IP_0002, IP_0003 and {more} more lead to 10.0.0.1:9100 too"
        assert said[-1].text == f"IP_0000, IP_0001, IP_0002 and {more} more lead to 10.0.0.1:9100 too"
        ports.close()
        return steps

    assert cost(300) < 11 * cost(30)
