"""What a schedule's printers are told to do about doubt, failing ports, and time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from printfabric.spooler.v1 import print_service_pb2 as pb
from printfabric.spooler.v1.printer_service_pb2 import (
    DailyWindow,
    PoolOrder,
    PrefetchPolicy,
    Printer,
    PrinterPort,
    RedirectPolicy,
)
from printfabric.types.v1.port_pb2 import HostRestartPolicy, PortName

_UNCERTAIN = {
    "hold": pb.UNCERTAIN_DECISION_HOLD,
    "skip": pb.UNCERTAIN_DECISION_SKIP,
    "reprint-marked": pb.UNCERTAIN_DECISION_REPRINT_MARKED,
}
_DAY_MINUTES = 24 * 60
_SOONER_MINUTES = 120  # a window that is closed opens so late that no campaign sees it


@dataclass(frozen=True)
class Rules:
    """The settings of a printer that say what becomes of its jobs when something is wrong."""

    language: str = ""  # its language monitor, or none
    on_uncertain: str = "hold"
    redirect: str = "wait"  # a job that fails in its middle: wait, redirect_after or redirect_now
    redirect_after_s: float = 0.0
    order: str = "first_available"  # of its ports
    standby: bool = False  # its second port steps in only
    prefetch: str = "never"  # auto, or always: documents are brought to the host whole before they are begun
    on_host_restart: str = "finish"
    max_backlog_age_s: float = 0.0
    catch_up_per_minute: int = 0

    def printer(self, queue: str, host: str, ports: Sequence[str]) -> Printer:
        """Return the printer resource of a queue."""
        printer = Printer(
            name=f"printers/{queue}",
            language_monitor=self.language,
            on_uncertain=_UNCERTAIN[self.on_uncertain],
            redirect=RedirectPolicy.Value(f"REDIRECT_POLICY_{self.redirect.upper()}"),
            redirect_across_monitors=True,  # pools are of any two printers
            pool_order=PoolOrder.Value(f"POOL_ORDER_{self.order.upper()}"),
            prefetch=PrefetchPolicy.Value(f"PREFETCH_POLICY_{self.prefetch.upper()}"),
            on_host_restart=HostRestartPolicy.Value(f"HOST_RESTART_POLICY_{self.on_host_restart.upper()}"),
            catch_up_per_minute=self.catch_up_per_minute,
            ports=[
                PrinterPort(port=PortName(host=host, port=port), standby=self.standby and place > 0)
                for place, port in enumerate(ports)
            ],
        )
        if self.redirect_after_s:
            printer.redirect_after.CopyFrom(_duration(self.redirect_after_s))
        if self.max_backlog_age_s:
            printer.max_backlog_age.CopyFrom(_duration(self.max_backlog_age_s))
        return printer


FIELDS = (
    "language_monitor", "on_uncertain", "redirect", "redirect_after", "redirect_across_monitors", "pool_order", "prefetch", "on_host_restart",
    "catch_up_per_minute", "ports", "max_backlog_age",
)  # fmt: skip


def roll(dice: random.Random, language: str, prefetch: str, *, pool: bool) -> Rules:
    """Return the rules of a schedule with this language monitor and prefetch, and two ports if it is a pool."""
    redirect = dice.choice(("wait", "redirect_after", "redirect_now")) if pool else "wait"
    return Rules(
        language=language,
        on_uncertain=dice.choice(("hold", "hold", "hold", "skip", "reprint-marked")),
        redirect=redirect,
        redirect_after_s=round(dice.uniform(0.1, 1.5), 2) if redirect == "redirect_after" else 0.0,
        order=dice.choice(("first_available", "round_robin", "least_loaded")) if pool else "first_available",
        standby=pool and dice.random() < 0.4,
        prefetch=prefetch,
        on_host_restart=dice.choice(("finish", "finish", "hold")),
        max_backlog_age_s=round(dice.uniform(0.3, 2.0), 2) if dice.random() < 0.1 else 0.0,
        catch_up_per_minute=dice.choice((120, 600)) if dice.random() < 0.1 else 0,
    )


def closed(minute: int) -> DailyWindow:
    """Return a window that is closed at a minute of the day, and for long."""
    opens = (minute + _SOONER_MINUTES) % _DAY_MINUTES
    return DailyWindow(start_minute=opens, until_minute=(opens + 1) % _DAY_MINUTES)


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
