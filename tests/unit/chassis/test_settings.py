from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from chassis.settings import Section, ServerSettings, Settings, is_loopback
from chassis.settings_sources import EX_CONFIG, SettingsError, load, load_or_exit


class Database(Section):
    url: str = Field(default="sqlite:///spool.db", description="where jobs are kept")
    password: SecretStr = Field(default=SecretStr(""), description="of the database")
    pool_size: int = Field(default=4, ge=1, le=64)


class DemoSettings(Settings):
    service = "demo"

    database: Database = Database()
    workers: int = Field(default=2, ge=1, le=16, description="1 to 16")
    hosts: tuple[str, ...] = ()
    fast: bool = False


class Strict(Settings):
    service = "strict"

    directory: Path = Field(description="where documents are kept")


@pytest.fixture(autouse=True)
def _no_secrets_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr("chassis.settings_sources.DEFAULT_SECRETS", tmp_path / "nothing")


def file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "demo.toml"
    path.write_text(text)
    return str(path)


def wrong(argv: list[str], environ: dict[str, str] | None = None, cls: type[Settings] = DemoSettings) -> str:
    with pytest.raises(SettingsError) as caught:
        load(cls, argv, environ or {})
    return str(caught.value)


def test_everything_has_a_default():
    settings = load(DemoSettings, [], {})
    assert settings.server.listen == ("127.0.0.1:0",)
    assert (settings.workers, settings.database.pool_size) == (2, 4)


def test_a_flag_wins_over_a_variable_over_a_secret_over_the_file(tmp_path):
    config = file(tmp_path, 'workers = 3\nhosts = ["a"]\n[database]\nurl = "file"\npool_size = 5\n')
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "database.url").write_text("secret\n")
    (secrets / "workers").write_text("4")
    environ = {"PRINTFABRIC_CONFIG": config, "PRINTFABRIC_DEMO_WORKERS": "5"}
    flags = ["--secrets-dir", str(secrets)]
    settings = load(DemoSettings, flags, environ)
    assert (settings.database.pool_size, settings.database.url, settings.workers) == (5, "secret", 5)
    assert load(DemoSettings, [*flags, "--workers", "6"], environ).workers == 6


def test_a_secret_is_found_by_its_name_and_never_shown(tmp_path):
    (tmp_path / "DATABASE__PASSWORD").write_text("hunter2\n")
    settings = load(DemoSettings, [f"--secrets-dir={tmp_path}"], {})
    assert settings.database.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)
    (tmp_path / "workers").write_text("hunter3")
    assert "hunter3" not in wrong([f"--secrets-dir={tmp_path}"])


def test_a_secret_is_not_taken_from_a_command_line_and_not_repeated():
    said = wrong(["--database.password", "hunter2"])
    assert "all can read command lines" in said
    assert "PRINTFABRIC_DEMO_DATABASE__PASSWORD" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "argv",
    [["--database.pool-size", "7"], ["--pool-size=7"], ["--database.pool_size", "7"]],
)
def test_a_flag_may_be_cut_to_its_last_part(argv):
    assert load(DemoSettings, argv, {}).database.pool_size == 7


def test_an_ambiguous_flag_names_what_it_could_be():
    class Two(DemoSettings):
        other: Database = Database()

    assert wrong(["--url", "x"], cls=Two) == "flag --url: could be any of --database.url, --other.url"


def test_switches_take_no_value():
    assert load(DemoSettings, ["--fast"], {}).fast
    assert load(DemoSettings, ["--fast", "--reflection", "--workers", "3"], {}).server.reflection
    assert not load(DemoSettings, ["--no-fast"], {"PRINTFABRIC_DEMO_FAST": "true"}).fast
    assert not load(DemoSettings, ["--fast=false"], {}).fast


def test_lists_come_by_commas_json_or_repetition():
    assert load(DemoSettings, ["--hosts", "a,b"], {}).hosts == ("a", "b")
    assert load(DemoSettings, ["--hosts", "a", "--hosts", "b"], {}).hosts == ("a", "b")
    assert load(DemoSettings, [], {"PRINTFABRIC_DEMO_HOSTS": '["a,b"]'}).hosts == ("a,b",)


def test_tables_of_names_are_set_by_entry():
    argv = ["--server.access.roles.viewer", "token:a,token:b"]
    assert load(DemoSettings, argv, {}).server.access.roles == {"viewer": ("token:a", "token:b")}


def test_a_wrong_value_names_place_key_and_what_is_allowed(tmp_path):
    config = file(tmp_path, 'workers = "many"\n')
    line = wrong(["--config", config])
    assert line == (
        f"file {config}: workers: 'many': should be a valid integer, unable to parse string as an integer (1 to 16)"
    )
    assert wrong(["--workers", "99"]).startswith(
        "flag --workers: workers: '99': should be less than or equal to 16"
    )
    assert wrong([], {"PRINTFABRIC_DEMO_SERVER__LISTEN": "here"}).startswith(
        "environment variable PRINTFABRIC_DEMO_SERVER__LISTEN: server.listen.0: 'here': an address is host:port"
    )


def test_two_wrong_values_are_two_lines():
    assert len(wrong(["--workers", "0", "--pool-size", "0"]).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wrokers = 3\n", "wrokers: no such setting; did you mean workers?"),
        ("[server]\nlisten_on = 3\n", "server.listen_on: no such setting; did you mean server.listen?"),
        ("workers = \n", "not TOML: "),
        ("server = 3\n", "server: 3: should be a valid dictionary"),
        ("[workers]\na = 1\n", "workers: should be a valid integer"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, text, message):
    config = file(tmp_path, text)
    line = wrong(["--config", config])
    assert line.startswith(f"file {config}: ")
    assert message in line
    assert "\n" not in line


def test_files_that_cannot_be_read_say_so(tmp_path):
    assert (
        wrong(["--config", str(tmp_path / "no.toml")])
        == f"file {tmp_path}/no.toml: No such file or directory"
    )
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    assert wrong(["--config", str(tmp_path / "x.toml")]).endswith("not UTF-8 text")
    assert "Is a directory" in wrong(["--config", str(tmp_path)])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--wrokers", "3"], "flag --wrokers: no such setting; did you mean --workers?"),
        (["workers"], "command line: 'workers' is not a flag"),
        (["--workers"], "flag --workers: a value is missing"),
    ],
)
def test_wrong_flags(argv, message):
    assert wrong(argv).startswith(message)


def test_a_misspelt_variable_is_an_error_and_a_service_link_is_not():
    assert "did you mean PRINTFABRIC_DEMO_WORKERS?" in wrong([], {"PRINTFABRIC_DEMO_WORKRES": "1"})
    links = {
        "PRINTFABRIC_DEMO_SERVICE_HOST": "10.0.0.1",
        "PRINTFABRIC_DEMO_SERVICE_PORT_GRPC": "50051",
        "PRINTFABRIC_DEMO_PORT": "tcp://10.0.0.1:50051",
        "PRINTFABRIC_DEMO_PORT_50051_TCP_ADDR": "10.0.0.1",
        "PRINTFABRIC_OTHER_WORKERS": "9",
    }
    assert load(DemoSettings, [], links).workers == 2


def test_a_missing_value_says_how_to_give_it():
    assert wrong([], cls=Strict) == (
        "settings: directory: is required; set it in the file, as PRINTFABRIC_STRICT_DIRECTORY or --directory"
    )


def test_the_program_exits_with_78_and_no_traceback(capsys):
    with pytest.raises(SystemExit) as caught:
        load_or_exit(DemoSettings, ["--workers", "x"])
    assert caught.value.code == EX_CONFIG
    said = capsys.readouterr().err
    assert said.startswith("fabric-demo: flag --workers: workers: 'x': ")
    assert "Traceback" not in said


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        load(DemoSettings, ["--help"], {})
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "--workers  [default 2]" in said
    assert "--server.tls.cert-file  [required for server.tls]" in said


def test_help_shows_the_default_of_the_service_and_not_of_its_table(capsys):
    class Elsewhere(DemoSettings):
        server: ServerSettings = ServerSettings(listen=("127.0.0.1:4711",))

    with pytest.raises(SystemExit):
        load(Elsewhere, ["--help"], {})
    assert "--server.listen  [default 127.0.0.1:4711]" in capsys.readouterr().out


def test_a_section_that_is_set_in_part_keeps_the_programs_own_defaults_in_the_rest():
    class Program(Settings):
        server: ServerSettings = ServerSettings(listen=("127.0.0.1:4711",))

    assert load(Program, ["--server.grace-s", "5"]).server == ServerSettings(
        listen=("127.0.0.1:4711",), grace_s=5
    )
    assert load(Program, ["--server.listen", "127.0.0.1:1"]).server.listen == ("127.0.0.1:1",)


def test_settings_are_frozen_and_plain_enough_to_print():
    settings = load(DemoSettings, [], {})
    with pytest.raises(ValueError, match="frozen"):
        settings.workers = 3
    assert json.loads(settings.model_dump_json())["workers"] == 2


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1:1", True), ("[::1]:1", True), ("unix:/x", True), ("localhost:0", True), ("0.0.0.0:1", False),
     (":1", False), ("[::]:1", False), ("10.0.0.1:1", False), ("example.com:1", False)],
)  # fmt: skip
def test_what_only_this_machine_can_reach(address, loopback):
    assert is_loopback(address) is loopback


def test_the_lan_profile_is_the_measured_one():
    keepalive = load(DemoSettings, [], {}).server.keepalive
    assert dict(keepalive.server_options()) == {
        "grpc.keepalive_time_ms": 5000,
        "grpc.keepalive_timeout_ms": 3000,
        "grpc.http2.ping_timeout_ms": 3000,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.max_pings_without_data": 0,
        "grpc.http2.min_ping_interval_without_data_ms": 1000,
    }
    wan = load(DemoSettings, ["--profile", "wan"], {}).server.keepalive
    assert (wan.effective_time_s, wan.effective_timeout_s) == (30, 20)
