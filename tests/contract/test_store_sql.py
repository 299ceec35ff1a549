import pytest

from spooler.sql.store import SqlStore
from tests.contract import store_contract as contract
from tests.contract import store_contract_asking as asking
from tests.contract import store_contract_incoming as incoming
from tests.contract import store_contract_lines as lines
from tests.contract import store_contract_recording as recording
from tests.contract import store_contract_uid_time as uid_time


class Sqlite:
    """The store in a folder; each opening closes the one before."""

    @pytest.fixture
    async def opening(self, tmp_path):
        opened: list[SqlStore] = []

        async def again() -> SqlStore:
            if opened:
                await opened.pop().close()
            opened.append(await SqlStore.open(tmp_path / "store"))
            return opened[0]

        yield again
        await opened.pop().close()


class TestAccepting(Sqlite, contract.AcceptingContract):
    pass


class TestIdempotency(Sqlite, contract.IdempotencyContract):
    pass


class TestRecording(Sqlite, recording.RecordingContract):
    pass


class TestAsking(Sqlite, asking.AskingContract):
    pass


class TestUploading(Sqlite, asking.UploadingContract):
    pass


class TestPrinters(Sqlite, asking.PrinterContract):
    pass


class TestBeginning(Sqlite, asking.BeginningContract):
    pass


class TestIncoming(Sqlite, incoming.IncomingContract):
    pass


class TestLines(Sqlite, lines.LinesContract):
    pass


class TestUidTime(Sqlite, uid_time.UidTimeContract):
    pass
