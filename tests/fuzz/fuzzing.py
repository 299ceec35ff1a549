"""Runs a target on hostile inputs, and says what was found: crashes, hangs, growth."""

from __future__ import annotations

import gc
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import Target

LEAST = 50  # inputs, however slow the machine is
HANG_S = 2.0  # of processor time, for an input of 8 KiB at most
GROWTH_BYTES = 16 << 20
WARM = 200  # inputs before growth is measured


@dataclass
class Report:
    """What became of one target."""

    name: str
    seconds: float = 0.0
    inputs: int = 0
    refused: int = 0
    slowest_ms: float = 0.0
    growth_bytes: int = 0
    bugs: list[str] = field(default_factory=list)


class Hang(BaseException):
    """An input took too long; no `except Exception` on its way hides it."""


def fuzz(target: Target, seconds: float, seed: int, keep: Path | None = None, least: int = LEAST) -> Report:
    """Fuzz one target for so long, and with so many inputs at least; those that break it are kept in a folder."""
    chance = random.Random(f"{seed} {target.name}")
    report = Report(target.name)
    started, before = time.monotonic(), 0
    with _alarms():
        while len(report.bugs) < 5:
            if time.monotonic() - started >= seconds and (report.inputs >= least or report.bugs):
                break
            data = mutated(target.seeds, chance)
            state = chance.getstate()
            if (why := _once(target, data, chance, report)) and keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                kept = keep / f"{target.name.replace(' ', '-').replace('/', '')}-{report.inputs}.bin"
                kept.write_bytes(data)
                report.bugs[-1] = f"{why} [{kept.name}]"
                chance.setstate(state)
            if report.inputs == WARM:
                before = _resident()
    report.seconds = round(time.monotonic() - started, 2)
    if before:
        report.growth_bytes = max(0, _resident() - before)
        if report.growth_bytes > GROWTH_BYTES:
            report.bugs.append(f"grew by {report.growth_bytes >> 20} MiB")
    return report


def _once(target: Target, data: bytes, chance: random.Random, report: Report) -> str:
    report.inputs += 1
    began = time.process_time()
    why = ""
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        target.run(data, chance)
    except target.refusals:
        report.refused += 1
    except Hang:
        why = f"more than {HANG_S:g} s"
    except Exception as error:  # noqa: BLE001 - the wall: whatever a decoder raises is what is looked for
        why = repr(error)[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    report.slowest_ms = max(report.slowest_ms, round((time.process_time() - began) * 1000, 2))
    if why:
        report.bugs.append(why)
    return why


@contextmanager
def _alarms() -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise Hang

    before = signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
