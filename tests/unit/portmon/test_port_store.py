import json
from pathlib import Path

import pytest

from chassis.errors import EtagMismatch, PortExists, PortNotFound, StoreUnavailable
from portmon.port_record import PortRecord
from portmon.port_store import LocalPortStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ports.json"


def test_ports_are_there_again_after_a_restart(path: Path) -> None:
    store = LocalPortStore(path)
    store.add(PortRecord("COM1:", "serial", {"baud": 19200}))
    store.add(PortRecord("IP_1", "raw", {"host": "10.0.0.7"}))
    assert [record.name for record in LocalPortStore(path).ports()] == ["COM1:", "IP_1"]
    store.delete("com01:")
    assert LocalPortStore(path).ports() == [PortRecord("IP_1", "raw", {"host": "10.0.0.7"})]
    assert not list(path.parent.glob("*.new"))


def test_a_name_is_unique_whatever_its_case(path: Path) -> None:
    store = LocalPortStore(path)
    store.add(PortRecord("Labels", "file", {}))
    with pytest.raises(PortExists) as refused:
        store.add(PortRecord("LABELS", "raw", {}))
    assert refused.value.win32 == 183


def test_settings_are_replaced_only_if_they_are_those_that_were_read(path: Path) -> None:
    store = LocalPortStore(path)
    first = PortRecord("IP_1", "raw", {"host": "a"})
    store.add(first)
    second = PortRecord("IP_1", "raw", {"host": "b"})
    store.replace(second, first.revision)
    with pytest.raises(EtagMismatch):
        store.replace(PortRecord("IP_1", "raw", {"host": "c"}), first.revision)
    assert store.ports() == [second]
    with pytest.raises(PortNotFound):
        store.replace(PortRecord("IP_2", "raw", {}), None)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2, "ports": []}', '{"version": 1, "ports": [{}]}']
)
def test_a_file_that_is_not_ours_stops_the_start_and_is_left_as_it_is(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(StoreUnavailable):
        LocalPortStore(path)
    assert path.read_text() == text


def test_a_failed_write_changes_nothing(path: Path) -> None:
    store = LocalPortStore(path)
    store.add(PortRecord("A", "file", {}))
    path.with_name("ports.json.new").mkdir()
    with pytest.raises(StoreUnavailable):
        store.add(PortRecord("B", "file", {}))
    assert [record.name for record in store.ports()] == ["A"]
    assert [row["name"] for row in json.loads(path.read_text())["ports"]] == ["A"]
