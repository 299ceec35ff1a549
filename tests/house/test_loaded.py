"""What programs do without until somebody needs it: whatever a start loads costs each fabric time and memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spooler.sql.store import SqlStore
from tests.rig.programs import Program
from tests.surroundings import free_port

_NOBODYS = {
    "aiohttp",
    "alembic",
    "cryptography",
    "greenlet",
    "grpc_reflection",
    "jwt",
    "kubernetes",
    "opentelemetry",
    "psycopg",
    "rich",
}
_SETTINGS = {
    "spooler": 'state_dir = "{folder}"\n[[hosts]]\nname = "edge"\naddress = "127.0.0.1:1"\n[[printers]]\nname = "labels"\nports = ["edge/IP_1"]\n',
    "portmon": 'state_dir = "{folder}"\n[[ports]]\nname = "IP_1"\nmonitor = "raw"\nsettings = {{ host = "127.0.0.1" }}\n',
    "portui": 'spooler = "127.0.0.1:1"\nweb_listen = "127.0.0.1:{port}"\n',
}
_LEFT_OUT = {
    "spooler": _NOBODYS | {"isal", "sqlalchemy.orm"},
    "portmon": _NOBODYS | {"pyasn1", "pysnmp", "sqlalchemy"},
    "portui": _NOBODYS | {"sqlalchemy"},
}


_NOT_EVEN_ALONE = {"difflib"}  # modules that are no packages


@pytest.mark.parametrize("service", _SETTINGS)
def test_a_start_loads_nothing_that_waits_for_somebody(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    folder = tmp_path / "state"
    folder.mkdir()
    if service == "spooler":  # its first start makes the database, for which it needs more
        asyncio.run(_made(folder))
    program = Program(service, tmp_path, _SETTINGS[service].format(folder=folder, port=free_port()))
    try:
        program.start()
    finally:
        program.stop()

    loaded = _loaded(program.log.read_text("utf-8", "replace"))
    assert f"{service}.settings" in loaded
    # A name alone may have been looked for in vain, or be a package without content.
    assert {one for one in _LEFT_OUT[service] if any(name.startswith(f"{one}.") for name in loaded)} == set()
    assert _NOT_EVEN_ALONE & loaded == set()


async def _made(folder: Path) -> None:
    await (await SqlStore.open(folder)).close()


def _loaded(log: str) -> set[str]:
    """Return the modules that the interpreter says it has loaded."""
    return {line.rpartition("|")[2].strip() for line in log.splitlines() if line.startswith("import time:")}
