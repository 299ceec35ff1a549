"""The pages for users name what there is: metrics, settings, commands, links; and nothing that is gone."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click
import pytest
from prometheus_client import Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from chassis.metrics import REGISTRY, method_stats
from chassis.settings import ChannelSettings, Settings
from chassis.settings_help import default_of, show
from chassis.settings_sources import leaves
from chassis.tasks import Tasks
from portmon.dial_out.metrics import DialOutCollector
from portmon.dial_out.out import DialOut
from portmon.metrics import PortCollector
from portmon.monitor import MonitorInit
from portmon.port_store import LocalPortStore
from portmon.ports import Ports
from portmon.registry import Registry
from portmon.settings import PortmonSettings, PortSection
from portmon.staging.metrics import StagingCollector
from portui.settings import PortuiSettings
from printfabric_client.command.program import program
from spooler.api.look import Look
from spooler.api.printer_verdicts import PrinterVerdicts
from spooler.book import Book
from spooler.dial_in.arrivals import DialIn
from spooler.dial_in.metrics import DialInCollector
from spooler.job import Document, Job, Sender
from spooler.metrics import SpoolerMetrics
from spooler.settings import DialInSection, HostSection, PrinterSection, SpoolerSettings

ROOT = Path(__file__).resolve().parents[2]
MADE = {".venv", "build", "dist", "gen", "node_modules", "paper"}
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part in MADE or part.startswith(".") for part in page.relative_to(ROOT).parts)
)


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


# Metrics


def documented_metrics() -> dict[str, tuple[str, frozenset[str]]]:
    """Name: type and labels, as docs/metrics.md has them."""
    rows = re.findall(
        r"^\| `(printfabric_\w+)` \| (\w+) \| ([^|]*)\| [^|]+ \| [^|]+ \|$",
        (ROOT / "docs" / "metrics.md").read_text("utf-8"),
        re.MULTILINE,
    )
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def shown(collector: Collector) -> dict[str, tuple[str, frozenset[str]]]:
    """Name: type and labels, as the page of a service has them; a counter's name ends in _total there."""

    def name(family: Metric) -> str:
        return f"{family.name}_total" if family.type == "counter" else family.name

    return {
        name(family): (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in collector.collect()
        if family.name.startswith("printfabric_")
    }


async def test_every_metric_is_documented_and_every_documented_metric_exists(tmp_path: Path):
    ports = Ports(Registry(MonitorInit("edge-7", tmp_path), []), LocalPortStore(tmp_path / "p"), tmp_path)
    await ports.add("IP_1", "raw", {"host": "10.0.0.7"})
    spooler = SpoolerMetrics()
    job = Job(1, bytes(16), Document(), Sender("ann"), datetime.now(UTC), printer="labels")
    book = Book(0)
    book.add(job)
    with spooler.shown_in(REGISTRY, book.tallies):
        stats = method_stats("/docs.Test/Once")
        stats.in_flight += 1
        stats.done(("OK", ""), 0.1)
        found = shown(REGISTRY) | shown(PortCollector("edge-7", ports))
        found |= shown(StagingCollector("edge-7", ports.staging))
        found |= shown(DialInCollector(DialIn(DialInSection(), "spool-1")))
        found |= shown(DialOutCollector("edge-7", DialOut([], Tasks("none"))))
        found |= shown(PrinterVerdicts(Book(0), cast(Look, None)))  # not on a page: asks nobody
    ports.close()
    documented = documented_metrics()
    assert set(found) == set(documented)
    # A counter that nothing has counted yet shows no labels.
    assert {name: kind for name, (kind, _) in found.items()} == {
        name: kind for name, (kind, _) in documented.items()
    }
    assert {
        name: (labels, documented[name][1])
        for name, (_, labels) in found.items()
        if labels and labels != documented[name][1]
    } == {}


def test_expressions_use_metrics_that_exist():
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8").partition("## What to ask")[2]
    used = {name.removesuffix("_bucket") for name in re.findall(r"\bprintfabric_\w+", text)}
    assert used - set(documented_metrics()) == set()
    assert used


# Settings


def rows_of(cls: type[BaseModel], prefix: str = "", *, without: type[BaseModel] | None = None) -> list[str]:
    """Return the lines of a table of settings, as the classes have them."""
    known = dict(leaves(without)) if without else {}
    tables = {name for name, field in cls.model_fields.items() if field.annotation is ChannelSettings}
    lines = []
    for key, field in leaves(cls):
        if key in known or key[0] in tables:
            continue
        default = default_of(cls, key, field)
        if default == socket.gethostname():
            text = "the machine's name"
        else:
            text = "required" if default is PydanticUndefined else show(default)
        lines.append(f"| `{prefix}{'.'.join(key)}` | {text or 'empty'} | {field.description} |")
    return lines


SETTINGS = {
    "Every service": rows_of(Settings),
    "The spooler": [
        *rows_of(SpoolerSettings, without=Settings),
        *rows_of(HostSection, "hosts[]."),
        *rows_of(PrinterSection, "printers[]."),
    ],
    "The port monitor": [
        *rows_of(PortmonSettings, without=Settings),
        *rows_of(PortSection, "ports[]."),
    ],
    "The configuration service": rows_of(PortuiSettings, without=Settings),
    "Calls to other services": rows_of(ChannelSettings),
}


@pytest.mark.parametrize("section", SETTINGS)
def test_the_table_of_settings_is_what_the_classes_say(section: str):
    text = (ROOT / "docs" / "operating.md").read_text("utf-8")
    _, heading, rest = text.partition(f"\n### {section}\n")
    assert heading
    lines = [line for line in re.split(r"\n##+ ", rest)[0].splitlines() if line.startswith("| `")]
    assert lines == SETTINGS[section]


# Commands


def commands_in(page: Path) -> Iterator[list[str]]:
    """Yield the words of each `printfabric …` in the page's blocks of code."""
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"[|;&]", line.partition("  #")[0]):
                found = re.match(r"\s*(?:\$ )?(?:\S*/)?printfabric (\S.*)", part)
                if found:
                    yield shlex.split(found[1].replace("…", ""))


def problem_of(words: list[str]) -> str:
    """Say what the command knows nothing of: a command, an option; empty if it knows all."""
    group: click.Command = program
    context = click.Context(group)
    options = {name for option in program.params for name in option.opts}
    for word in words:
        if isinstance(group, click.Group) and (inner := group.get_command(context, word)) is not None:
            group = inner
            options |= {
                name for option in group.params for name in (*option.opts, *option.secondary_opts)
            } | {"--help", "-h"}
        elif word.startswith("-") and word != "-" and word.partition("=")[0] not in options:
            return f"no option {word}: {words}"
        elif group is program and not word.startswith("-"):
            return f"no command {word}: {words}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_in_the_pages_exists(page: Path):
    problems = [problem for words in commands_in(page) if (problem := problem_of(words))]
    assert problems == []


def test_the_tour_has_commands_to_check():
    assert len(list(commands_in(ROOT / "README.md"))) >= 10
    assert problem_of(["prnt", "x"])
    assert problem_of(["print", "--prnter", "labels"])
    assert problem_of(["ports", "add", "x", "-m", "Local Port"]) == ""


# Links


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_inside_the_repository_lead_somewhere(page: Path):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []
