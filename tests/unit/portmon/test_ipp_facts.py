"""What IPP attributes mean by paths of the bidi schema, and that no value whatever does harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portmon.bidi.parts import LOW_LEVEL
from portmon.bidi.schema import value_at
from portmon.facts import Kind
from portmon.ipp.facts import DESCRIPTION, facts_of
from portmon.ipp.message import IppMessage, Tag, Value


def told(**attributes: list[Value]) -> dict[str, object]:
    named = {name.replace("_", "-"): values for name, values in attributes.items()}
    assert named.keys() <= set(DESCRIPTION), "nobody asks for it"
    return meant(named)


def meant(attributes: dict[str, list[Value]]) -> dict[str, object]:
    found = facts_of(IppMessage(0, 1, [(Tag.PRINTER, attributes)]))
    for path, fact in found.items():
        if path.startswith(LOW_LEVEL):
            assert fact.kind is Kind.INT
            continue
        known = value_at(path)
        assert known is not None
        assert fact.kind is known.kind, path
    return {path.removeprefix("\\Printer."): fact.value for path, fact in found.items()}


def test_the_device_id_tells_maker_and_serial_number_too() -> None:
    found = told(printer_device_id=["MFG:Acme;MDL:9;SN:CN1;"], printer_make_and_model=["Acme Laser 9"])
    assert found == {
        "DeviceInfo:IEEE1284DeviceId": "MFG:Acme;MDL:9;SN:CN1;",
        "DeviceInfo:Manufacturer": "Acme",
        "DeviceInfo:ModelName": "Acme Laser 9",
        "DeviceInfo:SerialNumber": "CN1",
    }


def test_trays_and_bins_are_read_from_their_pairs() -> None:
    tray = b"type=sheetFeedAutoRemovableTray;mediafeed=297000;mediaxfeed=210000;maxcapacity=250;level=50;name=Tray 1;"
    found = told(
        printer_input_tray=[tray + b"medianame=iso_a4_210x297mm;mediatype=stationery;mediacolor=white;"],
        printer_output_tray=[b"type=unRemovableBin;maxcapacity=100;remaining=90;name=Top;", b"level"],
    )
    assert found == {
        "Layout.InputBins.Tray1:Installed": True,
        "Layout.InputBins.Tray1:MediaSize": "iso_a4_210x297mm",
        "Layout.InputBins.Tray1:MediaType": "stationery",
        "Layout.InputBins.Tray1:MediaColor": "white",
        "Layout.InputBins.Tray1:FeedDirection": "ShortEdgeFirst",
        "Layout.InputBins.Tray1:Capacity": 250,
        "Layout.InputBins.Tray1:Level": 20,
        "Finishing.OutputBins.Top:Installed": True,
        "Finishing.OutputBins.Top:Capacity": 100,
        "Finishing.OutputBins.Top:Level": 10,
        "Finishing.OutputBins.Bin2:Installed": True,
        "Finishing.OutputBins.Bin2:Level": -1,
    }


def test_layout_is_told_by_what_is_set_and_what_may_be() -> None:
    dots = struct.pack(">iiB", 600, 1200, 3)
    found = told(
        orientation_requested_default=[3],
        orientation_requested_supported=[3, 4, 5, 6, 7],
        printer_resolution_default=[dots],
        printer_resolution_supported=[dots, struct.pack(">iiB", 236, 236, 4), b"short"],
        number_up_default=[2],
        presentation_direction_number_up_default=["toright-tobottom"],
    )
    assert found == {
        "Layout.Orientation:CurrentValue": "Portrait",
        "Layout.Orientation:Supported": "Portrait Landscape ReverseLandscape ReversePortrait",
        "Layout.Resolution:CurrentValue": "600x1200",
        "Layout.Resolution:Supported": "600x1200 599x599",
        "Layout.NumberUp:PagesPerSheet": 2,
        "Layout.NumberUp:Direction": "RightBottom",
    }


@pytest.mark.parametrize(
    ("finishings", "staple", "punch", "jog"),
    [
        ([3], (False, None), (False, None, None), False),
        ([3, 4, 5, 14], (True, None), (True, None, None), True),
        ([20, 28, 29], (True, "TopLeft Left Top"), (False, None, None), False),
        (
            [70, 74, 79, 89],
            (False, None),
            (True, "TopLeft Left Top Bottom", "Single Dual Triple Multiple"),
            False,
        ),
    ],
)
def test_finishings_tell_what_is_installed_and_where_it_works(
    finishings: list[int],
    staple: tuple[bool, str | None],
    punch: tuple[bool, str | None, str | None],
    jog: bool,
) -> None:
    found = told(finishings_supported=[*finishings])
    at = "Finishing.HolePunch:"
    assert (found["Finishing.Staple:Installed"], found.get("Finishing.Staple:Location")) == staple
    assert (found[f"{at}Installed"], found.get(f"{at}Location"), found.get(f"{at}Pattern")) == punch
    assert found["Finishing:JogOffsetSupported"] is jog


def test_collation_and_the_angle_of_staples_are_told() -> None:
    found = told(
        multiple_document_handling_supported=["separate-documents-collated-copies"],
        stitching_angle_supported=[0, 45],
    )
    assert found == {"Finishing:CollationSupported": True, "Finishing.Staple:Angle": "0 45"}


def test_a_marker_may_tell_at_which_level_it_is_low() -> None:
    found = told(marker_names=["A", "B"], marker_levels=[4, 70], marker_low_levels=[20, -1])
    assert found["Extension.LowLevel.Consumables:A"] == 20
    assert "Extension.LowLevel.Consumables:B" not in found


def test_markers_have_the_schemas_names_of_colours() -> None:
    found = told(marker_names=["A", "B"], marker_colors=["#00ffff", "none"])
    assert found["Consumables.A:Color"] == "Cyan"
    assert "Consumables.B:Color" not in found


VALUES = st.lists(
    st.one_of(st.integers(-9, 999), st.booleans(), st.text(max_size=20), st.binary(max_size=20))
)


# A busy machine makes the values slowly.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(DESCRIPTION), VALUES))
def test_any_values_are_facts_of_the_schema_or_nothing(attributes: dict[str, list[Value]]) -> None:
    assert all("\0" not in path for path in meant(attributes))
