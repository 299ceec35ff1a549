import pytest

from chassis.settings_sources import SettingsError, load
from spooler.settings import SpoolerSettings

_TLS = 'monitors.tls = { ca_file = "ca", cert_file = "c", key_file = "k" }\n'
_FOUND = f'{_TLS}[discovery]\nhost_token_audience = "h"\nhost_accounts = ["print/portmon"]\n'


def settings(tmp_path, text):
    (tmp_path / "spooler.toml").write_text(text)
    return load(SpoolerSettings, ["--config", str(tmp_path / "spooler.toml")], {})


def test_the_defaults_listen_on_this_machine_only():
    assert load(SpoolerSettings, [], {}).server.listen == ("127.0.0.1:26151",)


def test_hosts_and_printers_come_from_the_file(tmp_path):
    found = settings(
        tmp_path,
        """
        keep_finished_s = 60
        [dispatch]
        window = 1
        [[hosts]]
        name = "edge-7"
        address = "10.0.0.7:26152"
        [[printers]]
        name = "labels"
        ports = ["edge-7/COM1:"]
        """,
    )
    assert (found.hosts[0].name, found.printers[0].ports) == ("edge-7", ("edge-7/COM1:",))
    assert (found.dispatch.window, found.keep_finished_s) == (1, 60)


@pytest.mark.parametrize(
    "name", ["database_bytes", "keep_finished_jobs", "keep_decisions", "keep_decision_bytes"]
)
def test_a_limit_is_taken_away_in_a_file_and_in_the_environment(tmp_path, name):
    assert getattr(load(SpoolerSettings, [], {}), name) is not None
    assert getattr(settings(tmp_path, f'{name} = "none"'), name) is None
    assert getattr(load(SpoolerSettings, [], {f"PRINTFABRIC_SPOOLER_{name.upper()}": "none"}), name) is None


@pytest.mark.parametrize(
    "text",
    [
        '[[printers]]\nname = "labels"\nports = ["COM1:"]',
        '[[printers]]\nname = ""',
        '[[hosts]]\nname = "a/b"\naddress = "x:1"',
        '[[hosts]]\nname = "a"\naddress = "x:1"\n[[hosts]]\nname = "A"\naddress = "y:1"',
        '[[hosts]]\nname = "a"\naddress = "nowhere"',
        "keep_finished = 5",
        '[discovery]\nhost_token_audience = "h"\nhost_accounts = ["print/portmon"]',  # shown over mutual TLS only
        f'{_TLS}[discovery]\nhost_token_audience = "h"',  # whose?
        f'{_TLS}[discovery]\nhost_accounts = ["print/portmon"]',
        f'{_FOUND}[cluster]\ntoken_audience = "h"',  # what proves a host would open the spooler
        "[discovery]\nhost_certificates = true",  # without TLS
        '[[hosts]]\nname = "a"\naddress = "x:1"\nserver_name = "a"',
    ],
)
def test_a_mistake_in_the_file_is_refused(tmp_path, text):
    with pytest.raises(SettingsError):
        settings(tmp_path, text)


def test_hosts_that_are_found_may_have_to_prove_themselves(tmp_path):
    found = settings(tmp_path, f'{_FOUND}[cluster]\ntoken_audience = "s"').discovery
    assert (found.host_token_audience, found.host_accounts) == ("h", ("print/portmon",))
