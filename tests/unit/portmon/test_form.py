"""The form document of every monitor: its format, and that it fits the settings class which it is made from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest

from portmon import form
from portmon.monitor import MonitorInit, PortMonitor, PortSettings
from portmon.registry import Registry
from portmon.xcv.commands import COMMANDS

FORMAT = json.loads((Path(__file__).parents[3] / "docs" / "form.schema.json").read_text())
MONITORS = list(Registry(MonitorInit("edge-7", Path("/nowhere")), []))
EXAMPLE = {"host": "10.0.0.7", "uri": "ipp://10.0.0.7/ipp/print", "queue": "lp"}


def controls(element: dict[str, Any]) -> list[dict[str, Any]]:
    if element["type"] == "Control":
        return [element]
    return [one for inner in element.get("elements", ()) for one in controls(inner)]


@pytest.fixture(params=MONITORS, ids=lambda one: one.scheme)
def monitor(request: pytest.FixtureRequest) -> PortMonitor[Any]:
    found: PortMonitor[Any] = request.param
    return found


def test_the_document_has_the_published_format_and_size(monitor: PortMonitor[Any]) -> None:
    document = form.document(monitor)
    jsonschema.Draft202012Validator(FORMAT).validate(document)
    jsonschema.Draft202012Validator.check_schema(document["schema"])
    assert len(json.dumps(document)) < 65536


def test_every_field_has_one_control_and_a_title(monitor: PortMonitor[Any]) -> None:
    document = form.document(monitor)
    shown = [one["scope"].removeprefix("#/properties/") for one in controls(document["ui"])]
    assert sorted(shown) == sorted(document["schema"]["properties"])
    for one in controls(document["ui"]):
        if "rule" in one:
            assert one["rule"]["condition"]["scope"].removeprefix("#/properties/") in shown


def test_the_defaults_and_presets_are_good_for_the_form_and_for_the_monitor(
    monitor: PortMonitor[Any],
) -> None:
    document = form.document(monitor)
    fields = document["schema"]["properties"]
    values = {name: one["default"] for name, one in fields.items() if "default" in one}
    values |= {name: EXAMPLE[name] for name in document["schema"]["required"]}
    checker = jsonschema.Draft202012Validator(document["schema"])
    for given in ({}, *(one["values"] for one in document["presets"])):
        checker.validate(values | given)
        monitor.settings.model_validate(values | given)


def test_the_summary_and_the_actions_name_what_there_is(monitor: PortMonitor[Any]) -> None:
    document = form.document(monitor)
    fields = document["schema"]["properties"]
    assert set(re.findall(r"{(\w+)(?:\|initial)?}", document["summary"])) <= set(fields)
    for action in document["actions"]:
        assert set(action.get("fills", ())) <= set(fields)
        command = COMMANDS[action["xcv"]]
        assert action.get("stream", False) == (command.long is not None)
        assert action["access"] == ("administer" if command.administrative else "use")
    for step in [one for steps in document["commit"].values() for one in steps]:
        assert step in COMMANDS
    for pointer in document["messages"]:
        assert pointer.removeprefix("#/properties/") in fields


def test_the_name_changes_with_the_content_and_with_nothing_else(monitor: PortMonitor[Any]) -> None:
    name = form.ui_name(monitor)
    assert re.fullmatch(rf"printfabric\.{monitor.scheme}\.ui;\d+;sha256=[0-9a-f]{{12}}", name)
    assert form.ui_name(monitor) == name

    class Other(type(monitor)):  # type: ignore[misc]
        form: ClassVar[dict[str, Any]] = {**monitor.form, "summary": "another"}

    assert form.ui_name(Other(monitor.init)) != name


def test_a_monitor_that_says_nothing_about_its_form_has_a_usable_one() -> None:
    class Plain(PortSettings):
        pass

    class Monitor(PortMonitor[Plain]):
        scheme, name, settings = "plain", "Acme Port", Plain

        def device(self, port: str, settings: Plain) -> str:
            return ""

        def open_port(self, port: str, settings: Plain, context: Any) -> Any:
            raise NotImplementedError

    document = form.document(Monitor(MonitorInit("h", Path("/nowhere"))))
    jsonschema.Draft202012Validator(FORMAT).validate(document)
    (group,) = document["ui"]["elements"]
    assert [one["options"]["widget"] for one in group["elements"]] == ["number", "number"]
    assert group["elements"][0]["options"]["unit"] == "s"
    assert document["schema"]["properties"]["writeTimeoutS"]["minimum"] == 0.001


SERIAL = next(one for one in MONITORS if one.scheme == "serial")


@pytest.mark.parametrize(
    "values",
    [
        {"stopBits": "1.5"},
        {"stopBits": "1.5", "dataBits": 5},
        {"stopBits": "2", "dataBits": 5},
        {"parity": "mark", "dataBits": 6},
        {"parity": "mark", "dataBits": 7},
        {"baud": 19200, "stopBits": "2"},
        {"baud": 12345},
        {"parity": "strange"},
        {"nonsense": 1},
    ],
)
def test_the_schema_of_a_serial_line_says_what_its_settings_class_says(values: dict[str, Any]) -> None:
    schema = form.document(SERIAL)["schema"]
    defaults = {name: one["default"] for name, one in schema["properties"].items()}
    by_schema = jsonschema.Draft202012Validator(schema).is_valid(defaults | values)
    try:
        SERIAL.settings.model_validate(values)
        by_class = True
    except ValueError:
        by_class = False
    assert by_schema == by_class
