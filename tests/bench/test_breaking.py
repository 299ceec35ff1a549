"""What breaks while the benchmark runs does not end it: a peer is begun anew, a part measured once more, and all of it told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench import backlog, report, workloads
from tests.bench.measure import Bench
from tests.bench.one_run import PARTS, Run
from tests.bench.process import BenchError
from tests.bench.receiver import Receiver, document
from tests.bench.system import UNARY, together

ONE = (UNARY, 1, 1)  # mode, clients, printers


class Peer:
    """A system that prints itself, and breaks at the runs it is told to."""

    ours, exact, name, durability = False, True, "LPrint", "none"
    pools, many, most_printers = False, True, 1
    processes: Sequence[Any] = ()

    def __init__(self, receiver: Receiver, *breaks: int) -> None:
        self.receiver = receiver
        self.breaks = breaks
        self.runs = self.renewed = 0
        self.starts_again = True

    async def send(
        self, _mode: str, _clients: int, _printers: int, numbers: Sequence[int], size: int
    ) -> None:
        self.runs += 1
        if self.runs in self.breaks:
            raise ConnectionResetError("Segmentation fault")
        for number in numbers:
            printed(self.receiver, number, size)

    async def renew(self) -> None:
        self.renewed += 1
        if not self.starts_again:
            raise BenchError("it does not listen")


class Ours(Peer):
    ours, name = True, "fabric"


def printed(receiver: Receiver, number: int, size: int = 1024) -> None:
    before = receiver.printed
    with socket.create_connection(("127.0.0.1", receiver.port)) as printer:
        printer.sendall(document(number, size))
    while receiver.printed == before:
        pass


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(workloads, "SIZES", (1024,))
    monkeypatch.setattr(workloads, "PRINTERS", (1,))
    receiver = Receiver(tmp_path)
    yield Bench(receiver)
    receiver.close()


async def rates_of(bench: Bench, *systems: Any) -> list[dict[str, Any]]:
    return await workloads.rates(bench, systems, replace(workloads.SHORT, rounds=3))


async def test_a_peer_that_breaks_is_begun_anew_and_its_other_rounds_count(bench: Bench):
    peer = Peer(bench.receiver, 3, 4)

    rows = await rates_of(bench, peer)

    assert peer.renewed == 2
    assert bench.breaks == {"LPrint": ["Segmentation fault"] * 2}
    assert [row["printed_per_s"]["min"] > 0 for row in rows] == [True] * 2
    assert all(row["lost"] == 0 for row in rows)


async def test_a_peer_that_breaks_again_and_again_is_left_alone_and_has_no_figures(bench: Bench):
    peer = Peer(bench.receiver, *range(1, 100))

    assert await rates_of(bench, peer) == []
    assert peer.runs == len(bench.breaks["LPrint"]) == 5


async def test_a_peer_that_does_not_start_again_is_left_alone(bench: Bench):
    peer = Peer(bench.receiver, 1)
    peer.starts_again = False

    assert await rates_of(bench, peer) == []
    assert peer.runs == 1


async def test_ours_may_not_break(bench: Bench):
    with pytest.raises(ConnectionResetError):
        await bench.tried(Ours(bench.receiver, 1), lambda: bench.run(Ours(bench.receiver, 1), *ONE, 1, 1024))  # type: ignore[arg-type]


async def test_what_a_peer_prints_too_late_is_not_taken_for_a_job_of_ours(bench: Bench):
    [late] = bench.numbers(1, Peer(bench.receiver))  # type: ignore[arg-type]
    numbers, begin = bench.numbers(2), bench.receiver.printed
    for number in (numbers[0], late, numbers[1]):
        printed(bench.receiver, number)

    assert [one.number for one in await bench.arrived(begin, numbers, 1024)] == list(numbers)
    assert bench.strays == 1


async def test_a_second_copy_of_a_job_of_ours_is_found(bench: Bench):
    numbers, begin = bench.numbers(2), bench.receiver.printed
    for number in (numbers[0], numbers[0]):
        printed(bench.receiver, number)

    with pytest.raises(BenchError, match="came twice"):
        await bench.arrived(begin, numbers, 1024)


async def test_what_is_left_of_several_clients_does_not_go_on_when_one_has_failed():
    went_on = []

    async def fails() -> None:
        raise ConnectionResetError

    async def goes_on() -> None:
        await asyncio.sleep(0.01)
        went_on.append(1)

    with pytest.raises(ConnectionResetError):
        await together([fails(), goes_on()])
    await asyncio.sleep(0.05)
    assert not went_on


async def test_a_part_that_fails_is_measured_once_more_and_the_others_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []

    async def lost(*_: object) -> None:
        asked.append("backlog")
        raise BenchError("of 2 jobs 1 are missing")

    async def once_lost(*_: object) -> list[dict[str, Any]]:
        asked.append("finished")
        if asked.count("finished") == 1:
            raise BenchError("it died")
        return [{"jobs": 1000, "open, ms": 1.0}]

    monkeypatch.setattr(backlog, "waiting", lost)
    monkeypatch.setattr(backlog, "finished", once_lost)
    run, kept = Run(tmp_path, workloads.SHORT, ["backlog", "finished"]), []
    run.kept = lambda: kept.append(json.dumps(run.result))

    await run.measure()

    assert asked == ["backlog"] * 2 + ["finished"] * 2
    assert run.result["failed"] == {"backlog": ["of 2 jobs 1 are missing"] * 2, "finished": ["it died"]}
    assert run.result["finished"] == [{"jobs": 1000, "open, ms": 1.0}]
    assert len(kept) == 5  # limits, and each part twice
    text = report.as_markdown([run.result])
    assert "Run 1: **backlog failed**: of 2 jobs 1 are missing" in text
    assert "| open, ms | 1 |" in text


def test_of_three_runs_the_report_has_medians_spreads_and_each_ratio():
    def run(ours: float, cups: float) -> dict[str, Any]:
        row = {"size": 1024, "printers": 1, "mode": UNARY, "clients": 16, "lost": 0, "doubled": 0}
        figures = (("fabric", ours, {"spooler": 1.5}), ("CUPS", cups, {"cupsd": 9.0}))
        rates = [
            {**row, "system": name, "printed_per_s": {"median": rate, "min": rate - 9, "max": rate + 9}}
            | {"cpu_ms_per_job": cpu, "others_cpu_ms_per_job": {"client": 0.5, "receiver": 0.1}}
            for name, rate, cpu in figures
        ]
        machine = dict.fromkeys(("cores", "system", "python", "grpcio", "spool_file_system"), "")
        systems = {"fabric": {"durability": "fsync before OK"}, "CUPS": {"missing": "not installed"}}
        return {
            **dict.fromkeys(PARTS, ()), "rates": rates, "machine": machine, "systems": systems, "limits": {"copy": ours},
            "took_s": {"rates": 90}, "failed": {}, "breaks": {"CUPS": ["it hung up"]}, "strays": 0, "jobs_checked": 7,
        }  # fmt: skip

    text = report.as_markdown([run(2000, 100), run(900, 100), run(550, 50)])

    assert "≥ 10 x CUPS; 11 [20, 9, 11] | met |" in text
    assert "| 100 (41 to 109) | 900 (541 to 2,009) | 1.50 | 9.00 | 0.50 + 0.10 |" in text
    assert "| CUPS | not measured: not installed | 0 | 0 | 3 | - |" in text
    assert "- copy: 900 (550 to 2,000)" in text
    assert "Run 3: CUPS broke: it hung up" in text
    assert "A run took 1.5, 1.5, 1.5 minutes; the first: rates 90 s." in text
