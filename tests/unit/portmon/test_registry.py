from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from chassis.errors import UnknownPrintMonitor
from portmon.form import document, ui_name
from portmon.monitor import Access, MonitorInit
from portmon.monitors.raw import RawMonitor
from portmon.registry import Registry


class Shy(RawMonitor):
    """A monitor of somebody else, with a scheme of its own."""

    scheme = "shy"
    name = "Shy Port"


class Greedy(RawMonitor):
    """One that claims a scheme that is taken."""


class Ending(Shy):
    """One that ends the program."""

    scheme = "ending"

    def __init__(self, init: MonitorInit) -> None:
        raise SystemExit(1)


class Nameless(Shy):
    """One whose name is none."""

    scheme = "nameless"
    name = None  # type: ignore[assignment]


class Careless(Shy):
    """One whose command does not say who may have it."""

    scheme = "careless"
    commands: ClassVar[Mapping[str, Access]] = {"Reset": True}  # type: ignore[dict-item]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(MonitorInit("edge-7", tmp_path), [])


def test_a_monitor_is_a_file_in_the_folder(registry: Registry) -> None:
    files = Path(__file__).parents[3] / "services" / "portmon" / "monitors"
    assert {monitor.scheme for monitor in registry} == {path.stem for path in files.glob("[a-z]*.py")}


@pytest.mark.parametrize(
    ("name", "port", "scheme"),
    [
        ("Local Port", "COM3:", "serial"),
        ("local port", "lpt1:", "device"),
        ("Local Port", "FILE:", "file"),
        ("Local Port", "out.prn", "file"),
        ("Standard TCP/IP Port", "IP_10.0.0.7", "raw"),
        ("serial", "anything", "serial"),
        ("Simulated Port", "anything", "sim"),  # claims no name, and is the only one that is called so
    ],
)
def test_a_windows_name_and_the_ports_name_find_the_monitor(
    registry: Registry, name: str, port: str, scheme: str
) -> None:
    assert registry.find(name, port).scheme == scheme


def test_an_unknown_monitor_is_unknown(registry: Registry) -> None:
    with pytest.raises(UnknownPrintMonitor) as refused:
        registry.find("Redirected Port", "RPT1:")
    assert refused.value.win32 == 3000


def test_third_parties_come_by_entry_points_and_a_bad_one_harms_nobody(tmp_path: Path) -> None:
    found = Registry(
        MonitorInit("edge-7", tmp_path),
        [
            EntryPoint("shy", f"{__name__}:Shy", "portmon.monitors"),
            EntryPoint("greedy", f"{__name__}:Greedy", "portmon.monitors"),
            EntryPoint("broken", "no_such_module:Nothing", "portmon.monitors"),
            EntryPoint("ending", f"{__name__}:Ending", "portmon.monitors"),
            EntryPoint("nameless", f"{__name__}:Nameless", "portmon.monitors"),
            EntryPoint("careless", f"{__name__}:Careless", "portmon.monitors"),
            EntryPoint("none", "json:dumps", "portmon.monitors"),
        ],
    )
    assert [one.scheme for one in found][-1] == "shy"
    assert found.scheme("shy").name == "Shy Port"
    assert type(found.scheme("raw")) is RawMonitor


def test_every_monitor_has_a_form_of_the_flat_profile(registry: Registry) -> None:
    for monitor in registry:
        found = document(monitor)
        schema = found["schema"]
        assert schema["additionalProperties"] is False
        assert "$defs" not in schema
        for name, field in schema["properties"].items():
            assert field["title"], name
            assert field["type"] in ("string", "number", "integer", "boolean")
            assert not {"anyOf", "oneOf", "$ref"} & set(field)
        assert set(found["presets"][0]["values"] if found["presets"] else {}) <= set(schema["properties"])
        assert ui_name(monitor).startswith(f"printfabric.{monitor.scheme}.ui;{found['revision']};sha256=")


def test_every_monitor_has_a_page_that_explains_every_setting(registry: Registry) -> None:
    pages = Path(__file__).parents[3] / "docs" / "monitors"
    for monitor in registry:
        page = (pages / f"{monitor.scheme}.md").read_text()
        assert monitor.name in page
        for name in document(monitor)["schema"]["properties"]:
            assert f"| `{name}` |" in page, f"{monitor.scheme}.md does not explain {name}"
