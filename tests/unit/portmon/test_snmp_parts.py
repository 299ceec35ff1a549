"""What a printer is made of by SNMP: each table by paths of the bidi schema, and no answer whatever does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portmon.bidi.parts import PAGE_COUNT, percent
from portmon.bidi.schema import value_at
from portmon.devices.ieee1284 import LANGUAGES, languages_of
from portmon.facts import Fact
from portmon.snmp.parts import Parts, Row, Table, description_oids, facts_of
from portmon.snmp.status import State, Value

STATE = State(2, 3, b"", b"LaserJet")
INPUTS = [
    Row(1, [b"Tray 2", b"iso-a4-white", b"stationery", b"white", 83000, 117000, 500, 125]),
    Row(3, [None, b"", None, None, -2, -2, -2, -3]),
]


def rows(*values: Value) -> list[Row]:
    return [Row(1, values)]


def told(**tables: list[Row]) -> dict[str, object]:
    found = facts_of(STATE, Parts((), {Table[name.upper()]: rows for name, rows in tables.items()}))
    _follows_the_schema(found)
    return {path.removeprefix("\\Printer."): fact.value for path, fact in found.items()}


def _follows_the_schema(found: dict[str, Fact]) -> None:
    for path, fact in found.items():
        known = value_at(path)
        assert path in (LANGUAGES, PAGE_COUNT) or (known is not None and fact.kind is known.kind), path


def test_the_printer_itself_is_described_beside_its_tables() -> None:
    device_id = b"MFG:Acme;CMD:PJL,PCL;MDL:9;SN:OTHER;"
    found = facts_of(STATE, Parts([b"Front desk", b"CN123", b"lj9.example", b"Hall", 65536, device_id]))
    _follows_the_schema(found)
    assert {path.removeprefix(r"\Printer."): fact.value for path, fact in found.items()} == {
        "DeviceInfo:ModelName": "LaserJet",
        "DeviceInfo:Manufacturer": "Acme",
        "DeviceInfo:FriendlyName": "Front desk",
        "DeviceInfo:SerialNumber": "CN123",
        "DeviceInfo:Location": "Hall",
        "DeviceInfo:IEEE1284DeviceId": device_id.decode(),
        "DeviceInfo.NetworkingInfo:HostName": "lj9.example",
        "Configuration.Memory:Size": 65536,
    }
    assert languages_of(found) == ("PJL", "PCL")


def test_supplies_become_consumables_with_the_colours_of_their_colorants() -> None:
    found = told(
        supplies=[Row(1, [3, b"Black Cartridge", 4000, 1, 1000]), Row(2, [None, None, -2, 0, -3])],
        colorants=rows(b"black"),
    )
    assert found == {
        "DeviceInfo:ModelName": "LaserJet",
        "Consumables.BlackCartridge:Type": "Toner",
        "Consumables.BlackCartridge:Installed": True,
        "Consumables.BlackCartridge:Level": 25,
        "Consumables.BlackCartridge:Model": "Black Cartridge",
        "Consumables.BlackCartridge:Color": "Black",
        "Consumables.Supply2:Type": "Other",
        "Consumables.Supply2:Installed": True,
        "Consumables.Supply2:Level": -1,
    }


def test_input_trays_have_media_levels_and_the_edge_that_goes_first() -> None:
    found = told(inputs=INPUTS)
    assert {path: value for path, value in found.items() if "InputBins" in path} == {
        "Layout.InputBins.Tray2:Installed": True,
        "Layout.InputBins.Tray2:MediaSize": "iso-a4-white",
        "Layout.InputBins.Tray2:MediaType": "stationery",
        "Layout.InputBins.Tray2:MediaColor": "white",
        "Layout.InputBins.Tray2:FeedDirection": "LongEdgeFirst",
        "Layout.InputBins.Tray2:Capacity": 500,
        "Layout.InputBins.Tray2:Level": 25,
        "Layout.InputBins.Tray3:Installed": True,
        "Layout.InputBins.Tray3:Level": -1,
    }


def test_output_bins_are_as_full_as_they_have_no_room_left() -> None:
    found = told(outputs=[Row(1, [b"Upper bin", 200, 5, 3, 150]), Row(2, [b"", -2, 5, 5, -2])])
    assert found["Finishing.OutputBins.Upperbin:Level"] == 25
    assert found["Finishing.OutputBins.Upperbin:Capacity"] == 200
    assert found["Finishing.OutputBins.Bin2:Level"] == -1
    assert found["Finishing:CollationSupported"] is False
    assert found["Finishing:JogOffsetSupported"] is True


@pytest.mark.parametrize(("unit", "dots", "text"), [(3, 600, "600x1200"), (4, 236, "599x1199")])
def test_markers_have_a_resolution_in_dots_of_an_inch(unit: int, dots: int, text: str) -> None:
    found = told(markers=rows(unit, dots, 2 * dots, 77))
    assert (found["Layout.Resolution:Supported"], found["Extension:PageCount"]) == (text, 77)


@pytest.mark.parametrize(("kinds", "duplex"), [([5], False), ([5, 3], True), ([4], True), ([1], None)])
def test_a_media_path_tells_of_a_duplex_unit(kinds: list[int], duplex: bool | None) -> None:
    found = told(paths=[Row(n, [kind]) for n, kind in enumerate(kinds, 1)])
    assert found.get("Configuration.DuplexUnit:Installed") is duplex


@pytest.mark.parametrize(
    ("families", "languages"),
    [
        ([5, 3, 6], ("PJL", "PCL", "PS")),
        ([3, 6], ("PCL", "PS")),
        ([3, 37], ()),
        ([5, 37], ("PJL",)),
        ([1], ()),
    ],
)
def test_interpreters_tell_the_languages_unless_one_may_be_any(
    families: list[int], languages: tuple[str, ...]
) -> None:
    parts = Parts((), {Table.INTERPRETERS: [Row(n, [4, one]) for n, one in enumerate(families, 1)]})
    found = facts_of(STATE, parts)
    assert languages_of(found) == languages
    assert found[r"\Printer.Layout.Orientation:CurrentValue"].value == "Landscape"


def test_finishers_and_disks_are_installed_or_not() -> None:
    found = told(
        finishers=[Row(1, [3, 3]), Row(2, [5, 8])], disks=[Row(9, [20_480_000, 3]), Row(10, [64, 5])]
    )
    assert found["Finishing.Staple:Installed"] is True
    assert found["Finishing.HolePunch:Installed"] is False
    assert found["Configuration.HardDisk:Installed"] is True
    assert found["Configuration.HardDisk:Capacity"] == 20_000


@given(st.one_of(st.none(), st.integers()), st.one_of(st.none(), st.integers()))
def test_a_level_is_a_percentage_or_unknown_whatever_the_agent_says(
    level: int | None, capacity: int | None
) -> None:
    assert -1 <= percent(level, capacity) <= 100


VALUE = st.one_of(st.none(), st.integers(-3, 200), st.binary(max_size=50))


@given(st.data(), st.sampled_from(list(Table)))
def test_any_values_are_facts_of_the_schema_or_nothing(data: st.DataObject, table: Table) -> None:
    columns = len(table.oids(1))
    row = st.builds(Row, st.integers(0, 300), st.lists(VALUE, min_size=columns, max_size=columns))
    description = data.draw(st.lists(VALUE, max_size=len(description_oids(1))))
    found = facts_of(STATE, Parts(description, {table: data.draw(st.lists(row, max_size=4))}))
    _follows_the_schema(found)
    assert all("\0" not in path for path in found)
