"""A device that is unplugged and plugged in again, as watchers of its port monitor and users of its spooler see it."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import grpc

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1.monitor_service_pb2_grpc import MonitorServiceStub
from printfabric.types.v1 import port_pb2
from printfabric_client.sync import Client
from tests.fakes.device_tree import FakeDevices
from tests.rig.programs import Program, wait_until
from tests.rig.real_fabric import portmon_settings, spooler_settings, toml

PATIENCE_S = 30


class Watcher:
    """What WatchPorts has said last of the one port."""

    def __init__(self, address: str) -> None:
        self.last: port_pb2.Port | None = None
        self._channel = grpc.insecure_channel(address)
        owner = pb.PortOwner(fabric_id="watchers", spooler_id="watcher")
        self._call = MonitorServiceStub(self._channel).WatchPorts(pb.WatchPortsRequest(owner=owner))
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for news in self._call:
                self.last = next(iter(news.ports), self.last)
        except grpc.RpcError:
            return

    def close(self) -> None:
        self._call.cancel()
        self._thread.join()
        self._channel.close()

    def said(self) -> tuple[str, bool]:
        """Return the port's word, and whether it has a sentence."""
        return _said(self.last) if self.last is not None else ("", False)


def test_a_port_whose_device_is_back_is_ready_for_everybody_before_any_document(tmp_path: Path) -> None:
    devices = FakeDevices(tmp_path / "host")
    adapter = devices.plug("ttyUSB0", serial="A10KXYZ1")
    lines = [f'device_root = "{devices.tree.dev}"', f'sys_root = "{devices.tree.sys}"', "[[ports]]"]
    lines += ['name = "COM1:"', 'monitor = "serial"', f"settings = {toml({'device': str(adapter.links[0])})}"]
    portmon = Program("portmon", tmp_path, portmon_settings(tmp_path / "pm", [], "\n".join(lines)))
    portmon.start()
    printers = {"labels": ["COM1:"]}
    spooler = Program("spooler", tmp_path, spooler_settings(tmp_path / "sp", portmon.address, printers))
    spooler.start()
    watcher = Watcher(portmon.address)
    try:
        with Client(spooler.address) as client:

            def seen() -> list[tuple[str, bool]]:
                return [watcher.said(), *map(_said, client.ports.list())]

            job = client.submit(b"^XA^XZ", printer="labels")
            client.wait(job.number, timeout_s=PATIENCE_S)  # since then the spooler has the port open
            adapter.unplug()
            wait_until(lambda: seen() == [("PORT_STATE_OFFLINE", True)] * 2, why="it is not told to be away")
            devices.plug("ttyUSB7", serial="A10KXYZ1")
            wait_until(lambda: seen() == [("PORT_STATE_READY", False)] * 2, why="it is not told to be back")
    finally:
        watcher.close()
        spooler.stop()
        portmon.stop()
        devices.close()


def _said(port: Any) -> tuple[str, bool]:
    """Return a port's word, and whether it has a sentence."""
    return port_pb2.PortState.Name(port.state), any(one.text for one in port.status)
