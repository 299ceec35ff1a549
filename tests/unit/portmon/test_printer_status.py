"""What a printer says by LPGETSTATUS: what of it is believed, and when it is asked. Answers are given by hand."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from chassis.errors import DeviceFault
from portmon.devices.printer_status import PrinterStatus, meaning
from portmon.reports import Condition, Report, Severity
from tests.rig.until import until

WELL, OUT_OF_PAPER, OFF_LINE, ERROR, NOTHING = 0x18, 0x30, 0x08, 0x10, 0x00


class Printer:
    """Holds the questions it was asked, and what was reported of it."""

    def __init__(self, first: int = WELL) -> None:
        self.questions: list[Future[bytes]] = []
        self.told: list[list[Report]] = []
        self.status = PrinterStatus(bytes([first, 0, 0, 0]), self._ask, self._tell)

    def _ask(self) -> Future[bytes]:
        self.questions.append(Future())
        return self.questions[-1]

    def _tell(self, _reporter: str, reports: Sequence[Report], _lasts_s: float) -> None:
        self.told.append(list(reports))

    def says(self, lines: int) -> None:
        self.questions[-1].set_result(bytes([lines, 0, 0, 0]))

    async def asked(self, count: int, stalled_s: float = 5.0) -> None:
        def so() -> bool:
            self.status.writing(stalled_s)
            return len(self.questions) == count

        await until(so)

    @property
    def severity(self) -> Severity:
        (report,) = self.told[-1]
        return report.severity


@pytest.mark.parametrize(
    ("lines", "condition"),
    [
        (OUT_OF_PAPER, Condition.PAPER_OUT),
        (0x20, Condition.PAPER_OUT),
        (OFF_LINE, Condition.OFFLINE),
        (ERROR, Condition.USER_INTERVENTION),
        (NOTHING, Condition.OFFLINE),
    ],
)
def test_a_line_that_is_not_as_it_should_be_has_its_condition(lines: int, condition: Condition) -> None:
    found = meaning(lines, sure=True, moves=False)
    assert found is not None
    assert (found.condition, found.severity) == (condition, Severity.ERROR)


def test_a_printer_that_is_well_has_nothing_to_say() -> None:
    assert meaning(WELL, sure=True, moves=True) is None
    assert Printer().told == []


@pytest.mark.parametrize("lines", [OUT_OF_PAPER, OFF_LINE, ERROR, NOTHING])
def test_a_printer_that_never_said_that_all_is_well_keeps_no_job_away_until_it_takes_nothing(
    lines: int,
) -> None:
    printer = Printer(lines)
    assert printer.severity is Severity.WARNING
    assert not printer.status.in_trouble


async def test_a_printer_that_takes_bytes_is_not_asked() -> None:
    printer = Printer()
    for _ in range(1000):
        printer.status.writing(0.5)
    assert printer.questions == []


async def test_one_that_takes_none_is_asked_again_and_again_until_it_does() -> None:
    printer = Printer()
    await printer.asked(1)
    assert printer.status.asking
    printer.status.writing(5.0)
    assert len(printer.questions) == 1  # it has not answered yet
    printer.says(OUT_OF_PAPER)
    await printer.asked(2)
    assert printer.severity is Severity.ERROR
    printer.says(WELL)
    printer.status.writing(0.0)
    assert printer.told[-1] == []
    assert not printer.status.in_trouble


@pytest.mark.parametrize(("lines", "later"), [(OFF_LINE, Severity.WARNING), (OUT_OF_PAPER, Severity.ERROR)])
async def test_once_nothing_waits_only_a_paper_line_that_is_known_to_move_keeps_jobs_away(
    lines: int, later: Severity
) -> None:
    printer = Printer(WELL)
    await printer.asked(1)
    printer.says(lines)
    printer.status.writing(5.0)
    assert printer.severity is Severity.ERROR
    await printer.asked(2, stalled_s=0.0)
    printer.says(lines)
    printer.status.idle()
    assert printer.severity is later


async def test_a_printer_that_does_not_answer_any_more_is_not_believed_what_it_said() -> None:
    printer = Printer(OUT_OF_PAPER)
    await printer.asked(1)
    printer.questions[-1].set_exception(DeviceFault("no answer"))
    printer.status.writing(0.0)
    assert printer.told[-1] == []


def test_the_end_takes_back_what_was_said() -> None:
    printer = Printer(OUT_OF_PAPER)
    printer.status.close()
    assert printer.told[-1] == []
