"""When damaged bytes are worth a word: more than an accident, and more than one in a hundred."""

from __future__ import annotations

import pytest

from portmon.line.errors import LASTS_S, LINE_ERRORS, LineErrors, LineWatch
from portmon.reports import Report, Severity, Source


class Driver:
    """A line's driver that counts, and what was said about the line. Time passes as told."""

    def __init__(self) -> None:
        self.errors: LineErrors | None = LineErrors(5, 0, 7, 0)  # of whoever used it before
        self.now = 100.0
        self.said: list[str] = []
        self.reports: list[Report] = []
        self.watch = LineWatch(lambda: self.errors, self.report, lambda: self.now)

    def report(self, reports, lasts_s: float) -> None:
        assert lasts_s == LASTS_S
        self.reports += reports
        self.said += [one.text for one in reports]

    def hear(self, count: int, framing: int = 0, parity: int = 0, seconds: float = 2.0) -> None:
        assert self.errors is not None
        before = self.errors
        self.errors = before._replace(framing=before.framing + framing, parity=before.parity + parity)
        self.now += seconds
        self.watch.take(b"x" * count)


@pytest.mark.parametrize(
    ("count", "framing", "parity", "said"),
    [
        (100, 0, 0, []),
        (5, 1, 0, []),
        (1000, 9, 0, []),
        (1000, 10, 0, ["10 framing errors in 1000 bytes from the printer"]),
        (64, 3, 8, ["3 framing errors and 8 parity errors in 64 bytes from the printer"]),
        (64, 0, 2, ["2 parity errors in 64 bytes from the printer"]),
    ],
)
def test_more_than_one_damaged_byte_in_a_hundred_is_reported(count, framing, parity, said):
    driver = Driver()
    driver.hear(count, framing, parity)
    assert driver.said == said


def test_it_is_a_warning_with_its_cause_and_stops_no_port():
    driver = Driver()
    driver.hear(10, 5)
    (report,) = driver.reports
    assert (report.severity, report.cause) == (Severity.WARNING, LINE_ERRORS)


def test_what_is_long_ago_counts_no_longer():
    driver = Driver()
    driver.hear(10, 5)
    driver.hear(10, seconds=LASTS_S)
    driver.said.clear()
    driver.hear(10)
    assert not driver.said


def test_all_that_came_damaged_since_the_line_was_opened_is_told_by_kind():
    driver = Driver()
    driver.hear(1000, framing=1)
    driver.hear(1000, parity=2, seconds=LASTS_S)
    assert driver.errors is not None
    driver.errors = driver.errors._replace(overrun=4, breaks=1)
    told = {path.removeprefix("\\Printer.Extension.Line:"): one for path, one in driver.watch.facts().items()}
    assert {name: one.value for name, one in told.items()} == {
        "FramingErrors": 1, "Overruns": 4, "ParityErrors": 2, "Breaks": 1,
    }  # fmt: skip
    assert {one.source for one in told.values()} == {Source.TRANSPORT}
    driver.errors = None
    assert driver.watch.facts() == {}, "its driver does not count, or the line is gone"


def test_errors_are_not_looked_for_with_every_byte():
    driver = Driver()
    driver.hear(10, 5)
    for _ in range(50):
        driver.hear(1, 1, seconds=0.001)
    assert len(driver.said) == 1


def test_a_driver_that_does_not_count_is_helped_out_by_bytes_that_no_printer_sends():
    driver = Driver()
    driver.errors = None
    driver.watch = LineWatch(lambda: None, driver.report, lambda: driver.now)
    driver.now += 2
    driver.watch.take(bytes(range(32, 127)) + b"\xe4\xf6")
    assert not driver.said
    driver.now += 2
    driver.watch.take(b"\x80" * 6)
    assert driver.said == ["8 bytes that no printer sends in 103 bytes from the printer"]
