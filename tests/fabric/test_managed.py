"""Printers and ports that a resource of a cluster declares: nobody else changes them, and is told where it is done."""

import json

import pytest

from printfabric.spooler.v1 import port_service_pb2 as port_pb
from printfabric.spooler.v1 import printer_service_pb2 as pb
from printfabric.spooler.v1 import watch_service_pb2 as watch_pb
from spooler.managed import ManagedElsewhere, ManagedPorts
from spooler.printer import MANAGED_BY, PortName
from tests.fabric.spooler_rig import spooler_running
from tests.fakes.xcv_link import MONITOR

OWNER = "kubernetes:print/till-3"


@pytest.fixture
async def rig(tmp_path):
    async with spooler_running(tmp_path) as rig:
        yield rig


async def test_a_declared_printer_is_changed_and_deleted_by_nobody_else(rig):
    await rig.add_printer(attributes={MANAGED_BY: OWNER, "colour": "red"})
    printer = (await rig.printers.GetPrinter(pb.GetPrinterRequest(name="labels"))).printer
    assert (printer.managed_by, dict(printer.labels)) == (OWNER, {"colour": "red"})
    with pytest.raises(ManagedElsewhere, match="Printer print/till-3") as refused:
        await rig.printers.UpdatePrinter(pb.UpdatePrinterRequest(printer=printer))
    assert (refused.value.win32, refused.value.code) == (5, "FAILED_PRECONDITION")
    assert refused.value.metadata["manager"] == OWNER
    with pytest.raises(ManagedElsewhere):
        await rig.printers.DeletePrinter(pb.DeletePrinterRequest(name="labels", cancel_jobs=True))


async def test_a_declared_printer_is_still_paused_and_resumed_by_people(rig):
    await rig.add_printer(attributes={MANAGED_BY: OWNER})
    paused = (await rig.printers.PausePrinter(pb.PausePrinterRequest(name="labels"))).printer
    resumed = (await rig.printers.ResumePrinter(pb.ResumePrinterRequest(name="labels"))).printer
    assert (paused.paused, resumed.paused, resumed.managed_by) == (True, False, OWNER)


async def test_nobody_makes_a_printer_a_resources_by_saying_so(rig):
    await rig.add_printer()
    said = pb.Printer(name="labels", managed_by=OWNER, description="new")
    changed = (await rig.printers.UpdatePrinter(pb.UpdatePrinterRequest(printer=said))).printer
    assert (changed.managed_by, changed.description) == ("", "new")


@pytest.fixture
async def port(rig):
    body = json.dumps({"host": "10.0.0.7", "port": 9100}).encode()
    added = port_pb.AddPortRequest(parent="hosts/edge", port_id="IP_7", monitor=MONITOR, settings=body)
    await rig.ports.AddPort(added)
    await ManagedPorts(rig.store).claim(PortName("edge", "IP_7"), OWNER)
    return "hosts/edge/ports/IP_7"


async def test_a_declared_port_says_what_declares_it_until_it_is_released(rig, port):
    async def said() -> list[str]:
        listed = await rig.ports.ListPorts(port_pb.ListPortsRequest(parent="hosts/edge"))
        one = (await rig.ports.GetPort(port_pb.GetPortRequest(name=port))).port
        return [one.managed_by, *(here.managed_by for here in listed.ports if here.name == port)]

    assert await said() == [OWNER, OWNER]
    call = rig.watch.Watch(watch_pb.WatchRequest(topics=[watch_pb.WATCH_TOPIC_PORTS]))
    snapshot = await call.read()
    call.cancel()
    assert {one.name for one in snapshot.ports if one.managed_by == OWNER} == {port}
    await ManagedPorts(rig.store).release(PortName("edge", "IP_7"))
    assert await said() == ["", ""]


async def test_a_declared_port_is_configured_and_deleted_by_nobody_else(rig, port):
    with pytest.raises(ManagedElsewhere, match="PrinterPort print/till-3"):
        await rig.ports.ConfigurePort(port_pb.ConfigurePortRequest(name=port, settings=b'{"port": 9101}'))
    with pytest.raises(ManagedElsewhere):
        await rig.ports.DeletePort(port_pb.DeletePortRequest(name="hosts/EDGE/ports/ip_7"))
    assert rig.link.settings["IP_7"]["port"] == 9100


async def test_a_declared_port_is_not_configured_past_the_spooler_by_xcv(rig, port):
    opened = await rig.ports.XcvOpen(port_pb.XcvOpenRequest(port=port, desired_access=1))
    looked = port_pb.XcvDataRequest(handle=opened.handle, data_name="GetConfigInfo")
    assert (await rig.ports.XcvData(looked)).result.status == 0
    command = port_pb.XcvDataRequest(handle=opened.handle, data_name="ConfigPort", input_data=b"{}")
    with pytest.raises(ManagedElsewhere):
        await rig.ports.XcvData(command)
    with pytest.raises(ManagedElsewhere):
        async for _ in rig.ports.StreamXcvData(port_pb.StreamXcvDataRequest(command=command)):
            pass


async def test_a_port_is_one_resources_until_it_is_released(rig):
    managed, name = ManagedPorts(rig.store), PortName("edge", "COM1:")
    await managed.claim(name, OWNER)
    await managed.claim(name, OWNER)  # again: as it is
    with pytest.raises(ManagedElsewhere):
        await managed.claim(PortName("EDGE", "com1:"), "kubernetes:print/other")
    assert await managed.ports_of(OWNER) == [PortName("edge", "com1:")]
    await managed.release(name)
    assert (await managed.manager(name), await managed.managers()) == ("", set())
