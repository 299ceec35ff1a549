import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import InvalidHandle, PortNotFound, UnknownPrintMonitor
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.xcv.answer import Answer
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS
from portmon.xcv.session import ADMINISTER


class Desk:
    """A management session on this host, as an administrator or not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = Ports(
            Registry(MonitorInit("edge-7", folder / "files"), []), LocalPortStore(folder / "p"), folder
        )
        self.xcv = Xcv(self.ports, COMMANDS)

    async def ask(
        self,
        name: str,
        value: Any = None,
        *,
        access: int = ADMINISTER,
        port: str = "",
        monitor: str = "Local Port",
        **more: Any,
    ) -> Answer:
        handle = self.xcv.open(port=port, monitor="" if port else monitor, access=access, who="ada")
        data = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
        return await self.xcv.data(handle, name, data, **more)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.ports.close()


def out(answer: Answer) -> Any:
    assert answer.status == 0, answer
    assert answer.needed == len(answer.output)
    return json.loads(answer.output)


async def test_a_port_is_added_read_changed_and_deleted(desk: Desk) -> None:
    added = out(await desk.ask("AddPort", {"name": "com01:", "settings": "19200,e,7,1,x"}))
    assert added["name"] == "COM1:"
    read = out(await desk.ask("GetConfigInfo", port="com1:"))
    assert (read["monitor"], read["scheme"], read["device"]) == ("Local Port", "serial", "/dev/ttyS0")
    assert (read["settings"]["baud"], read["settings"]["dataBits"]) == (19200, 7)
    change = {"settings": {**read["settings"], "baud": 9600}, "revision": read["revision"]}
    assert out(await desk.ask("ConfigPort", change, port="COM1:"))["pending"] is False
    assert (await desk.ask("ConfigPort", change, port="COM1:")).status == 1306
    assert out(await desk.ask("GetConfigInfo", port="COM1:"))["settings"]["baud"] == 9600
    assert out(await desk.ask("PortExists", "com1:"))["exists"] is True
    assert (await desk.ask("DeletePort", "COM1:")).status == 0
    assert out(await desk.ask("PortExists", "com1:"))["exists"] is False
    assert (await desk.ask("DeletePort", "COM1:")).status == 2


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("AddPort", {"name": "LPT1:"}, 183),
        ("AddPort", {"name": "lpt01:"}, 183),
        ("AddPort", None, 87),
        ("AddPort", b"{not json", 13),
        ("AddPort", b"\xff\xfe", 13),
        ("AddPort", b"[" * 100_000, 13),
        ("AddPort", b'"' + b"x" * 70_000 + b'"', 13),
        ("AddPort", {"name": 7}, 13),
        ("AddPort", {"name": "a,b"}, 123),
        ("AddPort", {"name": ""}, 123),
        ("AddPort", {"name": "../../etc/passwd"}, 123),
        ("AddPort", {"name": "COM9:", "settings": {"baud": "fast"}}, 87),
        ("AddPort", {"name": "COM9:", "settings": {"nonsense": 1}}, 87),
        ("AddPort", {"name": "COM9:", "settings": 7}, 13),
        ("AddPort", {"name": "COM9:", "scheme": "warp"}, 3000),
        ("ConfigPort", {"name": "COM9:", "settings": {}}, 2),
        ("DeletePort", "", 2),
        ("GetConfigInfo", "COM9:", 2),
        ("PortIsValid", "", 3),
        ("PortIsValid", "COM77:", 0),
        ("PortIsValid", "labels.prn", 0),
        ("PortIsValid", "a/../b", 123),
        ("PortIsValid", {"name": "COM1:", "settings": {"parity": "odd"}}, 0),
        ("PortIsValid", {"name": "COM1:", "settings": {"parity": "strange"}}, 87),
        ("addport", {"name": "COM9:"}, 87),
        ("", None, 87),
        ("Nope", None, 87),
    ],
)
async def test_each_commands_own_result(desk: Desk, name: str, value: Any, status: int) -> None:
    await desk.ports.add("LPT1:", "Local Port", {})
    answer = await desk.ask(name, value)
    assert answer.status == status
    assert bool(answer.message) == bool(status)
    assert sorted(port.name for port in desk.ports) == ["LPT1:"]
    assert not (desk.folder / "files").exists(), "a check touched the disk"


@pytest.mark.parametrize("name", ["AddPort", "DeletePort", "ConfigPort"])
async def test_changes_need_the_administrators_bit(desk: Desk, name: str) -> None:
    answer = await desk.ask(name, {"name": "COM9:", "settings": {}}, access=2)
    assert answer.status == 5
    assert not list(desk.ports)


@pytest.mark.parametrize("name", ["MonitorUI", "DescribeUI", "PortExists", "EnumDevices"])
async def test_reading_needs_no_right(desk: Desk, name: str) -> None:
    assert (await desk.ask(name, access=0)).status == 0


async def test_wrong_settings_are_told_by_field_for_the_form(desk: Desk) -> None:
    answer = await desk.ask("AddPort", {"name": "COM9:", "settings": {"baud": 1, "dataBits": 12}})
    errors = json.loads(answer.output)["errors"]
    assert set(errors) == {"/baud", "/dataBits"}


async def test_an_answer_that_is_too_large_says_how_large(desk: Desk) -> None:
    whole = await desk.ask("MonitorUI")
    for most, status in ((len(whole.output), 0), (len(whole.output) - 1, 122), (0, 122)):
        answer = await desk.ask("MonitorUI", most=most)
        assert (answer.status, answer.needed) == (status, len(whole.output))
        assert answer.output == (whole.output if status == 0 else b"")


async def test_the_same_request_is_done_once(desk: Desk) -> None:
    handle = desk.xcv.open(monitor="Local Port", access=ADMINISTER)
    data = b'{"name": "COM9:"}'
    first = await desk.xcv.data(handle, "AddPort", data, request_id="r1")
    again = await desk.xcv.data(handle, "AddPort", data, request_id="r1")
    other = await desk.xcv.data(handle, "AddPort", data, request_id="r2")
    assert (first, again.status, other.status) == (again, 0, 183)


async def test_a_port_that_printers_use_is_not_deleted(desk: Desk) -> None:
    port = await desk.ports.add("COM9:", "Local Port", {})
    port.used_by.add("fabric")
    assert (await desk.ask("DeletePort", "COM9:")).status == 170
    port.used_by.clear()
    assert (await desk.ask("DeletePort", "COM9:")).status == 0


async def test_a_failed_delete_leaves_the_port_usable(desk: Desk) -> None:
    port = await desk.ports.add("COM9:", "Local Port", {})
    (desk.folder / "p.new").mkdir()
    assert (await desk.ask("DeletePort", "COM9:")).status != 0
    assert (port.deleted, "COM9:" in desk.ports) == (False, True)


async def test_sessions_are_about_something_that_exists_and_end(desk: Desk) -> None:
    with pytest.raises(PortNotFound) as refused:
        desk.xcv.open(port="COM9:")
    assert refused.value.win32 == 1796
    with pytest.raises(UnknownPrintMonitor) as unknown:
        desk.xcv.open(monitor="WSD Port")
    assert unknown.value.win32 == 1796
    handle = desk.xcv.open(monitor="local port")
    desk.xcv.close(handle)
    desk.xcv.close(handle)  # it is closed, whoever asks for that again
    for never in (b"", b"garbage"):
        with pytest.raises(InvalidHandle):
            desk.xcv.close(never)
    for dead in (handle, b"garbage"):
        with pytest.raises(InvalidHandle):
            await desk.xcv.data(dead, "MonitorUI", b"")
    # Without any handle the command is delivered all the same; only PortIsValid needs none.
    assert (await desk.xcv.data(b"", "MonitorUI", b"")).status == 6
    assert (await desk.xcv.data(b"", "PortIsValid", b'"LPT1:"')).status == 0
    with pytest.raises(InvalidHandle):
        await desk.xcv.data(b"", "AddPort", b'"x"')


@pytest.mark.parametrize("name", ["GetConfigInfo", "ConfigPort", "DeletePort", "AddPort"])
async def test_a_session_on_a_port_is_about_that_port_alone(desk: Desk, name: str) -> None:
    for port in ("COM1:", "COM2:"):
        await desk.ports.add(port, "Local Port", {})
    for other in ("COM2:", "com02:", "COM9:"):
        answer = await desk.ask(name, {"name": other, "settings": {"baud": 300}}, port="COM1:")
        assert answer.status == 5, (name, other)
        assert "COM1:" in answer.message
    assert [port.name for port in desk.ports] == ["COM1:", "COM2:"]
    assert out(await desk.ask("GetConfigInfo", port="COM2:"))["settings"]["baud"] == 9600
    assert (await desk.ask("ConfigPort", {"name": "com01:", "settings": {}}, port="COM1:")).status == 0
    assert (await desk.ask("DeletePort", port="COM1:")).status == 0


@pytest.mark.parametrize("monitor", ["Local Port", "local port", "serial"])
async def test_a_session_on_a_monitor_is_about_its_ports_alone(desk: Desk, monitor: str) -> None:
    await desk.ports.add("COM1:", "Local Port", {})
    await desk.ports.add("IP_1", "Standard TCP/IP Port", {"host": "127.0.0.1"})
    for name in ("GetConfigInfo", "ConfigPort", "DeletePort"):
        value = {"name": "ip_1", "settings": {"host": "10.0.0.1"}}
        assert (await desk.ask(name, value, monitor=monitor)).status == 5, name
    foreign = {"name": "IP_2", "scheme": "raw", "settings": {"host": "10.0.0.1"}}
    assert (await desk.ask("AddPort", foreign, monitor=monitor)).status == 5
    assert [port.name for port in desk.ports] == ["COM1:", "IP_1"]
    assert out(await desk.ask("GetConfigInfo", {}, port="IP_1"))["settings"]["host"] == "127.0.0.1"
    assert (await desk.ask("AddPort", {"name": "COM2:", "scheme": "serial"}, monitor=monitor)).status == 0
    assert (await desk.ask("ConfigPort", {"name": "COM2:", "settings": {}}, monitor=monitor)).status == 0
    assert (await desk.ask("DeletePort", "COM1:", monitor=monitor)).status == 0
    assert out(await desk.ask("PortExists", "IP_1", monitor=monitor))["exists"] is True  # asks the host


async def test_a_name_behind_which_something_else_than_a_file_lies_is_not_valid(desk: Desk) -> None:
    sandbox = desk.xcv.ports.registry.init.sandbox
    sandbox.mkdir(parents=True, exist_ok=True)
    os.mkfifo(sandbox / "pipe.prn")
    (sandbox / "lost.prn").symlink_to(sandbox / "nowhere")
    (sandbox / "there.prn").write_bytes(b"")
    for name, status in (("pipe.prn", 5), ("lost.prn", 5), ("there.prn", 0), ("new.prn", 0)):
        assert (await desk.xcv.data(b"", "PortIsValid", f'"{name}"'.encode())).status == status, name
