"""What access a management session at the host is given: Windows' masks, by the caller's role."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from chassis.settings import AccessSettings
from printfabric.monitor.v1 import xcv_service_pb2 as pb
from tests.contract.monitor_host import refusal, served_host

ADMINISTER, ENUMERATE, USE = 1, 2, 8
ROLES = {"ann": "viewer", "olga": "operator", "ada": "administrator", "fabric": "spooler"}


def _access(folder: Path) -> AccessSettings:
    lines = [f"{hashlib.sha256(f'secret-of-{name}'.encode()).hexdigest()} {name}\n" for name in ROLES]
    (folder / "tokens").write_text("".join(lines))
    roles = {role: (f"token:{name}",) for name, role in ROLES.items()}
    return AccessSettings(roles=roles, token_file=folder / "tokens", trust_loopback="never")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("who", "wanted", "granted"),
    [
        ("ann", 0, True),
        ("ann", ENUMERATE, True),
        ("ann", USE, False),
        ("ann", ADMINISTER, False),
        ("ann", 0xFFFFFFFF, False),
        ("olga", USE | ENUMERATE, True),
        ("olga", ADMINISTER | ENUMERATE, False),
        ("ada", 0xFFFFFFFF, True),
        ("fabric", ADMINISTER | USE, True),
    ],
)
async def test_a_host_refuses_more_access_than_a_role_has(
    tmp_path: Path, who: str, wanted: int, granted: bool
) -> None:
    token = (("authorization", f"Bearer secret-of-{who}"),)
    async with served_host(tmp_path, _access(tmp_path), greeted=False) as host:
        call = host.xcv.XcvOpenPort(pb.XcvOpenPortRequest(port="IP_1", granted_access=wanted), metadata=token)
        if granted:
            assert (await call).handle
        else:
            assert await refusal(call) == ("PERMISSION_DENIED", 5, "ACCESS_DENIED")
