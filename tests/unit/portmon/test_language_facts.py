"""What printers tell of themselves in their own languages, by paths of the bidi schema."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portmon.bidi.parts import PAGE_COUNT
from portmon.bidi.schema import value_at
from portmon.facts import Fact
from portmon.languages._pjl_facts import config_facts, page_facts, variable_facts, volume_facts


def meant(found: dict[str, Fact]) -> dict[str, object]:
    for path, fact in found.items():
        known = value_at(path)
        assert path == PAGE_COUNT or (known is not None and fact.kind is known.kind), path
    return {path.removeprefix("\\Printer."): fact.value for path, fact in found.items()}


def lines(*each: str) -> str:
    return "".join(f"{one}\r\n" for one in each)


def test_pjl_config_tells_of_trays_bins_and_the_duplex_unit() -> None:
    trays = ("IN TRAYS [2 ENUMERATED]", "\tINTRAY1 MP", "\tINTRAY12 PC", "\tBYPASS")
    found = config_facts(lines(*trays, "OUTPUT BINS [1 ENUMERATED]", "\tNORMAL FACEDOWN", "MEMORY=2097152"))
    assert meant(found) == {
        "Layout.InputBins.Tray1:Installed": True,
        "Layout.InputBins.Tray1:Level": -1,
        "Layout.InputBins.Tray12:Installed": True,
        "Layout.InputBins.Tray12:Level": -1,
        "Finishing.OutputBins.NORMALFACEDOWN:Installed": True,
        "Finishing.OutputBins.NORMALFACEDOWN:Level": -1,
        "Configuration.DuplexUnit:Installed": False,
    }
    assert config_facts(lines("DUPLEX"))["\\Printer.Configuration.DuplexUnit:Installed"].value is True


def test_pjl_variables_tell_what_is_set_and_what_may_be() -> None:
    turned = ("ORIENTATION=PORTRAIT [2 ENUMERATED]", "\tPORTRAIT", "\tLANDSCAPE")
    dots = ("RESOLUTION=600 [2 ENUMERATED]", "\t300", "\t600")
    tray = (
        "INTRAY2SIZE=A4 [2 ENUMERATED READONLY]",
        "\tA4",
        "\tLETTER",
        'INTRAY2TYPE="PLAIN" [1 ENUMERATED]',
    )
    assert meant(variable_facts(lines("COPIES=1 [2 RANGE]", "\t1", "\t999", *turned, *dots, *tray))) == {
        "Layout.Orientation:CurrentValue": "Portrait",
        "Layout.Orientation:Supported": "Portrait Landscape",
        "Layout.Resolution:CurrentValue": "600x600",
        "Layout.Resolution:Supported": "300x300 600x600",
        "Layout.InputBins.Tray2:MediaSize": "A4",
        "Layout.InputBins.Tray2:MediaType": "PLAIN",
    }


def test_pjl_volumes_that_are_no_memory_are_hard_disks() -> None:
    head = "VOLUME\tTOTAL SIZE\tFREE SPACE\tLOCATION\tLABEL\tSTATUS"
    ram, disk = "0:\t1048576\t1048576\tRAM\t?\tREAD-WRITE", "1:\t1073741824\t536870912\tDISK\t?\tREAD-WRITE"
    key = "Configuration.HardDisk:"
    assert meant(volume_facts(lines(head, ram, disk))) == {
        f"{key}Installed": True, f"{key}Capacity": 1024, f"{key}FreeSpace": 512,
    }  # fmt: skip
    assert meant(volume_facts(lines(head, ram))) == {f"{key}Installed": False}
    assert volume_facts(lines('"?"')) == {}


@pytest.mark.parametrize(
    ("body", "count"), [("PAGECOUNT=1839", 1839), ("1839", 1839), ('"?"', None), ("", None)]
)
def test_pjl_page_counts_come_with_a_name_or_without(body: str, count: int | None) -> None:
    assert meant(page_facts(lines(body))).get("Extension:PageCount") == count


@given(st.text(alphabet='INTRAYS1=[]\r\n\t :0RESOLUTION"?9VOLUME', max_size=200))
def test_any_answer_is_facts_of_the_schema_or_nothing(body: str) -> None:
    meant({**config_facts(body), **variable_facts(body), **volume_facts(body), **page_facts(body)})
