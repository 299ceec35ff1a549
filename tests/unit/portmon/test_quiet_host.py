"""What a host does while nothing happens at it: nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from portmon.presence import Presence
from tests.rig.timers import timers_of
from tests.rig.until import until
from tests.unit.portmon.test_presence import Host


async def test_a_host_whose_printers_are_all_in_the_network_is_not_looked_at_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, looks = Host(tmp_path), list[int]()
    loop = asyncio.get_running_loop()
    presence = Presence(host.ports, host.devices.tree, poll_s=0.02)
    look = presence.look

    async def counted() -> None:
        looks.append(len(looks))
        await look()

    monkeypatch.setattr(presence, "look", counted)
    watching = loop.create_task(presence.watch())
    try:
        for number in range(3):
            await host.add(f"IP_{number}", "raw", {"host": f"10.0.0.{number}"})
        await asyncio.sleep(0.3)  # what was added has settled
        before = len(looks)
        with timers_of(loop) as armed:
            await asyncio.wait([watching], timeout=0.3)
        assert len(looks) == before
        assert [round(each, 1) for each in armed] == [0.3], "only the one that waits here has a timer"

        port = await host.serial(host.devices.plug("ttyUSB0", serial="A10KXYZ1"))
        await until(lambda: port.device_at is not None, "a device is looked for again")
        await until(lambda: len(looks) > before + 5, "it is looked at every now and then")
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        host.ports.close()
        host.devices.close()
