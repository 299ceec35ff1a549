"""Another host answers where one is dialled: nothing is done at its ports, and the host that was meant is shown with the reason."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from chassis.client import Channels
from chassis.errors import HostUnreachable
from chassis.tasks import Tasks
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from spooler.host_directory import HostDirectory
from spooler.hosts import HostInfo, Hosts
from spooler.introduction import WrongHost
from spooler.port import DocumentInfo, DocumentKey, StagedDocument, StagedPart
from spooler.remote_port import RemoteHost
from tests.contract.monitor_host import OWNER, Host, served_host
from tests.rig.until import until

KEY = DocumentKey((1_800_000_000_000).to_bytes(6, "big") + b"\x70" + bytes(9), 1)


class _Hub:
    """Hears news, does nothing with them."""

    def port(self, port: object) -> None: ...

    def host(self, host: object) -> None: ...

    def deleted(self, name: str) -> None: ...


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path, greeted=False) as running:  # it is edge-7
        yield running


@pytest.fixture
async def fabric() -> AsyncIterator[tuple[Hosts, HostDirectory]]:
    async with Channels() as channels, Tasks("test") as tasks:
        hosts = Hosts(_Hub(), tasks)
        directory = HostDirectory(hosts, channels, ("fabric", "spooler"), 30.0, _now)
        await hosts.start()
        yield hosts, directory


async def _now() -> int:
    return int(time.time() * 1000) - 1000


async def _nothing() -> AsyncIterator[StagedPart]:
    return
    yield


def _is(hosts: Hosts, name: str, state: str) -> bool:
    info = hosts.get(name)
    return info is not None and info.state == state


def _shown(hosts: Hosts, name: str) -> HostInfo:
    info = hosts.get(name)
    assert info is not None
    return info


async def test_whatever_is_asked_of_a_host_is_refused_where_another_answers_and_leaves_that_one_alone(
    host: Host,
) -> None:
    async with grpc.aio.insecure_channel(host.address) as channel:
        link = RemoteHost("edge-8", host.address, channel, ("fabric", "spooler"), 30.0, _now)
        document = StagedDocument(KEY, DocumentInfo("labels", 1, size_bytes=3))
        for asked in (
            link.initialize,
            lambda: link.open_port("IP_1", 1, "labels"),
            lambda: link.query("IP_1", [KEY]),
            lambda: link.settle("IP_1", [KEY]),
            lambda: link.stage("IP_1", document, _nothing()),
        ):
            with pytest.raises(WrongHost, match="host edge-7 answers where host edge-8 is dialled") as caught:
                await asked()
            assert (caught.value.reason, caught.value.code) == ("WRONG_HOST", "UNAVAILABLE")
            assert caught.value.metadata == {"host": "edge-8", "answered": "edge-7"}
    assert host.ports.get("IP_1").hold is None
    asked_about = pb.QueryDocumentsRequest(owner=OWNER, port="IP_1")
    asked_about.documents.add(job_uid=KEY.uid, attempt=KEY.attempt)
    [told] = (await host.monitor.QueryDocuments(asked_about)).documents
    assert told.phase == pb.DOCUMENT_PHASE_UNKNOWN, "it has not been told the fabric's time"


async def test_names_of_hosts_compare_whatever_their_case(host: Host) -> None:
    async with grpc.aio.insecure_channel(host.address) as channel:
        link = RemoteHost("EDGE-7", host.address, channel, ("fabric", "spooler"), 30.0, _now)
        opened = await link.open_port("IP_1", 1, "labels")
        await opened.close()


async def test_a_host_is_shown_with_the_reason_and_its_settings_lead_nowhere_either(
    host: Host, fabric: tuple[Hosts, HostDirectory]
) -> None:
    hosts, directory = fabric
    directory.put("edge-8", host.address)
    await until(lambda: _is(hosts, "edge-8", "silent"))
    assert "host edge-7 answers where host edge-8 is dialled" in _shown(hosts, "edge-8").error
    assert hosts.ports("edge-8") == []
    plane = directory.plane("edge-8")
    for asked in (
        lambda: plane.open(port="IP_1", access=1, who="ada"),
        lambda: plane.set_port("IP_1", None),
        plane.monitors,
    ):
        with pytest.raises(WrongHost):
            await asked()
    directory.put("edge-7", host.address)
    await until(lambda: _is(hosts, "edge-7", "online"))


async def test_a_host_that_moves_to_where_another_answers_is_not_used_there(
    tmp_path: Path, host: Host, fabric: tuple[Hosts, HostDirectory]
) -> None:
    hosts, directory = fabric
    directory.put("edge-7", host.address)
    await until(lambda: _is(hosts, "edge-7", "online"))
    (tmp_path / "other").mkdir()
    async with served_host(tmp_path / "other", greeted=False, name="edge-8") as other:
        directory.put("edge-7", other.address)
        with pytest.raises(WrongHost):
            await hosts.link("edge-7").open_port("IP_1", 1, "labels")
        await until(lambda: _is(hosts, "edge-7", "silent") and "edge-8" in _shown(hosts, "edge-7").error)
        assert other.ports.get("IP_1").hold is None
        directory.put("edge-7", host.address)
        await until(lambda: _is(hosts, "edge-7", "online"))


async def test_a_port_that_was_opened_at_another_host_in_mid_connection_is_closed_before_a_byte(
    host: Host,
) -> None:
    async with grpc.aio.insecure_channel(host.address) as channel:
        link = RemoteHost("edge-7", host.address, channel, ("fabric", "spooler"), 30.0, _now)
        await link.initialize()
        link.introduction._host = "edge-8"  # as if the connection of the handshake were gone
        with pytest.raises(WrongHost):
            await link.open_port("IP_1", 1, "labels")
    await until(lambda: host.ports.get("IP_1").hold is None)


async def test_what_was_asked_over_a_connection_that_broke_is_not_believed(host: Host) -> None:
    async with grpc.aio.insecure_channel(host.address) as channel:
        link = RemoteHost("edge-7", host.address, channel, ("fabric", "spooler"), 30.0, _now)
        run = await link.introduction.met()
        link.introduction.check_still(run)
        link.introduction.forget()
        with pytest.raises(HostUnreachable, match="broke meanwhile"):
            link.introduction.check_still(run)
        assert await link.introduction.met() == run
