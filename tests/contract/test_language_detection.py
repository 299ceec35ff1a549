"""What printers tell of themselves: one that names its languages, and not PJL, is not spoken to in PJL, which it would print."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.errors import InvalidArgument
from portmon.devices.ieee1284 import DEVICE_ID, LANGUAGES
from portmon.document import Evidence
from portmon.facts import Fact, Kind
from portmon.language import Language
from portmon.languages.pjl import Pjl
from portmon.languages.zpl import Zpl
from tests.contract.language_bench import LanguageBench, kept, language_bench

TEXT = b"a page\n\f"
OTHERS = [(DEVICE_ID, "MFG:Acme;CMD:PCL,ESC/P2;MDL:P1;"), (LANGUAGES, "PCL PS")]


def told(bench: LanguageBench, path: str, text: str) -> None:
    bench.port.facts.tell("snmp", {path: Fact(Kind.STRING, text)})


@pytest.mark.parametrize(("path", "text"), OTHERS)
async def test_a_printer_that_names_other_languages_gets_the_document_alone_and_people_are_told(
    tmp_path: Path, path: str, text: str
) -> None:
    arrived = tmp_path / "arrived"
    async with language_bench(tmp_path, Pjl, "plain", pipe=True, keep_bytes=str(arrived)) as bench:
        told(bench, path, text)
        session = await bench.open()
        found = await bench.print(TEXT)
        assert (found.error, found.evidence) == (None, Evidence.OUTPUT_QUEUE)
        (report,) = bench.port.reports.now()
        assert report.text.endswith("PJL is not spoken to it")
        assert session.port is not None
        assert session.port.look_after() is None, "asked between documents"
        with pytest.raises(InvalidArgument):
            await session.ask(lambda port: port.printer_data("Installed Memory"))
        await bench.print(TEXT)
        await bench.until(lambda: len(kept(arrived)) >= 2 * len(TEXT))
    assert kept(arrived) == 2 * TEXT


@pytest.mark.parametrize(
    "text", ["MFG:HP;COMMAND SET:PJL,MLC,PCL;", "MFG:HP;CMD:HPPJL;", "MFG:HP;MDL:9;", ""]
)
async def test_a_printer_that_names_pjl_or_nothing_is_spoken_to_as_its_setting_says(
    tmp_path: Path, text: str
) -> None:
    async with language_bench(tmp_path, Pjl, "pjl", pipe=True) as bench:
        told(bench, DEVICE_ID, text)
        await bench.open()
        found = await bench.print(TEXT)
        assert (found.error, found.evidence) == (None, Evidence.PJL)
        assert bench.port.reports.now() == []


async def test_a_printer_that_tells_its_languages_late_is_spoken_to_no_more(tmp_path: Path) -> None:
    arrived = tmp_path / "arrived"
    async with language_bench(tmp_path, Pjl, "pjl", pipe=True, keep_bytes=str(arrived)) as bench:
        await bench.open()
        assert (await bench.print(TEXT)).evidence is Evidence.PJL
        told(bench, *OTHERS[0])
        await bench.print(TEXT)
        await bench.until(lambda: kept(arrived).endswith(TEXT))
    assert kept(arrived).endswith(b"\x1b%-12345X" + TEXT), "the wrapper of the first closed with a UEL"


def test_a_language_that_lists_do_not_name_is_spoken_whatever_they_say() -> None:
    assert Zpl.is_among(["PCL"])
    assert Pjl.is_among([])
    assert not Pjl.is_among(["PCL"])


TOLD: list[tuple[type[Language], str, bytes, dict[str, object]]] = [
    (
        Pjl,
        "pjl",
        b"a page\f",
        {
            "Configuration.DuplexUnit:Installed": True,
            "Configuration.HardDisk:FreeSpace": 512,
            "Configuration.Memory:Size": 32768,
            "Finishing.OutputBins.NORMALFACEDOWN:Installed": True,
            "Layout.InputBins.Tray1:Installed": True,
            "Layout.Orientation:Supported": "Portrait Landscape",
            "Layout.Resolution:Supported": "300x300 600x600",
        },
    ),
    (
        Zpl,
        "zpl",
        b"^XA^FDa^FS^XZ",
        {"DeviceInfo:SerialNumber": "SIM0000001", "Layout.Resolution:CurrentValue": "203x203"},
    ),
]


@pytest.mark.parametrize(("kind", "personality", "data", "expected"), TOLD, ids=["PJL", "ZPL"])
async def test_a_printer_that_is_spoken_to_tells_what_it_is(
    tmp_path: Path, kind: type[Language], personality: str, data: bytes, expected: dict[str, object]
) -> None:
    async with language_bench(tmp_path, kind, personality, pipe=True) as bench:
        await bench.open()
        assert (await bench.print(data)).error is None
        found = {path.removeprefix("\\Printer."): one.value for path, one in bench.port.facts.now().items()}
        assert expected.items() <= found.items()
