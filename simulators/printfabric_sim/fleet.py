"""Many printers in one process, from one YAML file, with scripted days in their lives."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from printfabric_sim.control import ControlServer
from printfabric_sim.fault_engine import Pending
from printfabric_sim.fault_script import parse_faults
from printfabric_sim.fault_table import ACTIONS, FaultError
from printfabric_sim.plan import Plan, PlanError, build
from printfabric_sim.printer import SimulatedPrinter

_DAY_S = 86400.0
_KEYS = frozenset({"printers", "control", "day_s", "output", "defaults"})
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MOST_OF_A_KIND = 10_000


class _Yaml(yaml.SafeLoader):
    """YAML without its numbers of base 60: `at: 14:00` is a text, as it looks, not 840."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (declared by yaml as what it is)
        first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:int"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Yaml.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"),
    list("-+0123456789"),
)


class Fleet:
    """Printers on one event loop.

    `day_s` is how long a day of their clock lasts in real seconds; every plan's `days` come round in it.
    `control` is the port of the control server, None for none.
    """

    def __init__(self, plans: Sequence[Plan], *, control: int | None = None, day_s: float = _DAY_S) -> None:
        for key in ("name", "pty", "device", "fifo", "record", "keep_bytes"):
            seen: set[str] = set()
            for value in (getattr(plan, key) for plan in plans):
                if value and value in seen:
                    raise PlanError(
                        f"two printers have the {key} {value!r}; with `count`, {{n}} tells them apart"
                    )
                seen.add(value)
        for plan in plans:
            _check_days(plan, day_s)
        self.plans = list(plans)
        self.control = control
        self.day_s = day_s
        self.printers: dict[str, SimulatedPrinter] = {}
        self._server: ControlServer | None = None
        self._timers: dict[tuple[str, int], asyncio.TimerHandle] = {}
        self._laid: dict[tuple[str, int], list[Pending]] = {}  # what a line of a day has laid in wait

    async def start(self) -> None:
        """Start every printer; on an error those already started are stopped. Raises what `build` raises."""
        try:
            for plan in self.plans:
                with _named(plan.name):
                    printer = build(plan)
                    self.printers[printer.name] = printer
                    await printer.start()
                    for _, faults in plan.days:
                        printer.checked(faults)
                self._schedule(plan, printer)
            if self.control is not None:
                self._server = ControlServer(self.printers, port=self.control)
                await self._server.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every printer."""
        if self._server is not None:
            await self._server.stop()
            self._server = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for printer in self.printers.values():
            await printer.stop()

    def addresses(self) -> dict[str, Any]:
        """Return where everything listens, for the ready line."""
        return {
            "control": self._server.port if self._server is not None else None,
            "printers": [
                {
                    "name": name,
                    "personality": printer.personality.name,
                    "address": printer.status()["address"],
                }
                for name, printer in self.printers.items()
            ],
        }

    def summary(self) -> list[dict[str, Any]]:
        """Return the counters of every printer, and when it has stopped the faults that never struck."""
        return [
            {
                "name": name,
                "counts": dict(printer.record.counts),
                "received": printer.core.intake.received,
                "never_struck": printer.never_struck,
            }
            for name, printer in self.printers.items()
        ]

    def _schedule(self, plan: Plan, printer: SimulatedPrinter) -> None:
        loop = asyncio.get_running_loop()
        for index, (at, faults) in enumerate(plan.days):
            self._arm((printer.name, index), loop.time() + at * self.day_s, printer, faults)

    def _arm(self, key: tuple[str, int], when: float, printer: SimulatedPrinter, faults: str) -> None:
        def strike() -> None:
            self._arm(key, when + self.day_s, printer, faults)
            for pending in self._laid.get(key, []):  # of the day before, which is over
                printer.engine.withdraw(pending)
            # Counted from now on: the fifth unit of a line at 09:30 is the fifth after 09:30.
            laid = [printer.engine.add(fault, from_now=True) for fault in parse_faults(faults)]
            self._laid[key] = [pending for pending in laid if pending is not None]

        self._timers[key] = asyncio.get_running_loop().call_at(when, strike)


def load_fleet(name: str, output: Path | None = None) -> Fleet:
    """Read a fleet from a file, or by the name of one that comes with the simulators.

    `output` is the folder that relative names in the file (record, render, pty, keep_bytes) lie in; without, the
    file's `output` counts from the working directory. Raises PlanError, OSError, yaml.YAMLError.
    """
    path = Path(name)
    packaged = files("printfabric_sim.fleets").joinpath(f"{name}.yaml")
    try:
        text = packaged.read_text() if not path.exists() and packaged.is_file() else path.read_text()
    except FileNotFoundError as error:
        raise PlanError(
            f"there is no fleet {name}: no such file, and the one that comes along is demo"
        ) from error
    document = yaml.load(text, _Yaml)  # noqa: S506 (_Yaml is a safe loader)
    if not isinstance(document, dict) or not isinstance(document.get("printers"), list):
        raise PlanError(f"{name}: a fleet has a list `printers`")
    unknown = document.keys() - _KEYS
    if unknown:
        raise PlanError(
            f"{name}: no setting {', '.join(sorted(map(str, unknown)))}; there are: {', '.join(sorted(_KEYS))}"
        )
    folder = output or Path(str(document.get("output", ".")))
    defaults = document.get("defaults", {})
    if not isinstance(defaults, dict):
        raise PlanError(f"{name}: `defaults` is not a mapping")
    day_s = document.get("day_s", _DAY_S)
    if not isinstance(day_s, (int, float)) or not 0 < day_s < math.inf:
        raise PlanError(f"{name}: day_s is a number of seconds above 0, not {day_s!r}")
    control = document.get("control")
    if control is not None and (type(control) is not int or not 0 <= control <= 65535):
        raise PlanError(f"{name}: control is a port from 0 to 65535, not {control!r}")
    if not document["printers"] or not all(isinstance(entry, dict) for entry in document["printers"]):
        raise PlanError(f"{name}: `printers` lists mappings, at least one")
    plans = [
        plan
        for number, entry in enumerate(document["printers"], 1)
        for plan in _plans({**defaults, **entry}, number, folder)
    ]
    return Fleet(plans, control=control, day_s=float(day_s))


def _plans(entry: Mapping[str, Any], number: int, folder: Path) -> list[Plan]:
    """Return the plans of one entry; with `count` there are several, `{n}` in names standing for the number."""
    values = dict(entry)
    several = "-{n}" if values.get("count", 1) != 1 else ""
    values.setdefault("name", f"{values.get('personality', 'zpl')}-{number}{several}")
    with _named(str(values["name"])):
        count, plan = _count(values), _plan(values)
    return [
        replace(
            plan,
            name=plan.name.replace("{n}", str(n)),
            seed=plan.seed + n - 1,
            record=_placed(plan.record, n, folder),
            render=_placed(plan.render, n, folder),
            keep_bytes=_placed(plan.keep_bytes, n, folder),
            pty=_placed(plan.pty, n, folder),
            device=_placed(plan.device, n, folder),
            fifo=_placed(plan.fifo, n, folder),
        )
        for n in range(1, count + 1)
    ]


def _count(values: dict[str, Any]) -> int:
    """Take out of an entry how many printers it means."""
    count = values.pop("count", 1)
    if type(count) is not int or not 1 <= count <= _MOST_OF_A_KIND:
        raise PlanError(f"count: {count!r} is not a number from 1 to {_MOST_OF_A_KIND}")
    return count


def _plan(values: dict[str, Any]) -> Plan:
    """Return the plan that all printers of an entry have, its day included."""
    day = values.pop("day", [])
    if not isinstance(day, list) or "days" in values:
        raise PlanError(f'day: a list of {{at: "09:30", fault: jam}}, not {day!r}')
    values["days"] = tuple(_day(item) for item in day)
    return Plan.from_mapping(values)


@contextlib.contextmanager
def _named(printer: str) -> Iterator[None]:
    """Say which printer of many it is that cannot be as it is told."""
    try:
        yield
    except (PlanError, FaultError, LookupError) as error:
        raise PlanError(f"printer {printer}: {error}") from error


def _check_days(plan: Plan, day_s: float) -> None:
    """Raise PlanError for a fault of every day that would still last when it comes again, and so never end."""
    for fault in (fault for _, faults in plan.days for fault in parse_faults(faults)):
        action = ACTIONS[fault.action]
        values = dict(zip(action.values, action.fill(fault.values), strict=True))
        lasts = values.get("seconds", values.get("off_s", 0.0))
        if isinstance(lasts, float) and lasts >= day_s:
            raise PlanError(f"printer {plan.name}: {fault} would never end: a day lasts {day_s:g} s")


def _placed(value: str | None, n: int, folder: Path) -> str | None:
    """Return a file name of the fleet's file where it belongs; an absolute one stays."""
    return str(folder / value.replace("{n}", str(n))) if value else value


def _day(item: Mapping[str, Any]) -> tuple[float, str]:
    """Read {at: "09:30", fault: "media-out=5"}."""
    if not isinstance(item, dict) or item.keys() != {"at", "fault"}:
        raise PlanError(f'day: {item!r} is not of the form {{at: "09:30", fault: jam}}')
    if not isinstance(item["fault"], str) or not parse_faults(item["fault"]):
        raise PlanError(f"day: {item['fault']!r} is no fault")
    found = _TIME.fullmatch(str(item["at"]))
    if found is None:
        raise PlanError(f'day: {item["at"]!r} is no time of day; write it as "09:30"')
    return (int(found[1]) * 60 + int(found[2])) / 1440, item["fault"]
