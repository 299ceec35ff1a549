from pathlib import Path
from typing import Any

import pytest

from chassis.errors import InvalidArgument, WrongState
from portmon.host_values import HostValues, MonitorValues
from portmon.port_store import LocalPortStore


@pytest.fixture
def store(tmp_path: Path) -> LocalPortStore:
    return LocalPortStore(tmp_path / "ports.json")


def test_a_monitor_keeps_its_values_over_restarts_and_sees_no_others(
    store: LocalPortStore, tmp_path: Path
) -> None:
    host = HostValues(store)
    host.set("TransmissionRetryTimeout", "45")
    mine, other = MonitorValues(host, "unix"), MonitorValues(host, "unix2")
    mine.set("Location", "aisle 7")
    mine.set("Count", 3)
    mine.set("Ready", False)
    other.set("Location", "dock")
    again = MonitorValues(HostValues(LocalPortStore(tmp_path / "ports.json")), "unix")
    assert again.names() == ["Count", "Location", "Ready"]
    assert [again.get(name) for name in again.names()] == [3, "aisle 7", False]
    assert again.get("TransmissionRetryTimeout", "mine") == "mine"
    again.delete("Count")
    again.delete("Count")
    assert again.names() == ["Location", "Ready"]
    assert other.get("Location") == "dock"


@pytest.mark.parametrize("name", ["", "x" * 256, "a\nb", "a\0"])
def test_what_is_no_name_is_refused(store: LocalPortStore, name: str) -> None:
    with pytest.raises(InvalidArgument):
        MonitorValues(HostValues(store), "unix").set(name, 1)


@pytest.mark.parametrize(
    "value", [None, b"x", [], {}, object(), float("nan"), float("inf"), "\ud800", "x" * 16385]
)
def test_what_is_no_value_is_refused(store: LocalPortStore, value: Any) -> None:
    values = MonitorValues(HostValues(store), "unix")
    with pytest.raises(InvalidArgument):
        values.set("Location", value)
    assert store.values() == {}


def test_a_monitor_keeps_no_more_than_its_number(store: LocalPortStore) -> None:
    values = MonitorValues(HostValues(), "unix")
    for number in range(256):
        values.set(f"Value {number}", number)
    with pytest.raises(InvalidArgument):
        values.set("One more", 1)
    values.set("Value 7", 8)
    assert values.get("Value 7") == 8


async def test_the_event_loop_changes_no_value_of_a_monitors(store: LocalPortStore) -> None:
    with pytest.raises(WrongState):
        MonitorValues(HostValues(store), "unix").set("Location", "aisle 7")
