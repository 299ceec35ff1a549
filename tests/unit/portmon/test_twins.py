from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portmon.ports import Ports
from portmon.reports import Severity
from tests.unit.portmon.test_xcv import Desk, out


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.ports.close()


def said(ports: Ports, name: str) -> list[str]:
    return [one.text for one in ports.get(name).reports.now() if one.reporter == "twins"]


async def add(desk: Desk, name: str, scheme: str, **settings: Any) -> dict[str, str]:
    found = out(await desk.ask("AddPort", {"name": name, "settings": settings}, monitor=scheme))
    return dict(found["warnings"])


async def test_two_ports_of_one_address_are_flagged_at_both_and_to_whoever_adds_or_changes_them(
    desk: Desk,
) -> None:
    assert await add(desk, "IP_A", "raw", host="printer.test", port=9100) == {}
    assert await add(desk, "IP_B", "raw", host="Printer.test", port=9101) == {}
    change = {"settings": {"host": "PRINTER.test", "port": 9100}}
    changed = out(await desk.ask("ConfigPort", change, port="IP_B"))
    assert changed["warnings"] == {"/host": "IP_A leads to PRINTER.test:9100 too"}
    assert said(desk.ports, "IP_A") == ["IP_B leads to printer.test:9100 too"]
    assert said(desk.ports, "IP_B") == ["IP_A leads to PRINTER.test:9100 too"]
    (report,) = desk.ports.get("IP_B").reports.now()
    assert report.severity is Severity.WARNING
    third = {"name": "IP_C", "settings": {"host": "printer.test"}}
    valid = out(await desk.ask("PortIsValid", third, monitor="raw"))
    assert valid["warnings"] == {"/host": "IP_A, IP_B lead to printer.test:9100 too"}
    assert "IP_C" not in desk.ports
    out(await desk.ask("ConfigPort", {"settings": {"host": "other.test"}}, port="IP_A"))
    assert (said(desk.ports, "IP_A"), said(desk.ports, "IP_B")) == ([], [])


async def test_a_port_that_is_deleted_is_nobodys_twin_and_a_restart_finds_those_there_are(
    desk: Desk, tmp_path: Path
) -> None:
    for name in ("IP_A", "IP_B", "IP_C", "IP_D", "IP_E"):
        await add(desk, name, "lpr", host="10.0.0.7", queue="lp")
    assert said(desk.ports, "IP_C") == ["IP_A, IP_B, IP_D and 1 more lead to 10.0.0.7:515/lp too"]
    for name in ("IP_A", "IP_B", "IP_E"):
        assert (await desk.ask("DeletePort", name, monitor="lpr")).status == 0
    again = Desk(tmp_path)
    assert said(again.ports, "IP_C") == ["IP_D leads to 10.0.0.7:515/lp too"]
    again.ports.close()
    assert (await desk.ask("DeletePort", "IP_D", monitor="lpr")).status == 0
    assert said(desk.ports, "IP_C") == []


async def test_a_line_has_many_names_and_is_one_device(desk: Desk, tmp_path: Path) -> None:
    node, link = tmp_path / "ttyUSB0", tmp_path / "usb-FTDI_A10KXYZ1-if00-port0"
    node.touch()
    await add(desk, "COM3:", "serial", device=str(node))
    link.symlink_to(node)
    warnings = await add(desk, "COM4:", "serial", device=str(link))
    assert warnings["/device"].endswith(f"COM3: leads to {link} too")
    assert said(desk.ports, "COM3:") == [f"COM4: leads to {node} too"]


async def test_files_and_simulated_devices_are_everybodys_own(desk: Desk) -> None:
    for name in ("SIM1", "SIM2"):
        assert await add(desk, name, "sim") == {}
    for name in ("FILE:", "a.prn", "b.prn"):
        assert await add(desk, name, "file") == {}
    assert all(not said(desk.ports, port.name) for port in desk.ports)


async def test_a_name_alone_is_looked_at_where_it_leads_somewhere_by_itself(desk: Desk) -> None:
    found = out(await desk.ask("PortIsValid", "LPT77:"))
    assert found == {"errors": {}, "warnings": {"/device": "/dev/lp76 is not there now"}}
    assert out(await desk.ask("PortIsValid", "IP_1", monitor="raw")) == {"errors": {}, "warnings": {}}
