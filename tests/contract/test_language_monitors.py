"""What every language monitor promises, over a connection and over a line, against simulated printers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from portmon.document import SAID_BY_PRINTER, Disposition, DocInfo, DocKey, Evidence, Phase, Progress
from portmon.language import Language
from portmon.languages.escpos import Escpos
from portmon.languages.pjl import Pjl
from portmon.languages.zpl import Zpl
from tests.contract.language_bench import LanguageBench, kept, language_bench
from tests.contract.monitor_contract import new_key


class Case(NamedTuple):
    """A language, the printer that speaks it, and a document of three units."""

    kind: type[Language]
    personality: str
    document: bytes
    units: int = 3

    def proof(self, pipe: bool, *, troubled: bool = False) -> Evidence:
        """Return what the printer's word proves; on a pty nobody sees a restart."""
        if pipe and (self.kind is Escpos or (self.kind is Zpl and troubled)):
            return self.kind.answered
        return self.kind.evidence


CASES = [
    Case(Zpl, "zpl", b"".join(b"^XA^FO10,10^FDlabel %05d^FS^XZ\n" % n for n in range(3))),
    Case(Escpos, "escpos", b"".join(b"Receipt %05d\n\x1dV\x00" % n for n in range(3))),
    Case(Pjl, "pjl", b"".join(b"\x1bE\x1b&l0OPage %05d\x0c" % n for n in range(3))),
]
ids = [case.kind.name for case in CASES]
each = pytest.mark.parametrize("case", CASES, ids=ids)
both_ways = pytest.mark.parametrize("pipe", [False, True], ids=["tcp", "pty"])


@pytest.fixture
def arrived(tmp_path: Path) -> Path:
    """Where the printer keeps every byte that arrives."""
    return tmp_path / "arrived"


def paper(bench: LanguageBench) -> list[str | None]:
    return [unit.serial for unit in bench.printer.record.units if unit.outcome == "printed"]


@each
@both_ways
async def test_a_document_ends_when_the_printer_says_that_it_is_out(
    tmp_path: Path, case: Case, pipe: bool, arrived: Path
) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=pipe, units_per_second=40, keep_bytes=str(arrived)
    ) as bench:
        await bench.open()
        for turn in range(1, 4):
            found = await bench.print(case.document)
            assert (found.phase, found.error, found.evidence) == (Phase.ENDED, None, case.proof(pipe))
            assert found.acked == found.accepted == len(case.document)
            assert found.confirmed == (found.accepted if found.evidence in SAID_BY_PRINTER else 0)
            # Not a moment earlier: when it is said, the last unit has left.
            assert len(paper(bench)) == turn * case.units
    came = kept(arrived)
    assert came.count(case.document) == 3, "the document came through in one piece, three times"
    assert len(came) < 3 * (len(case.document) + 1500), "what a language adds is small"


@each
async def test_own_bytes_are_in_no_count(tmp_path: Path, case: Case) -> None:
    async with language_bench(tmp_path, case.kind, case.personality, pipe=True) as bench:
        session = await bench.open()
        key = new_key()
        await bench.start(key)
        found = await bench.slice(key, offset=0, data=case.document[:7])
        assert found.accepted == 7
        found = await bench.slice(key, offset=7, data=case.document[7:])
        assert found.accepted == len(case.document)
        found = await bench.slice(
            key, offset=len(case.document), end=Disposition.COMPLETE, size=found.accepted
        )
        assert (found.accepted, found.acked) == (len(case.document), len(case.document))
        assert session.in_progress() is None


@each
@both_ways
async def test_out_of_paper_is_said_while_the_document_waits_and_cleared_when_it_goes_on(
    tmp_path: Path, case: Case, pipe: bool
) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=pipe, units_per_second=40, faults="media-out@unit:2"
    ) as bench:
        bench.answer_s = 0.5
        await bench.open()
        printing = bench.begin(case.document)
        await bench.until(lambda: "PAPER_OUT ERROR" in bench.said())
        assert len(paper(bench)) == 2
        await asyncio.sleep(1)  # longer than a silent printer is waited for
        assert not printing.done()
        bench.printer.clear("media-out")
        found = await printing
        assert (found.error, found.evidence) == (None, case.proof(pipe, troubled=True))
        assert (await bench.print(case.document)).evidence is case.proof(pipe)
        assert bench.said() == []
        assert len(paper(bench)) == 2 * case.units


@each
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cover-open", {"DOOR_OPEN ERROR"}),
        ("jam", {"PAPER_JAM ERROR", "USER_INTERVENTION ERROR"}),
        (
            "head-hot",
            {"WARMING_UP WARNING", "USER_INTERVENTION ERROR", "USER_INTERVENTION INFO", "OFFLINE ERROR"},
        ),
        ("cutter", {"USER_INTERVENTION ERROR", "PAPER_JAM ERROR"}),
        ("pause", {"USER_INTERVENTION ERROR", "OFFLINE ERROR"}),
    ],
)
async def test_trouble_has_its_own_words(tmp_path: Path, case: Case, fault: str, said: set[str]) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, units_per_second=40, faults=f"{fault}@unit:1"
    ) as bench:
        await bench.open()
        printing = bench.begin(case.document)
        await bench.until(lambda: set(bench.said()) & said)
        assert set(bench.said()) <= said
        bench.printer.clear(fault)
        assert (await printing).evidence is case.kind.evidence


@each
@both_ways
async def test_a_printer_that_says_nothing_holds_nobody_up(tmp_path: Path, case: Case, pipe: bool) -> None:
    async with language_bench(tmp_path, case.kind, case.personality, pipe=pipe, back_channel=False) as bench:
        bench.answer_s = 0.4
        await bench.open()
        for _ in range(2):
            began = time.monotonic()
            found = await bench.print(case.document)
            assert (found.error, found.evidence) == (None, Evidence.NO_ANSWER)
            assert (found.accepted, found.acked, found.confirmed) == (
                len(case.document),
                len(case.document),
                0,
            )
            assert time.monotonic() - began < 5


@each
async def test_a_monitor_that_shall_not_speak_passes_everything_through(
    tmp_path: Path, case: Case, arrived: Path
) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=True, keep_bytes=str(arrived)
    ) as bench:
        bench.bidirectional = False
        await bench.open()
        found = await bench.print(case.document)
        assert (found.error, found.evidence) == (None, Evidence.OUTPUT_QUEUE)
        await bench.until(lambda: len(paper(bench)) == case.units)
    assert kept(arrived) == case.document


@each
async def test_a_document_that_goes_on_in_its_middle_is_not_wrapped_again(
    tmp_path: Path, case: Case, arrived: Path
) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=True, units_per_second=100, keep_bytes=str(arrived)
    ) as bench:
        await bench.open()
        key, half = new_key(), len(case.document) // 2 + 3
        await bench.start(key)
        await bench.slice(key, offset=0, data=case.document[:half])
        assert bench.hold is not None
        await bench.handles.close(bench.hold)
        broken = bench.port.journal.known(key)
        assert (broken.accepted, broken.resumable) == (half, True)
        await bench.until(lambda: case.document[:half] in kept(arrived))
        before = len(kept(arrived))
        bench.port.journal.settle([key], "fabric")
        await bench.open()  # another session, which remembers nothing of it
        again = DocKey(key.uid, 2)
        assert (await bench.start(again, resume_offset=half)).error is None
        await bench.slice(again, offset=half, data=case.document[half:])
        found = await bench.slice(
            again, offset=len(case.document), end=Disposition.COMPLETE, size=len(case.document)
        )
        assert (found.error, found.accepted) == (None, len(case.document))
        await bench.until(lambda: len(paper(bench)) == case.units)
        assert paper(bench) == [f"{n:05d}" for n in range(case.units)]
    came = kept(arrived)
    assert came[before:].startswith(case.document[half:])


@each
@both_ways
async def test_a_document_behind_a_broken_one_comes_out_whole(tmp_path: Path, case: Case, pipe: bool) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=pipe, units_per_second=100
    ) as bench:
        await bench.open()
        assert (await bench.print(case.document)).evidence is case.proof(pipe)
        key = new_key()
        await bench.start(key)
        await bench.slice(key, offset=0, data=case.document[:-4])
        assert bench.hold is not None
        await bench.hold.session.abort(key)
        bench.port.journal.settle([key], "fabric")
        whole = case.document.replace(b"0000", b"0009")
        found = await bench.print(whole)
        assert (found.error, found.evidence) == (None, case.proof(pipe))
        assert paper(bench)[-case.units :] == [f"{n:05d}" for n in range(90, 90 + case.units)]
        assert bench.printer.record.units[-1].outcome == "printed"


@each
async def test_a_document_of_no_bytes_is_nothing_for_a_printer(
    tmp_path: Path, case: Case, arrived: Path
) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=True, keep_bytes=str(arrived)
    ) as bench:
        await bench.open()
        found = await bench.print(b"")
        assert (found.error, found.evidence) == (None, Evidence.OUTPUT_QUEUE)
    assert kept(arrived) == b""


@each
async def test_many_small_documents_each_get_their_own_word(tmp_path: Path, case: Case) -> None:
    async with language_bench(tmp_path, case.kind, case.personality, pipe=True) as bench:
        await bench.open()
        found = await asyncio.gather(*(bench_document(bench, case.document) for _ in range(20)))
        assert {one.evidence for one in found} == {case.proof(pipe=True)}
        assert len(paper(bench)) == 20 * case.units


async def bench_document(bench: LanguageBench, data: bytes) -> Progress:
    """One slice with start, bytes and end, as small documents travel."""
    key = new_key()
    return await bench.slice(
        key, start=DocInfo(printer="labels"), data=data, end=Disposition.COMPLETE, size=len(data)
    )
