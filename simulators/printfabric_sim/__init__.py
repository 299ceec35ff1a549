"""Printers that speak real protocols, know what they printed unit by unit, and break exactly as told."""

from printfabric_sim.condition import Condition
from printfabric_sim.connections.tcp import TcpConnection
from printfabric_sim.fault_script import Fault, parse_faults
from printfabric_sim.fault_table import FaultError
from printfabric_sim.printer import SimulatedPrinter
from printfabric_sim.record import Outcome, Record, UnitRecord

__all__ = [
    "Condition",
    "Fault",
    "FaultError",
    "Outcome",
    "Record",
    "SimulatedPrinter",
    "TcpConnection",
    "UnitRecord",
    "parse_faults",
]
