"""Dialling out: which addresses, who may answer there, and the door that the spooler comes in by."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from chassis.client import Channels
from chassis.settings import ChannelSettings, ClientTlsSettings, ServerSettings
from chassis.tasks import Tasks
from portmon.dial_out import out
from portmon.dial_out.addresses import addresses_of, server_name
from portmon.dial_out.dialling import Dialling
from portmon.dial_out.spooler_link import Itself
from portmon.settings import DialOutSection, PortmonSettings
from tests.rig.until import until
from tests.surroundings import free_port

UNKNOWN = f"{'x' * 64}.example:1"  # longer than a name can be: nobody has to be asked
ITSELF = Itself("edge-7", "run-1", "1.0")


def settings(*spoolers: str, channel: ChannelSettings | None = None) -> PortmonSettings:
    return PortmonSettings(
        host_name="edge-7",
        dial_out=DialOutSection(spoolers=spoolers),
        dial_out_channel=channel or ChannelSettings(),
    )


async def test_every_address_of_a_name_is_a_spooler_and_a_socket_is_its_own():
    assert await addresses_of("localhost:26151") == ["127.0.0.1:26151"]
    assert await addresses_of("127.0.0.2:1") == ["127.0.0.2:1"]
    assert await addresses_of("[::1]:26151") == ["[::1]:26151"]
    assert await addresses_of("unix:/run/spooler.sock") == ["unix:/run/spooler.sock"]
    with pytest.raises(OSError, match="no name"):
        await addresses_of(UNKNOWN)


@pytest.mark.parametrize("spooler", ["spooler.example:26151", "10.0.0.7:26151", "[fd00::7]:26151"])
def test_who_answers_elsewhere_has_to_prove_itself(spooler: str):
    with pytest.raises(ValidationError, match="not known without TLS"):
        settings(spooler)
    tls = ClientTlsSettings(ca_file=Path("ca.pem"))
    assert settings(spooler, channel=ChannelSettings(tls=tls)).dial_out.spoolers == (spooler,)
    settings(spooler, channel=ChannelSettings(plaintext=True))
    settings("127.0.0.1:26151", "unix:/run/spooler.sock")


@pytest.mark.parametrize(
    ("spooler", "name"),
    [("spool.example:26151", "spool.example"), ("[fd00::7]:1", "fd00::7"), ("10.0.0.7:1", "10.0.0.7")],
)
def test_the_name_that_is_dialled_is_the_name_to_be_proven(spooler: str, name: str):
    assert server_name(spooler) == name
    tls = ClientTlsSettings(ca_file=Path("ca.pem"))
    dialled = out._for(ChannelSettings(tls=tls), spooler)
    assert dialled.tls is not None
    assert dialled.tls.server_name == name
    given = ChannelSettings(tls=tls.model_copy(update={"server_name": "front.example"}))
    assert out._for(given, spooler) == given


def test_a_door_has_nothing_beside_it(tmp_path: Path):
    server = ServerSettings(
        listen=("0.0.0.0:26152",),
        plaintext=True,
        metrics_listen="0.0.0.0:9464",
        health_listen="0.0.0.0:8081",
        ready_file=tmp_path / "ready",
        socket_mode="0666",
        max_message_bytes=1 << 20,
    )
    door = out._at(server, tmp_path / "0.sock")
    assert door.listen == (f"unix:{tmp_path}/0.sock",)
    assert (door.metrics_listen, door.health_listen, door.ready_file, door.socket_mode) == (
        None,
        None,
        None,
        "0600",
    )
    assert door.max_message_bytes == 1 << 20


async def test_a_spooler_that_is_away_is_dialled_again_and_again_and_an_unknown_name_asked_for_again(
    tmp_path: Path,
):
    often = DialOutSection(resolve_s=0.1, most_wait_s=0.1)
    async with Channels() as channels, Tasks("dial-out") as tasks:
        away = Dialling(f"localhost:{free_port()}", channels, ITSELF, tmp_path / "door", often)
        nowhere = Dialling(UNKNOWN, channels, ITSELF, tmp_path / "door", often)
        for one in (away, nowhere):
            tasks.spawn(one.spooler, one.run(tasks))
        await until(lambda: away.failed >= 3)
        assert (away.connected, away.dialled, away.tunnels) == ({}, 0, 0)
        assert nowhere.failed == 0
