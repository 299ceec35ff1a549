"""A fake spooler for every test that wants one, and an environment in which nothing real is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from printfabric_client.command.program import program
from tests.unit.client.fake_spooler import FakeSpooler


@pytest.fixture
def spooler() -> Iterator[FakeSpooler]:
    fake = FakeSpooler.serving("labels", "receipts")
    yield fake
    fake.stop()


@pytest.fixture(autouse=True)
def _no_real_fabric(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ADDRESS", "CA", "CERT", "KEY", "TLS", "TOKEN", "TOKEN_FILE", "PRINTER", "STATE_DIR"):
        monkeypatch.delenv(f"PRINTFABRIC_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def run(spooler, monkeypatch):
    monkeypatch.setenv("PRINTFABRIC_ADDRESS", spooler.address)

    def run(*args: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(program, [str(arg) for arg in args], input=stdin)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "box.zpl"
    path.write_bytes(b"^XA^XZ")
    return path
