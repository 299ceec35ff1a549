"""Errors as one line and an exit code, helps, completion."""

import json

import click
import pytest
from click.testing import CliRunner

import chassis.errors
from printfabric_client.command.program import _COMMANDS, program


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (chassis.errors.AccessDenied("only administrators may do this"), 5),
        (chassis.errors.Unauthenticated("who are you"), 5),
        (chassis.errors.SpoolFull("the spool is full"), 9),
        (chassis.errors.WrongState("job 1 is printing"), 4),
        (chassis.errors.EtagMismatch("changed"), 4),
        (chassis.errors.DeviceOffline("off"), 6),
        (chassis.errors.InvalidArgument("wrong", fields=[("spec.copies", "too many")]), 2),
        (chassis.errors.NotBuiltYet("GetJob"), 1),
        (chassis.errors.Internal("a bug"), 1),
        (chassis.errors.DigestMismatch("other bytes"), 1),
    ],
    ids=lambda v: getattr(v, "reason", v),
)
def test_every_error_is_one_line_and_its_exit_code(run, spooler, error, code):
    spooler.faults.refuse = error
    result = run("cancel", "1")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith(f"printfabric: {error.message}")
    assert "Traceback" not in result.stderr
    told = json.loads(run("cancel", "1", "--json").stderr)["error"]
    assert (told["reason"], told["exit_code"], told["win32"]) == (error.reason, code, error.win32)


def test_a_traceback_is_shown_only_on_request(run, spooler):
    spooler.faults.refuse = chassis.errors.Internal("a bug")
    assert "Traceback" in run("--debug", "cancel", "1").stderr


def test_nobody_there_is_said_in_words(monkeypatch):
    monkeypatch.setenv("PRINTFABRIC_ADDRESS", "127.0.0.1:1")
    result = CliRunner().invoke(program, ["jobs"])
    assert result.exit_code == 6
    assert result.stderr.startswith(
        "printfabric: no spooler answers at 127.0.0.1:1; start one with `printfabric up`"
    )


def test_a_missing_file_is_said_in_words(run):
    result = run("print", "-P", "labels", "/nowhere/box.zpl")
    assert (result.exit_code, result.stderr) == (
        1,
        "printfabric: /nowhere/box.zpl: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["jobs", "--state", "nonsense"], "'nonsense' is not one of"),
        (["prnt"], "there is no command 'prnt'. Did you mean print?"),
        (["print", "--expire", "soon", "-"], "'soon' is no time; write 5min"),
        (["print", "-n", "0", "-"], "0 is not in the range"),
        (["print", "--attribute", "x", "-"], "'x' is not NAME=VALUE"),
        (["print", "--request-id", "a", "1", "2"], "--request-id names one print"),
        (["resume", "1"], "say where: --at 9"),
        (["resolve", "1", "skip", "--units", "9-7"], "is no range"),
        (["--address", "http://x", "jobs"], "http:// is not spoken here"),
        (["ports", "add", "e/COM1:", "-m", "Local Port", "baud"], "'baud' is not NAME=VALUE"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(run, args, words):
    result = run(*args)
    assert result.exit_code == 2
    assert words in result.stderr


def commands() -> list[list[str]]:
    found: list[list[str]] = [[]]
    for name in _COMMANDS:
        found.append([name])
        command = program.get_command(click.Context(program), name)
        found += [[name, sub] for sub in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("args", commands(), ids=" ".join)
def test_every_command_explains_itself(args):
    result = CliRunner().invoke(program, [*args, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.stdout
    assert len(result.stdout.splitlines()) > 4
    short = CliRunner().invoke(program, [*args, "-h"])
    assert (short.exit_code, short.exception, short.stderr) == (0, None, "")
    assert short.stdout == result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed_for_any_shell(shell):
    result = CliRunner().invoke(program, ["completion", shell])
    assert result.exit_code == 0
    assert f"_PRINTFABRIC_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("printfabric ca", {"cancel"}),
        ("printfabric print -P ", {"labels", "receipts"}),
        ("printfabric printers show la", {"labels"}),
        ("printfabric cancel ", {"4711"}),
    ],
)
def test_a_shell_completes_commands_printers_and_jobs(run, file, words, expected):
    run("print", "-P", "labels", file)
    env = {
        "_PRINTFABRIC_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    result = CliRunner(env=env).invoke(
        program, [], prog_name="printfabric", complete_var="_PRINTFABRIC_COMPLETE"
    )
    assert {line.partition(",")[2] for line in result.stdout.splitlines()} >= expected


def test_completion_without_a_fabric_is_quiet_and_quick(monkeypatch):
    monkeypatch.setenv("PRINTFABRIC_ADDRESS", "127.0.0.1:1")
    env = {"_PRINTFABRIC_COMPLETE": "bash_complete", "COMP_WORDS": "printfabric print -P ", "COMP_CWORD": "3"}
    result = CliRunner(env=env).invoke(
        program, [], prog_name="printfabric", complete_var="_PRINTFABRIC_COMPLETE"
    )
    assert (result.stdout.strip(), result.stderr) == ("", "")


def test_the_version_is_told(run):
    assert run("version").stdout.startswith("print-fabric ")
    assert set(json.loads(run("version", "--json").stdout)) == {"print_fabric", "grpcio", "python"}
