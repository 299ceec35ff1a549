import pytest

from tests.unit.spooler.spool_opening import Opening


@pytest.fixture
async def reopen(tmp_path):
    opening = Opening(tmp_path / "spool")
    yield opening
    for spool in opening.opened:
        await spool.close()
