"""Which port of a printer takes the next document. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spooler.printer import PoolOrder, PortAvailability, PortName, Printer, first_available


def choose_port(
    printer: Printer,
    state_of: Callable[[PortName], PortAvailability],
    suspect: Callable[[PortName], bool],
    load_of: Callable[[PortName], float],
    turn: int,
) -> PortName | None:
    """Return the port for the printer's next document; None when none can take it.

    A port that has failed and is due for another try comes after those that work: a dead member of a pool delays
    nobody, and is found alive again when there is more work than the others can do.

    Args:
        printer: whose ports, and in which order they are tried.
        state_of: what each port is doing.
        suspect: whether its last document failed.
        load_of: how much it has done, for LEAST_LOADED.
        turn: where to begin, for ROUND_ROBIN.
    """
    ports = _ordered(printer, load_of, turn)
    chosen = first_available(ports, state_of, [port for port in ports if suspect(port)])
    return chosen if chosen is not None else first_available(ports, state_of)


def _ordered(printer: Printer, load_of: Callable[[PortName], float], turn: int) -> Sequence[PortName]:
    ports = printer.ports
    if len(ports) < 2 or printer.pool_order is PoolOrder.FIRST_AVAILABLE:
        return ports
    if printer.pool_order is PoolOrder.LEAST_LOADED:
        return sorted(ports, key=load_of)
    turn %= len(ports)
    return (*ports[turn:], *ports[:turn])
