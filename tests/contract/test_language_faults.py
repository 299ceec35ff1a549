"""Language monitors against printers whose answers cannot be trusted, and printers that go away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from portmon.document import SAID_BY_PRINTER, Evidence, Phase
from portmon.languages.escpos import Escpos
from portmon.languages.pjl import Pjl
from portmon.languages.zpl import Zpl
from tests.contract.language_bench import kept, language_bench
from tests.contract.monitor_contract import new_key
from tests.contract.test_language_monitors import CASES, Case, both_ways, each, paper
from tests.rig.quick import TRIES, quick

BAD_ANSWERS = [
    "status-late=0.4,1@reply:1*9",
    "status-late=0.7,3@reply:2",
    "status-twice=20",
    "status-missing=2@reply:2",
    "status-missing=1@reply:3*5",
    "status-wrong=1@reply:1*9",
    "status-wrong=9",
    "garbage=64@reply:2*9",
    "garbage=200@reply:3;status-twice=9;status-late=0.3,2@reply:4",
]


@each
@pytest.mark.parametrize(
    ("fault", "pipe"), [(fault, bool(number % 2)) for number, fault in enumerate(BAD_ANSWERS)]
)
async def test_nothing_is_confirmed_that_is_not_out_whatever_the_printer_answers(
    tmp_path: Path, case: Case, pipe: bool, fault: str
) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=pipe, units_per_second=30, faults=fault, seed=7
    ) as bench:
        bench.answer_s = 0.6
        await bench.open()
        for turn in range(1, 4):
            found = await bench.print(case.document)
            out = len(paper(bench))
            if found.evidence in (*SAID_BY_PRINTER, case.proof(pipe)):
                assert out == turn * case.units, f"confirmed with {out} units out"
            if found.error is None:
                assert found.accepted == len(case.document)
            else:  # it was taken for lost: then it is uncertain, and says so
                assert found.uncertain_end == len(case.document), found
                bench.port.journal.settle([found.key], "fabric")
            await bench.until_printed(turn * case.units)
        assert [unit.outcome for unit in bench.printer.record.units] == ["printed"] * 3 * case.units


@each
async def test_a_power_cut_on_a_connection_is_never_taken_for_an_end(tmp_path: Path, case: Case) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, units_per_second=20, faults="power-cut=0.3@unit:1"
    ) as bench:
        bench.answer_s = 3
        await bench.open()
        found = await bench.print_or_break(case.document)
        assert found.evidence not in SAID_BY_PRINTER
        assert found.error is not None
        assert (found.phase, found.confirmed < len(case.document)) == (Phase.ENDED, True)
        assert found.uncertain_end == len(case.document)


@each
async def test_a_power_cut_on_a_line_that_nobody_sees_is_never_taken_for_all_of_it(
    tmp_path: Path, case: Case
) -> None:
    async with language_bench(
        tmp_path, case.kind, case.personality, pipe=True, units_per_second=10, faults="power-cut=0.3@unit:4"
    ) as bench:
        bench.answer_s = 1
        await bench.open()
        assert (await bench.print(case.document)).evidence is case.proof(pipe=True)
        found = await bench.print_or_break(case.document)
        assert found.evidence not in SAID_BY_PRINTER
        assert found.confirmed < len(case.document)
        if found.error is not None:
            assert (found.uncertain_start, found.uncertain_end) == (found.confirmed, len(case.document))
        bench.port.journal.settle([found.key], "fabric")
        after = await bench.print(case.document)
        assert after.error is None


async def test_labels_that_the_printer_counted_stay_in_doubt_where_it_may_have_forgotten_any(
    tmp_path: Path,
) -> None:
    case = CASES[0]
    document = b"".join(b"^XA^FO10,10^FDlabel %05d^FS^XZ\n" % n for n in range(10))
    async with language_bench(
        tmp_path, Zpl, "zpl", pipe=True, units_per_second=20, faults="power-cut=0.3@unit:6"
    ) as bench:
        await bench.open()
        assert (await bench.print(case.document)).evidence is Evidence.ZPL
        found = await bench.print_or_break(document)
        assert found.error is not None
        assert "3 of 10 labels" in found.error.message
        assert found.confirmed == found.uncertain_start == 0, "on a line, they need not be the first three"
        assert found.uncertain_end == len(document)


async def test_a_label_counter_that_is_cut_short_by_a_hand_at_the_panel_is_noticed(tmp_path: Path) -> None:
    document = b"".join(b"^XA^FO10,10^FDlabel %05d^FS^XZ\n" % n for n in range(10))
    async with language_bench(tmp_path, Zpl, "zpl", units_per_second=10, path_depth=20) as bench:
        await bench.open()
        assert (await bench.print(CASES[0].document)).evidence is Evidence.ZPL
        printing = asyncio.create_task(bench.print_or_break(document))
        await bench.until(lambda: len(paper(bench)) == 5)
        bench.printer.core.cancel("the cancel key")
        found = await printing
        assert found.error is not None
        assert "labels" in found.error.message
        assert 0 < found.confirmed < len(document)


@each
@pytest.mark.alone
async def test_a_frozen_printer_can_be_let_go_within_a_second(tmp_path: Path, case: Case) -> None:
    for left in reversed(range(TRIES)):
        async with language_bench(
            tmp_path / str(left), case.kind, case.personality, units_per_second=20, faults="freeze@unit:1"
        ) as bench:
            session, key = await bench.open(), new_key()
            printing = bench.begin(case.document, key)
            await bench.until(lambda: len(paper(bench)) >= 1 and session.in_progress())  # noqa: B023 - awaited here
            await asyncio.sleep(0.3)
            assert not printing.done()
            began = time.monotonic()
            found = await session.abort(key)
            took = time.monotonic() - began
            assert found.phase is Phase.ENDED
            assert (await printing).error is not None
        if quick(took, left):
            break


@both_ways
async def test_a_document_that_brings_its_own_pjl_job_is_not_wrapped_again(
    tmp_path: Path, pipe: bool
) -> None:
    job = b'\x1b%%-12345X@PJL\r\n@PJL JOB NAME="theirs %d"\r\nPage %05d\x0c\x1b%%-12345X@PJL EOJ\r\n\x1b%%-12345X'
    file = tmp_path / "arrived"
    async with language_bench(
        tmp_path, Pjl, "pjl", pipe=pipe, units_per_second=40, keep_bytes=str(file)
    ) as bench:
        await bench.open()
        document = job % (1, 1) + job % (2, 2)
        found = await bench.print(document)
        assert (found.error, found.evidence) == (None, Evidence.PJL)
        assert len(paper(bench)) == 2
    assert kept(file).count(b"@PJL JOB") == 2
    assert document in kept(file)


@pytest.mark.parametrize("kind", [Zpl, Escpos, Pjl])
async def test_a_printer_of_another_language_is_left_alone_after_a_while(
    tmp_path: Path, kind: type[Zpl | Escpos | Pjl]
) -> None:
    async with language_bench(tmp_path, kind, "plain") as bench:
        bench.answer_s = 0.3
        await bench.open()
        found = await bench.print(b"some text\n\x0c")
        assert (found.error, found.evidence) == (None, Evidence.NO_ANSWER)
