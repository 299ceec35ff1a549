"""The wall: printers and their rules, from the contract's messages and back."""

from __future__ import annotations

from typing import Any

from portui import fabric_convert as convert
from portui.model import Printer
from portui.printer_rules import RULES, Rule
from printfabric.spooler.v1 import print_service_pb2 as print_pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from printfabric.types.v1 import port_pb2


def printer(message: Any) -> Printer:
    """Return a printer."""
    return Printer(
        name=message.name.removeprefix("printers/"),
        ports=tuple(convert.port_key(one.port) for one in message.ports),
        standby=frozenset(convert.port_key(one.port) for one in message.ports if one.standby),
        description=message.description,
        location=message.location,
        state=convert.word(printers_pb.PrinterState, message.state, "PRINTER_STATE_").lower(),
        paused=message.paused,
        pause_reason=message.pause_reason,
        queued=message.queued_jobs,
        accepting=message.accepting or not message.HasField("accepting"),
        format=message.default_format,
        leaving=message.pending_deletion,
        etag=message.etag,
        **{rule.name: _rule(message, rule) for rule in RULES},
    )


_RULE_ENUMS: dict[str, tuple[Any, str]] = {
    "on_uncertain": (print_pb.UncertainDecision, "UNCERTAIN_DECISION_"),
    "pool_order": (printers_pb.PoolOrder, "POOL_ORDER_"),
    "redirect": (printers_pb.RedirectPolicy, "REDIRECT_POLICY_"),
    "prefetch": (printers_pb.PrefetchPolicy, "PREFETCH_POLICY_"),
    "on_host_restart": (port_pb2.HostRestartPolicy, "HOST_RESTART_POLICY_"),
}


def _rule(message: Any, rule: Rule) -> str:
    enum, prefix = _RULE_ENUMS[rule.name]
    found = convert.word(enum, getattr(message, rule.name), prefix)
    return rule.default if found == "UNSPECIFIED" else found.lower().replace("_", " ")


def printer_message(one: Printer) -> printers_pb.Printer:
    """Return a printer's settings for the wire; a rule's value that the contract does not have is left out."""
    message = printers_pb.Printer(
        name=f"printers/{one.name}",
        description=one.description,
        location=one.location,
        default_format=one.format,
        etag=one.etag,
        accepting=True,
    )
    for key in one.ports:
        host, _, port_ = key.partition("/")
        message.ports.add(port=port_pb2.PortName(host=host, port=port_), standby=key in one.standby)
    for name, (enum, prefix) in _RULE_ENUMS.items():
        value = prefix + str(getattr(one, name)).upper().replace(" ", "_")
        if value in enum.keys():  # noqa: SIM118 - a protobuf enum is no dict
            setattr(message, name, enum.Value(value))
    return message
