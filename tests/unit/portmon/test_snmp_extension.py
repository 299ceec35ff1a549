"""Files that add values of SNMP agents to the bidi schema: what they may say, and that they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.tasks import Tasks
from portmon.facts import Kind
from portmon.ports import Ports
from portmon.snmp.extension import BadExtension, ExtensionValue, extension_of
from portmon.snmp.polling import SnmpPolling
from tests.unit.portmon.test_snmp_polling import Agent, add, agent, ports, until

__all__ = ["agent", "ports"]  # fixtures

SERIAL = "1.3.6.1.2.1.43.5.1.1.17.1"
OWN = "\\Printer.Extension.Acme:"


def document(*values: str, parent: str = "Extension") -> bytes:
    inner = "".join(f"<Value {one}/>" for one in values)
    found = f'<Property name="{parent}"><Property name="Acme">{inner}</Property></Property>'
    return f'<b:Schema xmlns:b="urn:x"><Property name="Printer">{found}</Property></b:Schema>'.encode()


def value(name: str = "Serial", kind: str = "BIDI_STRING", oid: str = SERIAL, more: str = "") -> str:
    return f'name="{name}" type="{kind}" oid="{oid}" {more}'


def test_values_are_put_together_by_how_often_they_are_asked_for() -> None:
    found = extension_of(document(value(), value("Pages", "BIDI_INT", ".1.3.6.1.2", 'refreshInterval="30"')))
    assert found == {
        600: [ExtensionValue(f"{OWN}Serial", Kind.STRING, tuple(map(int, SERIAL.split("."))))],
        30: [ExtensionValue(f"{OWN}Pages", Kind.INT, (1, 3, 6, 1, 2))],
    }


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not XML"),
        (b"<a>", "not XML"),
        (b"<a/>", "from 1 to 8"),
        (b"x" * 300_000, "bytes"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (document(value(), value()), "twice"),
        (document(value(kind="BIDI_NULL")), "type"),
        (document(value(oid="1")), "oid"),
        (document(value(oid="1.x")), "oid"),
        (document(value(oid="3.1.4")), "oid"),
        (document(value(oid="1.3.99999999999")), "oid"),
        (document(value(name="two words")), "no path"),
        (document(value(more='refreshInterval="0"')), "refreshInterval"),
        (document(value(more='refreshInterval="-5"')), "refreshInterval"),
        (document(value(), parent="Nobodys"), "neither below"),
        (document(*(value(f"V{n}") for n in range(129))), "more than 128"),
        (document(*(value(f"V{n}", more=f'refreshInterval="{n + 1}"') for n in range(9))), "from 1 to 8"),
        ((b'<s><Property name="Printer"><Property name="Maintenance">'
         b'<Value name="AlignHead" type="BIDI_BOOL" oid="1.3.6"/></Property></Property></s>'), "neither below"),
    ],
)  # fmt: skip
def test_a_file_that_says_what_cannot_be_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(BadExtension, match=why):
        extension_of(data)


def test_values_of_the_schema_may_be_told_too_in_their_own_type() -> None:
    size = '<s><Property name="Printer"><Property name="Configuration"><Property name="Memory"><Value name="PS" {}/>'
    end = "</Property></Property></Property></s>"
    good = (size.format('type="BIDI_INT" oid="1.3.6.1"') + end).encode()
    assert [one.path for one in extension_of(good)[600]] == ["\\Printer.Configuration.Memory:PS"]
    with pytest.raises(BadExtension):
        extension_of((size.format('type="BIDI_STRING" oid="1.3.6.1"') + end).encode())


@given(kind=st.sampled_from(Kind), told=st.none() | st.integers(-(2**64), 2**64) | st.binary(max_size=40))
def test_whatever_an_agent_tells_is_a_fact_of_the_values_kind_or_none(
    kind: Kind, told: int | bytes | None
) -> None:
    found = ExtensionValue(f"{OWN}X", kind, (1, 3)).fact(told)
    assert found is None or found.kind is kind
    if found is not None and kind is Kind.INT:
        assert -(2**31) <= int(found.value) < 2**31
    if found is not None and kind in (Kind.STRING, Kind.TEXT, Kind.ENUM):
        assert isinstance(found.value, str)


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_values_of_a_file_are_asked_of_the_printer_and_answered_by_their_path(
    ports: Ports, agent: Agent, version: str, tmp_path: Path
) -> None:
    extension = extension_of(document(value(), value("Absent", oid="1.3.6.1.4.1.99999.1.0")))
    async with Tasks("test") as tasks:
        polling = SnmpPolling(ports, tasks, poll_s=0.1, idle_s=0.2, extension=extension)
        tasks.spawn("polling", polling.run())
        port = await add(ports, agent, snmpVersion=version)
        ports.use(port, "fabric", True)
        await until(lambda: f"{OWN}Serial" in port.facts.now())
        assert port.facts.now()[f"{OWN}Serial"].value == "SIM0000001"
        assert f"{OWN}Absent" not in port.facts.now()
        ports.use(port, "fabric", False)
        await until(lambda: f"{OWN}Serial" not in port.facts.now())
        ports.changes.end()
