"""A printer that cannot be reached is told of at once, and dialled until it answers or nobody wants it any more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from chassis.errors import ConnectionRefused, DeviceOffline, JobCanceled
from chassis.tries import Tries
from portmon.device_wait import DeviceWait
from portmon.line_store import BriefLineStore
from portmon.monitor import OpenContext
from portmon.reports import Condition, Report, Severity, Source
from portmon.tcp import connection as tcp
from portmon.tcp import dial, redial
from portmon.tcp.link import TcpLink
from tests.rig.black_hole import BlackHole
from tests.rig.programs import wait_until


class Line:
    """A link to an address, what was reported of it, and the listener once it is on."""

    def __init__(self, timeout_s: float = 10) -> None:
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))  # nobody else's, and deaf
        self.wait = DeviceWait()
        self.said: list[Report] = []
        self.told = 0
        self.context = OpenContext("P", self.wait, BriefLineStore(), report=self._report)
        host, port = self._server.getsockname()
        self.link = TcpLink(self.context, host, port, timeout_s)

    def _report(self, reporter: str, reports: Sequence[Report], _lasts_s: float) -> None:
        assert reporter == redial.REPORTER
        self.said = list(reports)
        self.told += 1

    @property
    def words(self) -> list[str]:
        return [one.text for one in self.said]

    def on(self) -> socket.socket:
        """Let the printer listen."""
        self._server.listen()
        return self._server

    def off(self) -> None:
        self._server.close()

    def until_answered(self) -> None:
        """Look after it until nothing is the matter."""
        wait_until(lambda: self.link.look_after() is not None and not self.said, 30, "it never answers")


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(redial, "_EVERY_S", 0.01)
    found = Line()
    yield found
    found.link.close()
    found.wait.close()
    found.off()


@pytest.fixture
def away(line: Line) -> Line:
    """Lend a line whose printer has refused a document."""
    with pytest.raises(ConnectionRefused):
        line.link.connect()
    return line


def test_a_refusal_is_an_error_report_of_the_transport(away: Line):
    assert away.words == [f"{away.link.where} refused the connection"]
    (report,) = away.said
    assert (report.condition, report.severity, report.source) == (
        Condition.OFFLINE,
        Severity.ERROR,
        Source.TRANSPORT,
    )


def test_a_printer_that_nobody_tried_to_reach_is_not_dialled(line: Line):
    assert line.link.look_after() is None


def test_it_is_dialled_until_it_listens_and_the_connection_is_the_documents(away: Line):
    for _ in range(3):
        assert away.link.look_after() is not None
    assert away.said
    with away.on() as server:
        away.until_answered()
        away.link.connect()
        assert away.link.send(b"x") == 1
        server.settimeout(30)
        with server.accept()[0] as peer:
            assert peer.recv(10) == b"x"
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert away.link.look_after() is None


def test_a_connection_that_the_printer_closed_meanwhile_is_made_anew(away: Line):
    with away.on() as server:
        away.until_answered()
        server.settimeout(30)
        server.accept()[0].close()
        ready = away.link._redial._ready
        assert ready is not None
        wait_until(lambda: tcp.info(ready).peer_closed)
        away.link.connect()
        assert away.link.send(b"x") == 1
        with server.accept()[0] as peer:
            assert peer.recv(10) == b"x"


def test_a_connection_that_no_document_comes_for_is_let_go(away: Line, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redial, "_KEPT_S", 0.0)
    with away.on() as server:
        away.until_answered()
        wait_until(lambda: away.link.look_after() is None)
        with server.accept()[0] as peer:
            peer.settimeout(30)
            assert peer.recv(1) == b""


def test_all_ports_together_dial_no_more_than_so_often(away: Line, monkeypatch: pytest.MonkeyPatch):
    turns = Tries(at_once=1, interval_s=3600)
    turns.count("dials", "dials")
    monkeypatch.setattr(redial, "_DIALS", turns)
    monkeypatch.setattr(redial, "_EVERY_S", 0.0)
    with away.on() as server:
        for _ in range(5):
            assert away.link.look_after() is not None
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
        assert away.said
        monkeypatch.undo()
        away.until_answered()


def test_a_port_that_is_closed_stays_marked_but_takes_documents_again(away: Line):
    away.link.close()
    (report,) = away.said
    assert (report.severity, report.text) == (Severity.WARNING, f"{away.link.where} refused the connection")
    assert away.link.look_after() is None


def test_the_first_connection_of_an_opening_takes_back_what_an_earlier_one_said(line: Line):
    line.on()
    line.link.connect()
    assert (line.told, line.said) == (1, [])
    line.link.connect()
    assert line.told == 1


@pytest.fixture
def silent(line: Line) -> Iterator[tuple[Line, BlackHole]]:
    with line.on() as server:
        hole = BlackHole(server)
        yield line, hole
        hole.end()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be as patient as a tenth of the field's second."""
    monkeypatch.setattr(dial, "ANSWER_S", 0.1)
    monkeypatch.setattr(dial, "_MOST_TRY_S", 0.2)


@pytest.mark.usefixtures("soon")
def test_silence_is_reported_while_the_connection_is_still_awaited(silent: tuple[Line, BlackHole]):
    line, hole = silent
    heard: list[list[str]] = []

    def answers_once_told() -> None:
        wait_until(lambda: bool(line.said), 30, "the silence is not reported")
        heard.append(line.words)
        hole.end()

    switching = threading.Thread(target=answers_once_told)
    switching.start()
    line.link.connect()  # one SYN was lost: another socket is tried
    switching.join()
    assert heard == [[f"{line.link.where} does not answer"]]
    assert line.said == []


@pytest.mark.usefixtures("soon")
def test_silence_to_the_end_goes_on_being_reported_and_dialled(silent: tuple[Line, BlackHole]):
    line, hole = silent
    line.link._redial._dial._timeout_s = 0.3
    waits: list[None] = []
    line.wait.check = lambda: waits.append(None)
    with pytest.raises(DeviceOffline):
        line.link.connect()
    assert line.words == [f"{line.link.where} does not answer"]
    assert line.link.look_after() is not None
    assert line.said
    assert len(waits) < 40, "it waits, and does not look again and again"
    hole.end()
    line.until_answered()


@pytest.mark.usefixtures("soon")
def test_a_document_that_is_cancelled_meanwhile_leaves_nothing_to_be_dialled_for(
    silent: tuple[Line, BlackHole],
):
    line, _ = silent

    def cancelled() -> None:
        if line.said:
            raise JobCanceled("enough")

    line.wait.check = cancelled
    with pytest.raises(JobCanceled):
        line.link.connect()
    assert [one.severity for one in line.said] == [Severity.WARNING]
    assert line.link.look_after() is None


def test_a_wake_up_ends_a_dial_between_documents(silent: tuple[Line, BlackHole]):
    line, hole = silent
    line.link._redial._away = True
    line.wait.wake()
    assert line.link.look_after() == 0.0, "the thread is free at once"
    hole.end()
    line.until_answered()
