"""Wrong settings are told in a sentence."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from printfabric_sim.command import main
from printfabric_sim.fleet import load_fleet


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
        (
            ["zpl", "--option", "modl=x"],
            "zpl has no option 'modl'; there are: firmware, hs_silent, model, serial_number",
        ),
        (["zpl", "--option", "hs_silent=maybe"], "option hs_silent: 'maybe' is not possible; it is yes|no"),
        (["plain", "--option", "lines=0"], "option lines: '0' is not possible"),
        (["zpl", "--keep-units", "0"], "keep_units: 0"),
        (["zpl", "--pty", "", "--line", "9600,9"], "the form is 9600,8,N,1"),
        (["zpl", "--fault", "noise"], "can have no effect on this printer: it has no line to disturb"),
        (["zpl", "--pty", "", "--fault", "refuse@time:9"], "it has no port that receives connections"),
        (["plain", "--fault", "jam@reply:1"], "a plain printer never replies"),
        (["zpl", "--record", "/dev/null/x"], "Not a directory"),
        (["zpl", "--tcp", "0", "--line", "9600"], "--line means nothing without --pty or --rfc2217"),
        (["zpl", "--tcp", "0", "--flow", "none"], "--flow means nothing without --pty"),
        (["zpl", "--lpd", "0", "--simultaneous", "2"], "--simultaneous means nothing without --tcp"),
        (["zpl", "--lpd", "0", "--refuse-others"], "--refuse-others means nothing without --tcp"),
        (["zpl", "--snmp", "0", "--rcvbuf", "1"], "--rcvbuf means nothing without --tcp or --lpd or --ipp"),
        (["zpl", "--tcp", "0", "--community", "x"], "--community means nothing without --snmp"),
        (["fleet", "nowhere.yaml"], "there is no fleet nowhere.yaml"),
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
        ("printers: [{tcp: 0, day: 5}]", "day"),
        ("printers: [{tcp: 0, day: [{at: 25:00, fault: jam}]}]", "zpl-1: day: '25:00' is no time"),
        ("printers: [{tcp: 0, day: [{at: 840, fault: jam}]}]", "840 is no time of day"),
        ("printers: [{tcp: 0, day: [{at: 12:00, fault: noise}]}]", "can have no effect"),
        ("printers: [{tcp: 0, count: many}]", "count"),
        ("printers: [{tcp: 0, count: 0}]", "count"),
        ("printers: [{pty: tty, count: 2}]", "two printers have the pty"),
        ("printers: [{tcp: 0, units_per_second: null}]", "units_per_second: None"),
        ("printers: [{tcp: 0.5}]", "tcp: 0.5 is not a whole number"),
        ("printers: [{tcp: 0, paced: sometimes}]", "paced"),
        ("printers: [{tcp: 0, flow: dtr}]", "there are: xonxoff, rtscts, none"),
        ("printers: [{tcp: 0, faults: [5]}]", "faults"),
        ("printers: [{tcp: 0, options: {modl: x}}]", "no option 'modl'"),
        ("printers: [{name: dock, tcp: abc}]", "printer dock: tcp: 'abc' is not a number"),
        ("printers: [{name: dock, tcp: 0, faults: noise}]", "printer dock: noise: can have no effect"),
        ("printers: [{tcp: 0, fault: jam}]", "no setting 'fault'; it is called faults"),
        (
            "{printers: [{name: dock, tcp: 0, day: [{at: 12:00, fault: power-cut=20}]}], day_s: 10}",
            "printer dock: power-cut=20 would never end: a day lasts 10 s",
        ),
        (
            "{printers: [{name: dock, tcp: 0, day: [{at: 12:00, fault: media-out=20}]}], day_s: 10}",
            "printer dock: media-out=20 would never end: a day lasts 10 s",
        ),
        ("{printers: [{tcp: 0}], control: abc}", "control"),
        ("{printers: [{tcp: 0}], contrl: 1}", "there are: control, day_s, defaults, output, printers"),
    ],
)
def test_a_fleet_file_with_a_wrong_value_is_told(tmp_path, text, said):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    done = CliRunner().invoke(main, ["fleet", str(path)])
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output
    assert "ready" not in done.output


@pytest.mark.parametrize(("at", "share"), [('"09:30"', 570), ("09:30", 570), ("14:00", 840), ("0:05", 5)])
def test_a_time_of_day_may_be_written_with_and_without_quotes(tmp_path, at, share):
    path = tmp_path / "file.yaml"
    path.write_text(f"printers: [{{tcp: 0, day: [{{at: {at}, fault: jam}}]}}]")
    (plan,) = load_fleet(str(path)).plans
    assert plan.days == ((share / 1440, "jam"),)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def", "cannot be loaded: SyntaxError"),
        ("import nonsense_nobody_has", "cannot be loaded: ModuleNotFoundError"),
        ("", "defines no Personality"),
        (
            "from printfabric_sim.personality import Personality\nclass A(Personality): pass",
            "A has no name and no kind",
        ),
        (
            "from printfabric_sim.personality import Personality\nclass A(Personality): name, kind = 'a', 'b'",
            "A cannot be made: TypeError",
        ),
    ],
)
def test_a_file_that_is_no_personality_is_told(tmp_path, source, said):
    path = tmp_path / "ours.py"
    path.write_text(source + "\n")
    done = CliRunner().invoke(main, [str(path), "--tcp", "0"])
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output
