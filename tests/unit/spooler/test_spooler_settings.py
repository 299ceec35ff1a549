import pytest

from chassis.settings_sources import SettingsError, load
from spooler.settings import SpoolerSettings


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
    "text",
    [
        '[[printers]]\nname = "labels"\nports = ["COM1:"]',
        '[[printers]]\nname = ""',
        '[[hosts]]\nname = "a/b"\naddress = "x:1"',
        '[[hosts]]\nname = "a"\naddress = "x:1"\n[[hosts]]\nname = "A"\naddress = "y:1"',
        '[[hosts]]\nname = "a"\naddress = "nowhere"',
        "keep_finished = 5",
    ],
)
def test_a_mistake_in_the_file_is_refused(tmp_path, text):
    with pytest.raises(SettingsError):
        settings(tmp_path, text)
