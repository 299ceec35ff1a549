from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spooler.book import Book
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
