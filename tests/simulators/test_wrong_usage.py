"""Wrong settings are told in a sentence."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from printfabric_sim.command import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zpl", "--tcp", "99999"], "tcp: 99999"),
        (["zpl", "--tcp", "-1"], "tcp: -1"),
        (["zpl", "--tcp", "0", "--control", "70000"], "70000"),
        (["zpl", "--snmp", "99999"], "snmp: 99999"),
        (["zpl", "--tcp", "0", "--serial-pattern", "("], "regular expression"),
        (["zpl", "--tcp", "0", "--units-per-second", "-1"], "units_per_second: -1"),
        (["zpl", "--tcp", "0", "--units-per-second", "nan"], "units_per_second: nan"),
        (["zpl", "--tcp", "0", "--media", "-3"], "media: -3"),
        (["zpl", "--tcp", "0", "--buffer", "0"], "buffer_bytes: 0"),
        (["zpl", "--tcp", "0", "--path-depth", "0"], "path_depth: 0"),
        (["foo", "--tcp", "0"], "there are: escpos, pjl, plain, zpl"),
        (["./nope.py", "--tcp", "0"], "no personality in nope.py"),
    ],
)
def test_a_wrong_setting_is_told_and_nothing_starts(arguments, said):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output
    assert "ready" not in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("printers: [{tcp: abc}]", "tcp"),
        ("printers: [{faults: 5}]", "faults"),
        ("printers: [{name: 5}]", "name"),
        ("printers: [{record: 5}]", "record"),
        ("printers: [5]", "printers"),
        ("printers: []", "printers"),
        ("{printers: [{tcp: 0}], defaults: 5}", "defaults"),
        ("{printers: [{tcp: 0}], day_s: 0}", "day_s"),
        ('printers: [{tcp: 0, day: [{at: "12:00", fault: bogus}]}]', "bogus"),
        ("printers: [{tcp: 0, day: [{fault: jam}]}]", "day"),
    ],
)
def test_a_fleet_file_with_a_wrong_value_is_told(tmp_path, text, said):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    done = CliRunner().invoke(main, ["fleet", str(path)])
    assert done.exit_code == 2, done.output
    assert said in done.output
