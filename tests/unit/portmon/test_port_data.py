"""PORT_DATA_1 and PORT_DATA_2 both ways: what a record says is what it gives back, for all there is room for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portmon.monitors.lpr import LprSettings
from portmon.monitors.raw import RawSettings
from portmon.network_settings import NetworkSettings
from portmon.port_data import record_of, settings_beside, settings_of
from portmon.xcv_payload import Wrong

KINDS: dict[str, type[NetworkSettings]] = {"raw": RawSettings, "lpr": LprSettings}
_NAMES = st.text("abcxyz0189.-_", min_size=1)
_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=32)


def records(version: int) -> st.SearchStrategy[dict[str, Any]]:
    """Return records of a version as Windows would have them, full."""
    most = {1: 48, 2: 127}[version]
    members: dict[str, st.SearchStrategy[Any]] = {
        "sztPortName": st.text("IP_abc0189.", min_size=1, max_size=63),
        "dwVersion": st.just(version),
        "dwProtocol": st.sampled_from([1, 2]),
        "cbSize": st.just({1: 964, 2: 1068}[version]),
        "dwReserved": st.just(0),
        "sztHostAddress": _NAMES.map(lambda one: one[:most]) | st.just("h" * most),
        "sztSNMPCommunity": _TEXT,
        "dwPortNumber": st.integers(1, 65535),
        "dwSNMPEnabled": st.integers(0, 1),
        "dwSNMPDevIndex": st.integers(1, 2**31 - 1),
        "sztQueue": _TEXT,
        "dwDoubleSpool": st.integers(0, 1),
    }
    if version == 1:
        return st.fixed_dictionaries({**members, "sztIPAddress": st.just("")})
    return st.fixed_dictionaries({**members, "dwPortMonitorMibIndex": st.integers(0, 2**31 - 1)})


def kept(name: str, scheme: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return all settings of a port that was made so."""
    return KINDS[scheme].model_validate(found).model_dump(mode="json", by_alias=True)


@given(st.sampled_from([1, 2]).flatmap(records))
def test_a_record_that_was_stored_is_given_back_as_it_came(record: dict[str, Any]) -> None:
    if record["dwProtocol"] == 1:  # queue and byte counting are LPR's
        record = record | {"sztQueue": "", "dwDoubleSpool": 0}
    name, scheme, found = settings_of(record)
    assert record_of(name, scheme, kept(name, scheme, found), record["dwVersion"]) == record


@given(
    scheme=st.sampled_from(["raw", "lpr"]),
    version=st.sampled_from([1, 2]),
    host=_NAMES.map(lambda one: one[:253]) | st.sampled_from(["h" * n for n in (48, 49, 108, 127, 128, 253)]),
    queue=_TEXT | st.just("q" * 33),
    data=st.data(),
)
def test_settings_come_back_from_their_record_or_it_has_no_room_for_them(
    scheme: str, version: int, host: str, queue: str, data: st.DataObject
) -> None:
    given_ = {
        "host": host,
        "port": data.draw(st.integers(1, 65535)),
        "snmpEnabled": data.draw(st.booleans()),
        "snmpDeviceIndex": data.draw(st.integers(1, 2**31 - 1)),
        "connectTimeoutS": data.draw(st.sampled_from([10.0, 4.0])),
        "portMonitorMibIndex": data.draw(st.integers(0, 9)),
        **({"queue": queue, "byteCounting": data.draw(st.booleans())} if scheme == "lpr" else {}),
    }
    settings = kept("IP_1", scheme, given_)
    fits = len(host) <= {1: 48, 2: 127}[version] and (scheme == "raw" or len(queue) <= 32)
    if not fits:
        with pytest.raises(Wrong) as refused:
            record_of("IP_1", scheme, settings, version)
        assert refused.value.status == 124
        return
    record = record_of("IP_1", scheme, settings, version)
    name, again, found = settings_of(record)
    assert (name, again) == ("IP_1", scheme)
    assert kept(name, scheme, {**settings_beside(record, scheme, settings), **found}) == settings


def test_an_address_in_numbers_is_also_in_the_member_that_version_1_has_for_it() -> None:
    settings = kept("IP_1", "raw", {"host": "10.0.0.7"})
    assert record_of("IP_1", "raw", settings, 1)["sztIPAddress"] == "10.0.0.7"
    assert "sztIPAddress" not in record_of("IP_1", "raw", settings, 2)
    only = {"dwVersion": 1, "sztPortName": "IP_1", "sztIPAddress": "10.0.0.9"}
    assert settings_of(only)[2] == {"host": "10.0.0.9"}


def test_what_is_left_out_has_windows_defaults() -> None:
    for protocol, scheme, port in ((None, "raw", 9100), (1, "raw", 9100), (2, "lpr", 515)):
        record = {
            "dwVersion": 1,
            "sztHostAddress": "p",
            "sztQueue": "lp",
            "dwPortNumber": 0,
            "dwSNMPDevIndex": 0,
        }
        name, found_scheme, found = settings_of(
            record | ({} if protocol is None else {"dwProtocol": protocol})
        )
        assert found_scheme == scheme
        all_ = kept(name, scheme, found)
        assert (all_["port"], all_["snmpCommunity"], all_["snmpDeviceIndex"]) == (port, "public", 1)
        assert not all_["snmpEnabled"]


def test_sizes_are_in_windows_characters() -> None:
    wide = {"dwVersion": 2, "sztHostAddress": "\U0001f5a8" * 64}
    with pytest.raises(Wrong) as refused:
        settings_of(wide)
    assert refused.value.status == 13
    assert settings_of(wide | {"sztHostAddress": "\U0001f5a8" * 63})[2]["host"]
