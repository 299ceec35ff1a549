"""The last bytes of a document leave with its end where the connection ends with it, and nowhere else."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from chassis.errors import WrongOffset
from portmon.counters import PortCounters
from portmon.document import Disposition, DocInfo, DocKey, Evidence, Phase, Slice
from portmon.journal.port_journal import Journal
from portmon.monitor import MonitorInit
from portmon.monitors.raw import RawMonitor, RawSettings
from portmon.recorded_port import RecordedMonitor
from portmon.session import PortSession
from portmon.tcp import dial
from portmon.tcp.prompt_socket import PROMPT_BYTES, PromptSocket
from tests.contract.network_rigs import RawRig

LABEL = b"^XA^FDlabel^FS^XZ"
KEYS = (DocKey(number.to_bytes(16, "big"), 1) for number in count(1))
HELD, AT_ONCE = True, False


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bool]]:
    """Lend what was given to the kernel, and whether it was asked to wait for more."""
    made: list[tuple[bytes, bool]] = []

    class NotedSocket(PromptSocket):
        @override
        def send(self, data: Any, flags: int = 0) -> int:
            made.append((bytes(data), bool(flags & socket.MSG_MORE)))
            return super().send(data, flags)

    monkeypatch.setattr(dial, "PromptSocket", NotedSocket)
    return made


@pytest.fixture
async def printer(tmp_path: Path) -> AsyncIterator[RawRig]:
    rig = RawRig(tmp_path)
    yield rig
    rig.stop()


@pytest.fixture
async def session(
    tmp_path: Path, printer: RawRig, request: pytest.FixtureRequest
) -> AsyncIterator[PortSession]:
    settings = RawSettings(**printer.settings(), connection=getattr(request, "param", "document"))
    journal = Journal.open(tmp_path / "journal", "P")
    found = PortSession("P", "fabric", journal, PortCounters())
    await found.open(RecordedMonitor(RawMonitor(MonitorInit("host", tmp_path))), settings)
    yield found
    await found.close()
    journal.close()


def piece(key: DocKey, data: bytes, *, offset: int = 0, end: bool = True, size: int | None = None) -> Slice:
    return Slice(
        key,
        lambda *_: None,
        start=None if offset else DocInfo(),
        offset=offset,
        data=data,
        end=Disposition.COMPLETE if end else None,
        size=size,
    )


@pytest.mark.parametrize("size", [None, len(LABEL)])
async def test_a_small_document_leaves_with_its_end(session, printer, sends, size):
    found = await session.call(piece(next(KEYS), LABEL, size=size))
    assert (found.phase, found.error, found.evidence) == (Phase.ENDED, None, Evidence.TCP_CLOSE)
    assert found.acked == found.accepted == len(LABEL)
    assert sends == [(LABEL, HELD)]
    assert printer.received(len(LABEL)) == LABEL


async def test_only_the_last_bytes_of_a_document_in_pieces_are_held(session, printer, sends):
    key = next(KEYS)
    await session.call(piece(key, LABEL, end=False))
    assert printer.received(len(LABEL)) == LABEL  # though nothing more came
    await session.call(piece(key, b"more", offset=len(LABEL), size=len(LABEL) + 4))
    assert sends == [(LABEL, AT_ONCE), (b"more", HELD)]
    assert printer.received(len(LABEL) + 4) == LABEL + b"more"


async def test_a_document_whose_end_is_not_believed_is_not_held(session, printer, sends):
    found = await session.call(piece(next(KEYS), LABEL, size=len(LABEL) + 1))
    assert isinstance(found.error, WrongOffset)
    assert sends == [(LABEL, AT_ONCE)]


async def test_a_document_that_is_cancelled_with_its_last_bytes_is_not_held(session, sends):
    last = piece(next(KEYS), LABEL)
    last.end = Disposition.ABORT
    await session.call(last)
    assert sends == [(LABEL, AT_ONCE)]


@pytest.mark.parametrize("session", ["kept"], indirect=True)
async def test_nothing_is_held_on_a_connection_that_stays(session, printer, sends):
    found = await session.call(piece(next(KEYS), LABEL))
    assert found.evidence is Evidence.TCP_ACK
    assert sends == [(LABEL, AT_ONCE)]


async def test_what_takes_long_to_copy_is_sent_as_it_comes(session, printer, sends):
    large = bytes(PROMPT_BYTES + 1)
    await session.call(piece(next(KEYS), large))
    assert {held for _, held in sends} == {AT_ONCE}
    assert len(printer.received(len(large))) == len(large)
