"""What a printer's rule decides about uncertain labels without a person: dispatcher and store are real, the host is a fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from spooler.job import Job
from spooler.job_state import JobState
from spooler.ledger import Outcome
from spooler.printer import OnUncertain
from tests.fabric.dispatch_rig import Rig, eventually, running
from tests.fakes.host import FakeHost, FakePort

LABEL = b"^XA^FO1,1^FDlabel %02d^FS^XZ\n"
LABELS = b"".join(LABEL % number for number in range(1, 21))
SIZE = len(LABEL % 1)
RECEIPT = b"\x1b@receipt %02d\n\x1dV\x00"
RECEIPTS = b"".join(RECEIPT % number for number in range(1, 11))


async def broken(rig: Rig, port: FakePort, document: bytes, at: int, unsure: int) -> Job:
    """Return a job whose first attempt breaks off after `at` bytes, of which the last `unsure` are uncertain."""
    port.break_at, port.break_uncertain = at, unsure
    return await rig.submit("labels", document)


def on_paper(port: FakePort, job: Job) -> bytes:
    """Return what came out after the break."""
    return b"".join(doc.prefix + bytes(doc.data) for doc in port.printed if doc.job_number == job.number)


async def history(rig: Rig, job: Job, what: str) -> list[tuple[str, str]]:
    return [(one.who, one.detail) for one in await rig.store.history(job.number) if one.what == what]


async def test_the_rule_skip_goes_on_behind_labels_that_may_have_come_out(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:", on_uncertain=OnUncertain.SKIP)
    job = await broken(rig, host.ports["P1:"], LABELS, 18 * SIZE + 5, 2 * SIZE)
    done = await rig.until(job.number, JobState.COMPLETED)
    paper = on_paper(host.ports["P1:"], job)
    assert [number for number in range(1, 21) if b"label %02d" % number in paper] == [19, 20]
    assert done.reasons == ("job-completed-with-warnings",)
    assert await history(rig, job, "decided") == [
        ("spooler", "labels 17 to 18 skip: the printer's rule: skip (3 bytes before label 19)")
    ]
    [held] = await history(rig, job, "held")
    assert "labels 17 to 18 of 20 may have printed" in held[1]


async def test_the_rule_reprint_marked_marks_each_label_that_may_come_twice(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:", on_uncertain=OnUncertain.REPRINT_MARKED)
    job = await broken(rig, host.ports["P1:"], LABELS, 18 * SIZE + 5, 2 * SIZE)
    await rig.until(job.number, JobState.COMPLETED)
    paper = on_paper(host.ports["P1:"], job)
    assert [number for number in range(1, 21) if b"label %02d" % number in paper] == [17, 18, 19, 20]
    assert paper.count(b"DUPLICATE?") == 2


@pytest.mark.parametrize("rule", [OnUncertain.SKIP, OnUncertain.REPRINT_MARKED])
async def test_labels_that_a_kernel_had_taken_and_never_sent_are_printed(
    rig: Rig, host: FakeHost, rule: OnUncertain
) -> None:
    """No label can have come out whole of what is uncertain, and all were accepted: none is lost."""
    await rig.printer("labels", "P1:", on_uncertain=rule)
    host.ports["P1:"].break_unsent = 15 * SIZE
    job = await broken(rig, host.ports["P1:"], LABELS, 4 * SIZE + 5, 5)
    await rig.until(job.number, JobState.COMPLETED)
    paper = on_paper(host.ports["P1:"], job)
    assert [number for number in range(1, 21) if b"label %02d" % number in paper] == [*range(5, 21)]


async def test_a_receipt_that_cannot_have_come_out_whole_is_not_skipped(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:", on_uncertain=OnUncertain.SKIP)
    size = len(RECEIPT % 1)
    job = await broken(rig, host.ports["P1:"], RECEIPTS, 5 * size + 3, size)
    await rig.until(job.number, JobState.COMPLETED)
    paper = on_paper(host.ports["P1:"], job)
    assert [number for number in range(1, 11) if b"receipt %02d" % number in paper] == [6, 7, 8, 9, 10]


async def test_a_language_without_a_mark_falls_back_to_a_person_and_says_so(rig: Rig, host: FakeHost) -> None:
    await rig.printer("labels", "P1:", on_uncertain=OnUncertain.REPRINT_MARKED)
    pages = b"one\x0ctwo\x0cthree\x0cfour\x0c"
    job = await broken(rig, host.ports["P1:"], pages, 10, 5)
    held = await eventually(lambda: rig.job(job.number), lambda job: "cannot be followed" in job.hold_reason)
    assert held.state is JobState.PENDING_HELD
    assert held.hold_reason.startswith(
        "pages 2 to 3 of 4 may have printed; the printer's rule (reprint marked)"
    )
    assert "on-uncertain-reprint-marked" not in held.reasons
    [left] = await eventually(lambda: history(rig, job, "left-to-a-person"), bool)
    assert "has no mark" in left[1]
    await rig.steering.resolve(job.number, "ann", "skip")
    await rig.until(job.number, JobState.COMPLETED)


@pytest.mark.parametrize(("at", "unsure", "state"), [
    (1000, 400, JobState.COMPLETED),  # all of it may be on paper
    (600, 200, JobState.PENDING_HELD),  # its end cannot be
])  # fmt: skip
async def test_a_document_without_units_is_skipped_only_when_all_of_it_may_have_come_out(
    rig: Rig, host: FakeHost, at: int, unsure: int, state: JobState
) -> None:
    await rig.printer("labels", "P1:", on_uncertain=OnUncertain.SKIP)
    job = await broken(rig, host.ports["P1:"], bytes(1000), at, unsure)
    done = await eventually(
        lambda: rig.job(job.number), lambda job: job.ended or "cannot be followed" in job.hold_reason
    )
    assert (done.state, done.outcome) == (state, Outcome.UNKNOWN)
    assert on_paper(host.ports["P1:"], job) == b""


async def test_what_breaks_at_the_same_place_again_and_again_is_left_to_a_person(
    rig: Rig, host: FakeHost
) -> None:
    await rig.printer("labels", "P1:", on_uncertain=OnUncertain.REPRINT_MARKED)
    port = host.ports["P1:"]
    job = await broken(rig, port, LABELS, 18 * SIZE + 5, 2 * SIZE)

    async def break_again() -> Job:
        port.break_at, port.break_uncertain = 17 * SIZE - 1, SIZE - 1
        return await rig.job(job.number)

    held = await eventually(break_again, lambda job: "came no further" in job.hold_reason)
    assert held.state is JobState.PENDING_HELD
    assert held.attempts <= 8
    port.break_at = None


async def test_a_spooler_that_died_before_the_rule_was_followed_follows_it_after_its_start(
    tmp_path: Path, host: FakeHost
) -> None:
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:", on_uncertain=OnUncertain.SKIP)
        rig.dispatcher.on_doubt = lambda _job: None  # it dies here
        job = await broken(rig, host.ports["P1:"], LABELS, 18 * SIZE + 5, 2 * SIZE)
        held = await rig.until(job.number, JobState.PENDING_HELD)
        assert held.reasons[-1] == "on-uncertain-skip"
    async with running(tmp_path, host) as rig:
        await rig.until(job.number, JobState.COMPLETED)
    assert b"label 19" in on_paper(host.ports["P1:"], job)


async def test_a_rule_that_is_set_later_decides_nothing_that_a_person_was_to_decide(
    tmp_path: Path, host: FakeHost
) -> None:
    async with running(tmp_path, host) as rig:
        await rig.printer("labels", "P1:")
        job = await broken(rig, host.ports["P1:"], LABELS, 18 * SIZE + 5, 2 * SIZE)
        await rig.until(job.number, JobState.PENDING_HELD)
        printer = await rig.store.get_printer("labels")
        await rig.printers.update_printer(
            type(printer)("labels", printer.ports, on_uncertain=OnUncertain.SKIP), "ada"
        )
    async with running(tmp_path, host) as rig:
        after = await rig.submit("labels", LABELS)
        await rig.until(after.number, JobState.COMPLETED)
        assert (await rig.job(job.number)).state is JobState.PENDING_HELD
