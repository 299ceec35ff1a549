"""Windows' own commands of its two monitors, and inputs that nobody should send."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portmon.monitor import MonitorInit
from portmon.monitors.device import DeviceMonitor
from portmon.port_data import record_of, settings_of
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.xcv.answer import Answer
from portmon.xcv.channel import Xcv
from portmon.xcv.commands import COMMANDS
from portmon.xcv.session import ADMINISTER
from portmon.xcv_payload import Wrong, parsed

TCP = "Standard TCP/IP Port"
DATA = {
    "sztPortName": "IP_10.0.0.7",
    "dwVersion": 2,
    "dwProtocol": 1,
    "cbSize": 0,
    "dwReserved": 0,
    "sztHostAddress": "10.0.0.7",
    "sztSNMPCommunity": "floor2",
    "dwDoubleSpool": 0,
    "sztQueue": "",
    "dwPortNumber": 9101,
    "dwSNMPEnabled": 1,
    "dwSNMPDevIndex": 1,
    "dwPortMonitorMibIndex": 0,
}


def made_in(folder: Path) -> Xcv:
    registry = Registry(MonitorInit("edge-7", folder / "files"), [])
    return Xcv(Ports(registry, LocalPortStore(folder / "p"), folder), COMMANDS)


@pytest.fixture
async def xcv(tmp_path: Path) -> AsyncIterator[Xcv]:
    found = made_in(tmp_path)
    yield found
    found.ports.close()


async def ask(
    xcv: Xcv,
    name: str,
    value: Any = None,
    *,
    port: str = "",
    monitor: str = "Local Port",
    access: int = ADMINISTER,
    most: int | None = None,
) -> Answer:
    handle = xcv.open(port=port, monitor="" if port else monitor, access=access)
    data = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
    return await xcv.data(handle, name, data, most)


def out(answer: Answer) -> Any:
    assert answer.status == 0, answer
    return json.loads(answer.output) if answer.output else None


async def test_the_parallel_ports_time_out_is_45_until_it_is_set_for_the_whole_host(
    xcv: Xcv, tmp_path: Path
) -> None:
    assert out(await ask(xcv, "GetTransmissionRetryTimeout", access=0)) == 45
    for text, seconds in (("0", 0), ("90", 90), ("1000000", 1000000), (60, 60)):
        assert out(await ask(xcv, "ConfigureLPTPortCommandOK", text)) is None
        assert out(await ask(xcv, "GetTransmissionRetryTimeout")) == seconds
    assert LocalPortStore(tmp_path / "p").values() == {"TransmissionRetryTimeout": 60}


async def test_a_parallel_port_waits_as_long_as_the_host_says_unless_it_says_otherwise_itself(
    xcv: Xcv,
) -> None:
    monitor = xcv.ports.registry.scheme("device")
    assert isinstance(monitor, DeviceMonitor)
    plain: Any = (await xcv.ports.add("LPT1:", "Local Port", {})).settings
    own: Any = (await xcv.ports.add("LPT2:", "Local Port", {"writeTimeoutS": 7})).settings
    assert [monitor.write_timeout_s(one) for one in (plain, own)] == [45, 7]
    await ask(xcv, "ConfigureLPTPortCommandOK", "90")
    assert [monitor.write_timeout_s(one) for one in (plain, own)] == [90, 7]
    await ask(xcv, "ConfigureLPTPortCommandOK", "0")
    assert (
        monitor.write_timeout_s(plain) == 45
    )  # 0 is kept and answered; a port that never waits would print nothing


@pytest.mark.parametrize("value", ["does_not_exist", "", "-1", "1.5", True, None, {}, "9" * 40, "٣"])
async def test_a_time_out_that_is_no_number_of_seconds_is_refused(xcv: Xcv, value: Any) -> None:
    assert (await ask(xcv, "ConfigureLPTPortCommandOK", value)).status == 87
    assert out(await ask(xcv, "GetTransmissionRetryTimeout")) == 45


async def test_a_size_probe_has_status_122_and_the_size(xcv: Xcv) -> None:
    answer = await ask(xcv, "GetTransmissionRetryTimeout", most=0)
    assert (answer.status, answer.output, answer.needed) == (122, b"", 4), "a DWORD"
    assert (await ask(xcv, "GetTransmissionRetryTimeout", most=3)).status == 122
    assert (await ask(xcv, "GetTransmissionRetryTimeout", most=4)).output == b"45"


async def test_a_change_without_room_for_its_answer_is_done_and_says_so(xcv: Xcv) -> None:
    answer = await ask(xcv, "AddPort", "COM3:", most=0)
    assert (answer.status, answer.output) == (0, b"")
    assert "COM3:" in xcv.ports


async def test_a_line_is_set_and_read_as_a_whole_or_in_parts(xcv: Xcv) -> None:
    await xcv.ports.add("COM1:", "Local Port", {"writeTimeoutS": 7})
    assert out(await ask(xcv, "SetDefaultCommConfig", "19200,e,7,1,x", port="COM1:")) is None
    found = out(await ask(xcv, "GetDefaultCommConfig", "com1", access=0))
    assert found == {
        "line": "19200,e,7,1,x", "baud": 19200, "dataBits": 7, "parity": "even", "stopBits": "1", "flow": "xonxoff",
    }  # fmt: skip
    assert out(await ask(xcv, "SetDefaultCommConfig", {"baud": 9600}, port="COM1:")) is None
    assert out(await ask(xcv, "GetDefaultCommConfig", "COM1"))["line"] == "9600,e,7,1,x"
    assert xcv.ports.get("COM1:").settings.write_timeout_s == 7


async def test_a_line_is_refused_where_there_is_none(xcv: Xcv) -> None:
    await xcv.ports.add("LPT1:", "Local Port", {})
    await xcv.ports.add("COM1:", "Local Port", {})
    for value, port, status in (
        ({"baud": 9600}, "LPT1:", 87),
        ({"baud": 12345}, "COM1:", 87),
        ({"device": "/dev/null"}, "COM1:", 87),
        ("fast", "COM1:", 87),
        (None, "COM1:", 13),
    ):
        assert (await ask(xcv, "SetDefaultCommConfig", value, port=port)).status == status, value
    assert (await ask(xcv, "SetDefaultCommConfig", "9600,n,8,1")).status == 87
    assert (await ask(xcv, "GetDefaultCommConfig", "COM9")).status == 2
    assert (await ask(xcv, "GetDefaultCommConfig", "")).status == 87
    assert (await ask(xcv, "GetDefaultCommConfig", "LPT1")).status == 87
    assert (await ask(xcv, "GetConfigInfo", {"dwVersion": 1}, port="COM1:")).status == 124


async def test_a_network_port_is_added_read_changed_and_deleted_by_windows_records(xcv: Xcv) -> None:
    assert out(await ask(xcv, "AddPort", DATA, monitor=TCP))["name"] == "IP_10.0.0.7"
    for version in (1, 2):
        found = out(await ask(xcv, "GetConfigInfo", {"dwVersion": version}, port="IP_10.0.0.7"))
        assert (found["sztHostAddress"], found["dwPortNumber"], found["dwVersion"]) == (
            "10.0.0.7",
            9101,
            version,
        )
        assert (found["sztSNMPCommunity"], found["dwSNMPEnabled"]) == ("floor2", 1)
        assert ("dwPortMonitorMibIndex" in found) == (version == 2)
    assert (await ask(xcv, "GetConfigInfo", {"dwVersion": 3}, port="IP_10.0.0.7")).status == 124
    changed = DATA | {"dwPortNumber": 9102}
    assert (await ask(xcv, "ConfigPort", changed, port="IP_10.0.0.7")).status == 0
    assert out(await ask(xcv, "GetConfigInfo", {}, port="IP_10.0.0.7"))["settings"]["port"] == 9102
    gone = {"dwVersion": 1, "psztPortName": "ip_10.0.0.7"}
    assert (await ask(xcv, "DeletePort", gone, monitor=TCP)).status == 0
    assert not list(xcv.ports)


async def test_an_lpr_port_is_one_by_its_protocol(xcv: Xcv) -> None:
    data = DATA | {"dwVersion": 1, "dwProtocol": 2, "sztQueue": "lp", "dwDoubleSpool": 1, "dwPortNumber": 0}
    assert (await ask(xcv, "AddPort", data, monitor=TCP)).status == 0
    port = xcv.ports.get("IP_10.0.0.7")
    assert (port.record.scheme, port.record.settings["queue"]) == ("lpr", "lp")
    assert out(await ask(xcv, "GetConfigInfo", {"dwVersion": 1}, port=port.name))["dwPortNumber"] == 515


async def test_a_raw_port_becomes_an_lpr_port_and_the_other_way_with_what_its_record_does_not_say(
    xcv: Xcv, tmp_path: Path
) -> None:
    assert (await ask(xcv, "AddPort", DATA, monitor=TCP)).status == 0
    port = xcv.ports.get("IP_10.0.0.7")
    own = {"host": "10.0.0.7", "port": 9101, "connectTimeoutS": 4, "portMonitorMibIndex": 3}
    assert (await ask(xcv, "ConfigPort", {"settings": own}, port=port.name)).status == 0
    lpr = DATA | {"dwVersion": 1, "dwProtocol": 2, "sztQueue": "lp", "dwPortNumber": 515}
    del lpr["dwPortMonitorMibIndex"]
    assert out(await ask(xcv, "ConfigPort", lpr, port=port.name))["pending"] is False
    assert (port.monitor.scheme, port.record.scheme, port.settings.queue) == ("lpr", "lpr", "lp")  # type: ignore[attr-defined]
    assert (port.settings.port, port.settings.connect_timeout_s) == (515, 4)  # type: ignore[attr-defined]
    assert port.settings.port_monitor_mib_index == 3, "version 1 says nothing of it"  # type: ignore[attr-defined]
    assert LocalPortStore(tmp_path / "p").ports()[0].scheme == "lpr"
    assert (await ask(xcv, "ConfigPort", {"scheme": "raw", "settings": own}, port=port.name)).status == 0
    assert (port.monitor.scheme, port.settings.port) == ("raw", 9101)  # type: ignore[attr-defined]
    before = xcv.ports.get(port.name).record
    for wrong, status in (
        ({"scheme": "lpr", "settings": own}, 87),  # an LPR port has a queue
        ({"scheme": "ipp", "settings": {"uri": "ipp://10.0.0.7/ipp"}}, 87),
        ({"scheme": "serial", "settings": {}}, 87),
        ({"scheme": "nobody's", "settings": {}}, 3000),
        ({"scheme": "lpr", "settings": {"host": "10.0.0.7", "queue": "lp"}, "revision": "old"}, 1306),
    ):
        assert (await ask(xcv, "ConfigPort", wrong, port=port.name)).status == status, wrong
    assert (xcv.ports.get(port.name).record, port.monitor.scheme) == (before, "raw")


async def test_what_a_record_leaves_out_stays_as_it_is(xcv: Xcv) -> None:
    own = {"host": "10.0.0.1", "port": 9101, "snmpEnabled": True, "snmpCommunity": "sec"}
    assert (await ask(xcv, "AddPort", {"name": "IP_1", "settings": own}, monitor=TCP)).status == 0
    short = {"dwVersion": 1, "sztHostAddress": "10.0.0.2"}
    assert (await ask(xcv, "ConfigPort", short, port="IP_1")).status == 0
    stored = xcv.ports.get("IP_1").record.settings
    assert {name: stored[name] for name in own} == own | {"host": "10.0.0.2"}
    queue = {"name": "LPR_1", "scheme": "lpr", "settings": {"host": "10.0.0.1", "queue": "lp"}}
    assert (await ask(xcv, "AddPort", queue, monitor=TCP)).status == 0
    assert (await ask(xcv, "ConfigPort", short, port="LPR_1")).status == 0
    port = xcv.ports.get("LPR_1")
    assert (port.record.scheme, port.record.settings["queue"]) == ("lpr", "lp")


async def test_a_record_of_what_its_version_has_not_or_of_no_address_is_refused(xcv: Xcv) -> None:
    first = {"dwVersion": 1, "sztPortName": "IP_1", "sztHostAddress": "10.0.0.1"}
    for more in ({"dwPortMonitorMibIndex": 1}, {"sztIPAddress": "999.1.1.1"}):
        assert (await ask(xcv, "AddPort", first | more, monitor=TCP)).status == 13, more
    printer = "\U0001f5a8" * 63  # two of Windows' characters each
    assert (await ask(xcv, "AddPort", {"name": printer, "settings": {"host": "h"}}, monitor=TCP)).status == 0
    assert (await ask(xcv, "GetConfigInfo", {"dwVersion": 1}, port=printer)).status == 124


async def test_a_record_that_names_nothing_deletes_nothing_not_even_the_sessions_own_port(xcv: Xcv) -> None:
    await ask(xcv, "AddPort", DATA, monitor=TCP)
    assert (await ask(xcv, "DeletePort", {"dwVersion": 1}, port="IP_10.0.0.7")).status == 13
    assert (
        await ask(xcv, "GetConfigInfo", {"dwVersion": 1, "Reserved": "x"}, port="IP_10.0.0.7")
    ).status == 13
    assert [port.name for port in xcv.ports] == ["IP_10.0.0.7"]


async def test_a_local_port_stays_what_its_name_says(xcv: Xcv) -> None:
    await xcv.ports.add("COM1:", "Local Port", {})
    for scheme in ("file", "device", "raw"):
        assert (await ask(xcv, "ConfigPort", {"scheme": scheme, "settings": {}}, port="COM1:")).status == 87


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("AddPort", None, 13),
        ("AddPort", DATA | {"dwVersion": 7}, 124),
        ("AddPort", DATA | {"dwVersion": "2"}, 13),
        ("AddPort", DATA | {"dwProtocol": 3}, 87),
        ("AddPort", DATA | {"dwProtocol": True}, 13),
        ("AddPort", DATA | {"cbSize": 1067}, 13),
        ("AddPort", DATA | {"dwVersion": 1, "sztIPAddress": "x" * 16, "sztHostAddress": ""}, 13),
        ("AddPort", DATA | {"dwReserved": 1}, 13),
        ("AddPort", DATA | {"Reserved": "x"}, 13),
        ("AddPort", DATA | {"Reserved": [0, 7]}, 13),
        ("AddPort", DATA | {"Reserved": {"a": 1}}, 13),
        ("AddPort", DATA | {"dwVersion": 1, "sztHostAddress": "x" * 49}, 13),
        ("AddPort", DATA | {"sztHostAddress": ""}, 13),
        ("AddPort", DATA | {"sztHostAddress": "x" * 200}, 13),
        ("AddPort", DATA | {"dwPortNumber": -1}, 13),
        ("AddPort", DATA | {"surprise": 1}, 13),
        ("AddPort", DATA | {"sztPortName": "a,b"}, 123),
        ("AddPort", DATA | {"sztHostAddress": "two words"}, 87),
        ("ConfigPort", {"dwVersion": 1}, 13),
        ("DeletePort", None, 13),
        ("DeletePort", {"dwVersion": 2, "psztPortName": "IP_1"}, 124),
        ("DeletePort", {"dwVersion": 1, "psztPortName": "IP_1", "dwReserved": 1}, 13),
        ("DeletePort", {"dwVersion": 1, "psztPortName": "nobody"}, 2),
        ("DeletePort", {"dwVersion": 1}, 13),
        ("DeletePort", {"dwVersion": 1, "psztPortName": ""}, 13),
        ("DeletePort", {"dwVersion": 1, "psztPortName": "x" * 64}, 13),
        ("DeletePort", {"dwVersion": 1, "psztPortName": "IP_1", "surprise": 1}, 13),
        ("GetConfigInfo", None, 13),
        ("HostAddress", None, 87),
        ("ConfigureLPTPortCommandOK", "9", 87),
        ("GetTransmissionRetryTimeout", None, 87),
        ("SetIdlePollingState", "no", 13),
    ],
)
async def test_each_commands_own_result_for_network_ports(
    xcv: Xcv, name: str, value: Any, status: int
) -> None:
    assert (await ask(xcv, name, value, monitor=TCP)).status == status
    assert not list(xcv.ports)


async def test_single_facts_of_a_network_port_are_answered_for_it_alone(xcv: Xcv) -> None:
    await ask(xcv, "AddPort", DATA, monitor=TCP)
    await xcv.ports.add("COM1:", "Local Port", {})
    facts = {
        "HostAddress": "10.0.0.7", "IPAddress": "10.0.0.7", "SNMPCommunity": "floor2", "SNMPDeviceIndex": 1,
        "SNMPEnabled": 1,
    }  # fmt: skip
    for name, expected in facts.items():
        assert out(await ask(xcv, name, port="IP_10.0.0.7", access=0)) == expected
        assert (await ask(xcv, name, port="COM1:")).status == 87
        assert (await ask(xcv, name.lower(), port="IP_10.0.0.7")).status == 87
    await xcv.ports.add("named", "raw", {"host": "localhost"})
    assert out(await ask(xcv, "IPAddress", port="named")) in ("127.0.0.1", "::1")


async def test_idle_polling_is_on_until_an_administrator_turns_it_off(xcv: Xcv) -> None:
    assert out(await ask(xcv, "GetIdlePollingState", monitor=TCP, access=0)) is True
    assert (await ask(xcv, "SetIdlePollingState", False, monitor=TCP, access=2)).status == 5
    assert (await ask(xcv, "SetIdlePollingState", False, monitor=TCP)).status == 0
    assert out(await ask(xcv, "GetIdlePollingState", monitor=TCP)) is False


@pytest.mark.parametrize("name", sorted(name for name, one in COMMANDS.items() if one.administrative))
async def test_every_command_for_administrators_is_refused_to_others(xcv: Xcv, name: str) -> None:
    monitor = COMMANDS[name].monitor or "Local Port"
    assert (await ask(xcv, name, {"name": "COM1:"}, access=2, monitor=monitor)).status == 5


async def test_what_a_port_was_before_is_remembered(xcv: Xcv) -> None:
    await xcv.ports.add("COM1:", "Local Port", {})
    await ask(xcv, "ConfigPort", {"settings": {"baud": 19200}}, port="COM1:")
    await ask(xcv, "DeletePort", port="COM1:")
    changes = out(await ask(xcv, "GetConfigHistory", "com1:"))["changes"]
    assert [(one["before"], one["after"]) for one in changes] == [
        ({"scheme": "serial", "settings": {"baud": 19200}}, None),
        ({"scheme": "serial", "settings": {}}, {"scheme": "serial", "settings": {"baud": 19200}}),
        (None, {"scheme": "serial", "settings": {}}),
    ]


# --- inputs that nobody should send


@pytest.mark.parametrize(
    "data",
    [
        b'{"name": "COM1:", "name": "COM2:"}', b'{"a": NaN}', b"[Infinity]", b"-Infinity", b"1e999", b"\xef\xbb\xbf1",
        b"\xff\xfe1\x00", '"\u00e9"'.encode("latin-1"), b'"\\ud800"', b'{"\\udfff": 1}', b"[" * 50_000, b"[" * 10 + b"]" * 10,
        b"9" * 5000, b'"' + b"x" * 65_535, b"{}{}", b"nul", b"'a'", b"\x00",
    ],
)  # fmt: skip
def test_what_is_no_plain_json_document_has_status_13(data: bytes) -> None:
    with pytest.raises(Wrong) as refused:
        parsed(data)
    assert refused.value.status == 13


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMED = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["COM1:", "IP_1", "", "a,b", "../x", "COM9:"]) | JSON,
        "settings": JSON,
        "scheme": st.sampled_from(["serial", "raw", "nope"]) | JSON,
        "revision": JSON,
        "dwVersion": st.integers(-1, 3) | JSON,
        "sztHostAddress": JSON,
        "sztPortName": JSON,
        "dwProtocol": JSON,
        "line": JSON,
        "baud": JSON,
    },
)


@pytest.mark.timeout(240)  # some of what comes in is a test of a line, which takes its time
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(set(COMMANDS) - {"IPAddress"})),
    value=st.binary(max_size=60) | (NAMED | JSON).map(lambda one: json.dumps(one).encode()),
    port=st.sampled_from(["", "COM1:", "IP_1"]),
    monitor=st.sampled_from(["Local Port", TCP, "serial"]),
)
def test_whatever_comes_in_is_answered_with_a_code(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: bytes, port: str, monitor: str
) -> None:
    async def turn() -> None:
        xcv = made_in(tmp_path_factory.mktemp("xcv"))
        try:
            await xcv.ports.add("COM1:", "Local Port", {})
            await xcv.ports.add("IP_1", TCP, {"host": "10.0.0.7"})
            answer = await ask(xcv, name, value, port=port, monitor=monitor)
            assert 0 <= answer.status < 2**32
            assert bool(answer.message) == bool(answer.status)
            if answer.output:
                json.loads(answer.output.decode("utf-8"))
        finally:
            xcv.ports.close()

    asyncio.run(turn())


@given(st.dictionaries(st.sampled_from([*DATA, "x"]), JSON))
def test_any_record_is_settings_or_refused(value: dict[str, Any]) -> None:
    name, scheme = "", ""
    found: dict[str, Any] = {}
    with contextlib.suppress(Wrong):  # any other way out of it is a bug
        name, scheme, found = settings_of(value)
        assert isinstance(name, str)
    if not found:
        return
    assert record_of(name, scheme, found, 2)["sztHostAddress"] == found["host"]
