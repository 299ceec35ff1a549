"""GetPrinterDataFromPort over the wire: what a port passes through, and to whom."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.monitor.v1 import xcv_service_pb2 as xpb
from tests.contract.monitor_host import OWNER, Host, refusal, served_host

GET_1284_ID, SOFT_RESET = 0x220034, 0x220040


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with served_host(tmp_path) as found:
        yield found


async def open_lpt(host: Host, fifo: Path) -> pb.PortHandle:
    """Add LPT1: with a FIFO for a printer, and open it."""
    opened = await host.xcv.XcvOpenPort(xpb.XcvOpenPortRequest(monitor="Local Port", granted_access=1))
    document = f'{{"name": "LPT1:", "settings": {{"device": "{fifo}"}}}}'.encode()
    request = xpb.XcvDataPortRequest(handle=opened.handle, data_name="AddPort", input_data=document)
    assert (await host.xcv.XcvDataPort(request)).status == 0
    return (await host.monitor.OpenPort(pb.OpenPortRequest(owner=OWNER, port="LPT1:", fence=1))).handle


async def test_a_fifo_answers_that_it_has_no_controls(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lp0")
    reader = os.open(tmp_path / "lp0", os.O_RDONLY | os.O_NONBLOCK)
    handle = await open_lpt(host, tmp_path / "lp0")
    for code in (GET_1284_ID, SOFT_RESET, 0xDEAD):
        request = pb.GetPrinterDataFromPortRequest(handle=handle, control_id=code)
        assert (await refusal(host.monitor.GetPrinterDataFromPort(request)))[:2] == ("UNIMPLEMENTED", 50)
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    os.close(reader)


async def test_a_value_by_name_is_no_port_monitors(host: Host) -> None:
    handle = (await host.open()).handle
    request = pb.GetPrinterDataFromPortRequest(handle=handle, value_name="Installed Memory")
    assert (await refusal(host.monitor.GetPrinterDataFromPort(request)))[:2] == ("INVALID_ARGUMENT", 87)


async def test_a_port_of_the_network_has_no_controls_and_says_so_in_its_capabilities(host: Host) -> None:
    handle = (await host.open()).handle
    request = pb.GetPrinterDataFromPortRequest(handle=handle, control_id=GET_1284_ID)
    assert (await refusal(host.monitor.GetPrinterDataFromPort(request)))[:2] == ("UNIMPLEMENTED", 50)
    monitors = (
        await host.monitor.Initialize(pb.InitializeRequest(owner=OWNER, contract_version="1.0"))
    ).monitors
    able = {
        one.name for one in monitors if pb.MONITOR_FUNCTION_GET_PRINTER_DATA_FROM_PORT in one.capabilities
    }
    assert able == {"Local Port", "ESC/POS", "PJL", "ZPL"}  # the languages' values by name


async def test_a_dead_handle_reaches_no_device(host: Host) -> None:
    handle = (await host.open()).handle
    await host.monitor.ClosePort(pb.ClosePortRequest(handle=handle))
    request = pb.GetPrinterDataFromPortRequest(handle=handle, control_id=GET_1284_ID)
    assert (await refusal(host.monitor.GetPrinterDataFromPort(request)))[1] == 6
