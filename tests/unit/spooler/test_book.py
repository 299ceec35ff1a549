from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from spooler.book import KEPT_OF_A_QUEUE, Book
from spooler.job import Document, Job, Sender
from spooler.job_state import AT_A_PORT, JobState
from spooler.ledger import NOTHING_PROVEN, Ledger, Outcome, Span, UnitSpan
from spooler.metrics import Tally
from spooler.new_job import INLINE_BYTES
from spooler.printer import PortName, Printer

PORTS = [PortName(host, port) for host in ("edge-1", "edge-2") for port in ("COM1:", "LPT1:")]
NAMES = ["labels", "receipts", "slips"]


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.none() | st.lists(st.sampled_from(PORTS), unique=True)),
        max_size=12,
    )
)
def test_who_uses_a_port_is_known_whatever_came_and_went(steps):
    book = Book(0)
    there: dict[str, tuple[PortName, ...]] = {}
    for name, ports in steps:
        book.touched_ports()
        before = there.pop(name, ())
        if ports is None:
            book.drop_printer(name)
        else:
            book.put_printer(Printer(name, tuple(ports)))
            there[name] = tuple(ports)
        assert book.touched_ports() == {port.key for port in (*before, *there.get(name, ()))}

    users = {port.key: sorted(name for name in there if port in there[name]) for port in PORTS}
    assert {key: sorted(names) for key, names in book.users.items()} == {
        key: names for key, names in users.items() if names
    }
    assert book.names == sorted(there)
    used = {(host, key): name for host, ports in book.used.items() for key, name in ports.items()}
    assert used == {port.key: port.port for port in PORTS if users[port.key]}


def test_a_port_is_named_as_the_newest_printer_spells_it():
    book = Book(0)
    book.put_printer(Printer("labels", (PORTS[0],)))
    book.put_printer(Printer("slips", (PORTS[0]._replace(port="com1:"),)))
    assert book.used == {"edge-1": {"com1:": "com1:"}}
    book.put_printer(replace(book.queue("labels").printer, ports=()))
    assert book.users == {("edge-1", "com1:"): ["slips"]}


NOW = datetime.now(UTC)
UNSURE = Ledger(uncertain=Span(0, 1), uncertain_units=UnitSpan(3, 5))


def happen(
    book: Book, live: dict[int, Job], number: int, printer: str, state: JobState, unsure: bool, later: bool
) -> None:
    """Let a job be new, or as it is now; what has ended and was not there does not come."""
    known = live.pop(number, None)
    job = replace(
        Job(number, bytes(16), Document(), Sender(), NOW + timedelta(seconds=number), printer=printer),
        state=state,
        ledger=UNSURE if unsure else NOTHING_PROVEN,
        outcome=Outcome.UNKNOWN if unsure else Outcome.PENDING,
        not_before=NOW + timedelta(hours=1) if later else None,
    )
    if not job.ended:
        live[number] = job
    waited = known is not None and (known.printer, known.state) == (printer, JobState.PENDING)
    if waited and state is JobState.PROCESSING:
        book.queue(printer).waiting.leave(number)
        book.leave(job)
    elif known is not None:
        book.change(job)
    elif not job.ended:
        book.add(job)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 8),
            st.sampled_from(NAMES),
            st.sampled_from([*JobState]),
            st.booleans(),  # it is not known what came out
            st.booleans(),  # its time has not come
        ),
        max_size=40,
    )
)
def test_what_is_counted_of_a_printers_jobs_is_what_a_look_at_all_of_them_says(steps):
    book, live = Book(0), dict[int, Job]()
    for name in NAMES:
        book.put_printer(Printer(name))
    for step in steps:
        happen(book, live, *step)

    for name in NAMES:
        queue, jobs = book.queue(name), {one.number: one for one in live.values() if one.printer == name}
        assert list(queue.jobs) == sorted(jobs)
        pending = {number for number, job in jobs.items() if job.state is JobState.PENDING}
        held = {number for number, job in jobs.items() if job.state is JobState.PENDING_HELD}
        assert queue.pending == len(pending)
        assert queue.held.keys() == held
        assert queue.doubtful.keys() == {number for number in held if jobs[number].ledger is UNSURE}
        assert queue.at_port.keys() == {number for number, job in jobs.items() if job.state in AT_A_PORT}
        assert queue.later.keys() == {number for number in pending if jobs[number].not_before}
        assert queue.later.keys() | set(queue.waiting) == pending
    for tally in book.tallies():
        its = [job for job in live.values() if job.printer == tally.printer]
        doubted = sum(job.state is JobState.PENDING_HELD and job.ledger is UNSURE for job in its)
        since = min(job.created_at for job in its)
        assert tally == Tally(tally.printer, len(its), since, doubted, 3 * doubted)
    assert {tally.printer for tally in book.tallies()} == {job.printer for job in live.values()}


def test_a_printer_of_another_spooler_is_not_counted_here():
    book = Book(0)
    book.put_printer(Printer("labels"))
    book.add(Job(1, bytes(16), Document(), Sender(), NOW, printer="labels"))
    assert [tally.jobs for tally in book.tallies()] == [1]
    book.queue("labels").mine = False
    assert book.tallies() == []


def of_labels(number: int) -> Job:
    return Job(number, number.to_bytes(16, "big"), Document(), Sender(), NOW, printer="labels")


def test_of_a_long_queue_only_the_first_small_documents_are_at_hand() -> None:
    book = Book(1 << 20)
    book.put_printer(Printer("labels", (PORTS[0],)))
    small, larger = b"^XA^XZ", bytes(INLINE_BYTES + 1)
    for number in range(1, KEPT_OF_A_QUEUE + 11):
        one = of_labels(number)
        book.remember(one, small)
        book.add(one)
    assert book.document(KEPT_OF_A_QUEUE) == small
    assert book.document(KEPT_OF_A_QUEUE + 1) is None
    last = of_labels(KEPT_OF_A_QUEUE + 11)
    book.remember(last, larger)  # read one by one, it would cost a thread's turn
    book.add(last)
    assert book.document(last.number) == larger
    for number in range(1, 13):
        book.forget(of_labels(number))
    newest = of_labels(last.number + 1)
    book.remember(newest, small)
    assert book.document(newest.number) == small
