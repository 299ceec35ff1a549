"""Settings: a monitor's row, whatever number of hosts has it; a rule's values, whatever number of printers has them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from portui.model import Printer
from portui.model_answers import Monitor
from portui.printer_rules import RULES


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """A monitor of the fabric. `versions` are (its version, the hosts that have it so, its form's revision)."""

    name: str
    versions: tuple[tuple[str, tuple[str, ...], str], ...]
    lacking: tuple[str, ...]
    functions: tuple[str, ...]

    @property
    def hosts(self) -> int:
        """How many hosts have it."""
        return sum(len(hosts) for _version, hosts, _form in self.versions)


def to_ask(monitors: Iterable[Monitor]) -> dict[tuple[str, str], str]:
    """Return a host that can be asked for each monitor's form: {(monitor, version): host}."""
    found: dict[tuple[str, str], str] = {}
    for one in monitors:
        found.setdefault((one.name, one.version), one.host)
    return found


def rows(
    monitors: Sequence[Monitor], hosts: Iterable[str], forms: Mapping[tuple[str, str], str]
) -> list[MonitorRow]:
    """Return the monitors by name. hosts: those that answered; forms: the revisions of the forms that are known."""
    by_name: dict[str, list[Monitor]] = {}
    for one in monitors:
        by_name.setdefault(one.name, []).append(one)
    every = sorted(hosts)
    return [_row(name, mine, every, forms) for name, mine in sorted(by_name.items())]


def _row(
    name: str, mine: Sequence[Monitor], every: Sequence[str], forms: Mapping[tuple[str, str], str]
) -> MonitorRow:
    having = {one.host for one in mine}
    by_version: dict[str, list[str]] = {}
    for one in mine:
        by_version.setdefault(one.version, []).append(one.host)
    return MonitorRow(
        name,
        tuple((v, tuple(sorted(at)), forms.get((name, v), "")) for v, at in sorted(by_version.items())),
        tuple(host for host in every if host not in having),
        tuple(sorted({what.replace("_", " ").lower() for one in mine for what in one.capabilities})),
    )


def policies(printers: Sequence[Printer]) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Return each rule and what it decides, with the printers it is so at: what most have first."""
    found = []
    for rule in RULES:
        by_meaning: dict[str, list[str]] = {}
        for one in printers:
            by_meaning.setdefault(rule.meaning(getattr(one, rule.name) or rule.default), []).append(one.name)
        ranked = sorted(by_meaning.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        found.append((rule.title, [(meaning, sorted(names)) for meaning, names in ranked]))
    return found
