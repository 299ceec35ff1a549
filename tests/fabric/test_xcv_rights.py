"""What access a management session is given: Windows' masks, by the caller's role."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.errors import AccessDenied
from printfabric.spooler.v1 import port_service_pb2 as pb
from tests.fabric.spooler_rig import access_of_people, spooler_running
from tests.fakes.xcv_link import MONITOR

ADMINISTER, ENUMERATE, USE = 1, 2, 8


@pytest.mark.parametrize(
    ("who", "wanted", "given"),
    [
        ("ann", 0, ENUMERATE),
        ("ann", ENUMERATE, ENUMERATE),
        ("ann", USE, None),
        ("ann", ADMINISTER, None),
        ("olga", USE, USE),
        ("olga", USE | ENUMERATE, USE | ENUMERATE),
        ("olga", ADMINISTER, None),
        ("ada", ADMINISTER | USE, ADMINISTER | USE),
    ],
)
async def test_more_access_than_a_role_has_is_refused(
    tmp_path: Path, who: str, wanted: int, given: int | None
) -> None:
    running = spooler_running(tmp_path, access=access_of_people(tmp_path))
    async with running as rig, rig.as_caller(who, tmp_path) as caller:
        request = pb.XcvOpenRequest(monitor=f"hosts/edge/monitors/{MONITOR}", desired_access=wanted)
        if given is None:
            with pytest.raises(AccessDenied) as refused:
                await caller.ports.XcvOpen(request)
            assert refused.value.win32 == 5
        else:
            await caller.ports.XcvOpen(request)
            assert [one[2] for one in rig.link.sessions.values()] == [given]
