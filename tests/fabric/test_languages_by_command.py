"""Language monitors as a person meets them: the printfabric command, real programs, simulated printers that answer."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from printfabric_sim import SimulatedPrinter
from printfabric_sim.plan import Plan, build
from printfabric_sim.pytest_plugin import PrinterHandle, PrinterLoop
from tests.rig.programs import Program
from tests.rig.real_fabric import HOST, portmon_settings, spooler_settings

LABELS = b"".join(b"^XA^FO10,10^FDlabel %05d^FS^XZ\n" % n for n in range(6))
RECEIPT = b"Receipt 00001\n\x1dV\x00"
PAGES = b"Page 00001\x0cPage 00002\x0c"
KINDS = {
    "labels": ("ZPL", "zpl", LABELS),
    "tills": ("esc/pos", "escpos", RECEIPT),
    "office": ("PJL", "pjl", PAGES),
}

# Programs are started, and a command for each question: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(180)


@dataclass
class Rig:
    """The programs, the printers, and a person's hands on the keyboard."""

    folder: Path
    spooler: Program
    portmon: Program
    sims: dict[str, PrinterHandle]

    def __call__(self, *arguments: str) -> str:
        line = [
            sys.executable,
            "-m",
            "printfabric_client.command",
            "--address",
            self.spooler.address,
            *arguments,
        ]
        done = subprocess.run(line, capture_output=True, text=True, timeout=50)
        return done.stdout + done.stderr

    def print(self, printer: str, data: bytes) -> str:
        """Print and return the job's number."""
        file = self.folder / "document"
        file.write_bytes(data)
        said = self("print", "-P", printer, str(file))
        found = re.search(r"\b(\d+)\b", said)
        assert found, said
        return found[1]

    def until(self, so: Callable[[str], object], *arguments: str) -> str:
        deadline = time.monotonic() + 40
        while not so(text := self(*arguments)):
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        return text


@contextlib.contextmanager
def fabric(folder: Path, *names: str) -> Iterator[Rig]:
    """Run printers of these names with their programs."""
    loop = PrinterLoop()

    async def start(personality: str, **more: object) -> SimulatedPrinter:
        plan = {"personality": personality, "tcp": 0, "units_per_second": 20, **more}
        printer = build(Plan.from_mapping(plan))
        await printer.start()
        return printer

    def sim(name: str) -> PrinterHandle:
        kind = KINDS.get(name, KINDS["labels"])[1]
        more = {"path_depth": 20} if name in KINDS else {"back_channel": False}
        return PrinterHandle(loop, loop.run(start(kind, **more)))

    sims = {name: sim(name) for name in names}
    portmon = Program("portmon", folder, portmon_settings(folder / "pm", [], "answer_s = 1"))
    spooler = Program("spooler", folder, spooler_settings(folder / "sp", portmon.address, {}))
    found = Rig(folder, spooler, portmon, sims)
    try:
        portmon.start()
        spooler.start()
        found.until(lambda text: f"{HOST}  online" in text, "hosts")
        for name, printer in sims.items():
            added = found(
                "ports", "add", f"{HOST}/{name}", "-m", "raw", "host=127.0.0.1", f"port={printer.port}"
            )
            assert "added" in added, added
            language = KINDS.get(name, KINDS["labels"])[0]
            added = found("printers", "add", name, "--port", f"{HOST}/{name}", "--language-monitor", language)
            assert name in added, added
        yield found
    finally:
        spooler.stop()
        portmon.stop()
        for printer in sims.values():
            loop.run(printer.printer.stop())
        loop.close()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with fabric(tmp_path_factory.mktemp("languages"), *KINDS, "mute") as found:
        yield found


@pytest.mark.parametrize("name", KINDS)
def test_a_job_is_done_when_the_printer_has_said_so_and_explain_says_who_said_it(rig: Rig, name: str) -> None:
    number = rig.print(name, KINDS[name][2])
    rig.until(lambda text: "completed" in text, "job", number)
    assert "The printer confirmed all of it" in rig("explain", number)
    assert "confirmed by the printer" in rig("job", number)
    assert f"path  {KINDS[name][0].upper()}" in re.sub(r" +", "  ", rig("ports", "show", f"{HOST}/{name}"))


def test_a_printer_is_asked_for_values_and_what_a_port_cannot_do_is_said(rig: Rig) -> None:
    assert "33554432" in rig("printers", "data", "office", "Installed Memory")
    assert "has no value 'Price'" in rig("printers", "data", "office", "Price")
    assert "no device control" in rig("printers", "data", "office", "--control", "1284-id")


def test_a_printer_out_of_paper_is_said_to_be_and_its_job_goes_on_by_itself(rig: Rig) -> None:
    sim = rig.sims["labels"]
    before = len(sim.units())
    sim.fault(f"media-out@unit:{before + 2}")
    number = rig.print("labels", LABELS)
    said = rig.until(lambda text: "label" in text and "used up" in text, "explain", number)
    assert "Nothing is lost" in said
    assert "completed" not in rig("job", number)
    sim.clear("media-out")
    rig.until(lambda text: "completed" in text, "job", number)
    assert "The printer confirmed all of it" in rig("explain", number)
    assert "error" not in rig("ports").split(f"{HOST}/labels")[1].split("\n")[0]


def test_labels_that_were_cancelled_at_the_printer_are_asked_about_and_no_others(rig: Rig) -> None:
    sim = rig.sims["labels"]
    done = rig.print("labels", LABELS)
    rig.until(lambda text: "completed" in text, "job", done)
    before = len(sim.units())
    sim.fault(f"pause@unit:{before + 3}")
    number = rig.print("labels", LABELS)
    rig.until(lambda text: "paused" in text, "explain", number)
    sim._loop.call(lambda: sim.printer.core.cancel("the cancel key"))
    sim.clear("pause")
    said = rig.until(lambda text: "look at the paper" in text, "explain", number)
    assert re.search(r"labels [34] to 6", said), said
    assert "counter" in said
    rig("cancel", number)


def test_a_printer_that_does_not_answer_is_not_said_to_have_confirmed(rig: Rig) -> None:
    number = rig.print("mute", LABELS)
    rig.until(lambda text: "completed" in text, "job", number)
    assert "the printer did not answer in time" in rig("explain", number)
    assert "did not answer" in rig("job", number)


def test_a_language_monitor_that_no_host_has_is_named_and_nothing_is_printed(rig: Rig) -> None:
    rig("printers", "add", "odd", "--port", f"{HOST}/labels", "--language-monitor", "BRAILLE")
    number = rig.print("odd", b"dots")
    said = rig.until(lambda text: "BRAILLE" in text, "explain", number)
    assert "ZPL" in said, "those there are are named"
    rig("cancel", number)


def test_a_port_monitor_that_is_killed_while_the_word_is_awaited_leaves_only_what_was_not_confirmed_in_doubt(
    tmp_path: Path,
) -> None:
    with fabric(tmp_path, "labels") as rig:
        kill_while_the_word_is_awaited(rig)


def kill_while_the_word_is_awaited(rig: Rig) -> None:
    sim = rig.sims["labels"]
    rig.until(lambda text: "completed" in text, "job", rig.print("labels", LABELS))
    sim.fault(f"pause@unit:{len(sim.units()) + 4}")
    number = rig.print("labels", LABELS)
    rig.until(lambda text: "paused" in text, "explain", number)
    rig.portmon.kill()
    rig.portmon.start()
    said = rig.until(lambda text: "look at the paper" in text, "explain", number)
    assert re.search(r"labels [45] to 6", said), said
    sim.clear("pause")
    rig("resolve", number, "skip")
    rig.until(lambda text: "completed" in text, "job", number)
    sim.wait_idle()
    after = rig.print("labels", LABELS)
    rig.until(lambda text: "completed" in text, "job", after)
    assert "The printer confirmed all of it" in rig("explain", after)
