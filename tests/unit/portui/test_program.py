from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, run
from typing import Any
from urllib.request import urlopen

import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]

from chassis.client import Channels
from portui.settings import PortuiSettings
from printfabric.portui.v1 import portui_service_pb2 as pb
from printfabric.portui.v1.portui_service_pb2_grpc import PortUIServiceStub
from tests.fakes.port_service import FakePortService
from tests.unit.portui.conftest import served
from tests.unit.portui.requests import COM1

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PRINTFABRIC_")}


@pytest_asyncio.fixture
async def program(spooler: FakePortService, tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """Run `python -m portui` before the fake spooler; give its ready file."""
    async with served(spooler) as address:
        ready = tmp_path / "ready.json"
        args = ["--spooler", address, "--listen", "127.0.0.1:0", "--ready-file", str(ready), "--grace-s", "2"]
        more = ["--metrics-listen", "127.0.0.1:0", "--reflection", "true", "--log.format", "json"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "portui", *args, *more, stderr=DEVNULL, env=ENVIRONMENT
        )
        try:
            async with asyncio.timeout(20):
                while not ready.exists():
                    assert process.returncode is None, "the program ended"
                    await asyncio.sleep(0.02)
            yield json.loads(ready.read_text())
        finally:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await process.wait() == 0
            assert not ready.exists()


async def test_the_program_serves_forms_health_reflection_and_metrics(program: dict[str, Any]):
    async with Channels() as channels:
        channel = channels.get(program["addresses"][0])
        portui: Any = PortUIServiceStub(channel)
        answer = await portui.DescribeForm(pb.DescribeFormRequest(port=COM1))
        assert json.loads(answer.values_json) == {"baud": 9600, "title": ""}
        health: Any = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest(service="printfabric.portui.v1.PortUIService")
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.SERVING
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        listed = [answer async for answer in reflection.ServerReflectionInfo(iter([question]))]
        assert "PortUIService" in str(listed)
    page = await asyncio.to_thread(urlopen, f"http://{program['metrics']}/metrics", timeout=5)
    with page:
        text = page.read().decode()
    assert (
        'printfabric_rpc_handled_total{code="OK",method="/printfabric.portui.v1.PortUIService/DescribeForm"'
        in text
    )


def test_the_defaults_are_the_fabrics_ports():
    settings = PortuiSettings()
    assert settings.server.listen == ("127.0.0.1:26153",)
    assert settings.spooler == "127.0.0.1:26151"


def test_a_config_file_says_where_the_spooler_is_and_a_wrong_one_is_one_line_and_78(tmp_path: Path):
    wrong = tmp_path / "portui.toml"
    wrong.write_text('spooler = "no address"\n')
    found = run(
        [sys.executable, "-m", "portui", "--config", str(wrong)],
        stderr=PIPE,
        text=True,
        timeout=20,
        env=ENVIRONMENT,
        check=False,
    )
    assert found.returncode == 78
    assert "spooler" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("method", ["AddPortUI", "ConfigurePortUI", "DeletePortUI"])
def test_changes_are_for_administrators_and_forms_for_viewers(method: str):
    from portui.__main__ import _RIGHTS  # noqa: PLC0415

    service = "/printfabric.portui.v1.PortUIService"
    assert {str(role) for role in _RIGHTS.allowed(f"{service}/{method}")} == {"administrator"}
    assert "viewer" in {str(role) for role in _RIGHTS.allowed(f"{service}/DescribeForm")}
