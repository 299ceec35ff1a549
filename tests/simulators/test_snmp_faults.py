"""Faults of status reach the answers of the SNMP agent, whatever brings the documents."""

from __future__ import annotations

import asyncio

import pytest

from printfabric_sim.fault_reach import NoEffectError
from tests.surroundings import require_tool

ERROR_STATE = ".1.3.6.1.2.1.25.3.5.1.2.1"
NAME = ".1.3.6.1.2.1.1.1.0"


async def ask(printer, oid=ERROR_STATE, patience_s=20.0) -> str:
    """Return what snmpget makes of the answer; nothing if there is none."""
    address = f"127.0.0.1:{printer.status()['address']['snmp']}"
    command = (require_tool("snmpget"), "-v2c", "-cpublic", f"-t{patience_s}", "-r0", "-Oqvx", address, oid)
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
    out, _ = await process.communicate()
    return out.decode().strip()


@pytest.mark.parametrize("plug", ["tcp", "ipp"])
@pytest.mark.parametrize("personality", ["zpl", "plain"])
async def test_a_wrong_state_is_another_valid_one_and_only_once(start, personality, plug):
    printer = await start(personality, snmp=0, **{plug: 0})
    true = await ask(printer)
    printer.fault("status-wrong")
    lie = await ask(printer)
    assert (true, lie) == ('"00 00 "', '"40 00 "'), "no paper, where there is some"
    assert await ask(printer) == true
    printer.fault("media-out")
    printer.fault("status-wrong")
    assert await ask(printer) == true, "paper, where there is none"
    assert printer.record.counts["event.fault without effect"] == 0


async def test_a_missing_answer_is_silence(start):
    printer = await start("pjl", ipp=0, snmp=0, faults="status-missing@reply:2")
    assert await ask(printer)
    assert await ask(printer, patience_s=0.5) == ""
    assert await ask(printer)


async def test_a_late_answer_comes_late(start):
    printer = await start("pjl", ipp=0, snmp=0, faults="status-late=1")
    began = asyncio.get_running_loop().time()
    assert await ask(printer)
    assert asyncio.get_running_loop().time() - began >= 1


async def test_a_name_has_no_lie_and_that_is_told(start):
    printer = await start("zpl", snmp=0)
    name = await ask(printer, NAME)
    printer.fault("status-wrong")
    assert name == await ask(printer, NAME) != ""
    assert printer.record.counts["event.fault without effect"] == 1


async def test_garbage_still_needs_a_way_back(start):
    printer = await start("plain", tcp=None, ipp=0, snmp=0)
    with pytest.raises(NoEffectError):
        printer.fault("garbage")
