"""Which port of a printer takes the next document. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from spooler.printer import PoolOrder, PortAvailability, PortName, Printer, first_available


def choose_port(
    printer: Printer,
    state_of: Callable[[PortName], PortAvailability],
    suspect: Callable[[PortName], bool],
    load_of: Callable[[PortName], tuple[float, int]],
    turn: int,
    allowed: Collection[PortName] | None = None,
) -> PortName | None:
    """Return the port for the printer's next document; None when none can take it.

    A port that has failed and is due for another try comes after those that work: a dead member of a pool delays
    nobody, and is found alive again when there is more work than the others can do, or when `suspect` has run out.
    Standby ports are used when no other port works; one that works and prints is waited for.

    Args:
        printer: whose ports, and in which order they are tried.
        state_of: what each port is doing.
        suspect: whether it failed a short while ago.
        load_of: how much waits for it, and how much it has done, for LEAST_LOADED.
        turn: where to begin, for ROUND_ROBIN.
        allowed: the ports that this document may use; None: all.
    """
    ports = [port for port in _ordered(printer, load_of, turn) if allowed is None or port in allowed]
    preferred = [port for port in ports if port not in printer.standby]
    standby = [port for port in ports if port in printer.standby]
    failed = [port for port in ports if suspect(port)]
    chosen = first_available(preferred, state_of, failed)
    if chosen is not None:
        return chosen
    printing = (port for port in preferred if port not in failed)
    if any(state_of(port) is PortAvailability.PRINTING for port in printing):
        standby = []
    return (
        first_available(standby, state_of, failed)
        or first_available(preferred, state_of)
        or first_available(standby, state_of)
    )


def _ordered(
    printer: Printer, load_of: Callable[[PortName], tuple[float, int]], turn: int
) -> Sequence[PortName]:
    ports = printer.ports
    if len(ports) < 2 or printer.pool_order is PoolOrder.FIRST_AVAILABLE:
        return ports
    if printer.pool_order is PoolOrder.LEAST_LOADED:
        return sorted(ports, key=load_of)
    turn %= len(ports)
    return (*ports[turn:], *ports[:turn])
