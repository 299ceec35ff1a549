"""By which poller gRPC waits, as processes: the variables are read when grpc is loaded, and threads tell what took effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata

import grpc  # noqa: F401 - first, so that this process keeps its environment
import pytest

from chassis import grpc_poller
from chassis.settings_sources import EX_CONFIG

# 300 calls over one connection, and how often the threads of gRPC's event engine woke up meanwhile: each call does so six
# times as it is shipped; their own timers some twenty times in all.
_PROGRAM = """
import chassis.grpc_poller
import asyncio, json, os, pathlib
import grpc, grpc.aio

def woken():
    found = 0
    for task in pathlib.Path("/proc/self/task").iterdir():
        if task.joinpath("comm").read_text().strip() == "event_engine":
            told = dict(line.split(":", 1) for line in task.joinpath("status").read_text().splitlines())
            found += int(told["voluntary_ctxt_switches"])
    return found

async def same(request, _context):
    return request

async def main():
    server = grpc.aio.server()
    calls = {"Same": grpc.unary_unary_rpc_method_handler(same)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("demo", calls),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/demo/Same")
        await call(b"")
        before = woken()
        for _ in range(300):
            assert await call(b"x") == b"x"
        count = woken() - before
    await server.stop(0)
    return count

chassis.grpc_poller.forget_variables()
count = asyncio.run(main())
print(json.dumps({"woken": count, "left": sorted(name for name in os.environ if name.startswith("GRPC_"))}))
"""


def _said(program: str, **variables: str) -> dict[str, object]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRPC_")}
    environment.pop(grpc_poller.VARIABLE, None)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True,
        env=environment | variables,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("poller", ["epoll1", "poll"])
def test_by_the_older_poller_no_call_passes_through_the_event_engine(poller: str):
    # It fails when a release of grpcio drops these names: then this choice has to go.
    said = _said(_PROGRAM, PRINTFABRIC_POLLER=poller)
    assert said["woken"] < 100  # type: ignore[operator]
    assert said["left"] == []


@pytest.mark.parametrize("variables", [{"PRINTFABRIC_POLLER": "shipped"}, {"GRPC_EXPERIMENTS": ""}])
def test_as_it_is_shipped_each_call_does(variables: dict[str, str]):
    assert _said(_PROGRAM, **variables)["woken"] > 600  # type: ignore[operator]


def test_unasked_it_is_the_older_one_where_the_release_was_measured():
    older = _said(_PROGRAM)["woken"] < 100  # type: ignore[operator]
    assert older == (metadata.version("grpcio") in grpc_poller.MEASURED)


def _chosen(lines: str, **variables: str) -> dict[str, str | None]:
    """Return gRPC's two variables as they stand after some lines of a program."""
    tell = "\nimport json, os; print(json.dumps({n: os.environ.get(n) for n in ('GRPC_EXPERIMENTS', 'GRPC_POLL_STRATEGY')}))"
    return _said(lines + tell, **variables)  # type: ignore[return-value]


def test_what_grpcs_own_variables_say_wins():
    assert _chosen("import chassis.grpc_poller", GRPC_EXPERIMENTS="x", PRINTFABRIC_POLLER="poll") == {
        "GRPC_EXPERIMENTS": "x", "GRPC_POLL_STRATEGY": None,
    }  # fmt: skip
    said = _chosen("import chassis.grpc_poller", GRPC_POLL_STRATEGY="none", PRINTFABRIC_POLLER="poll")
    assert said["GRPC_POLL_STRATEGY"] == "none"
    assert said["GRPC_EXPERIMENTS"]
    kept = "import chassis.grpc_poller as one; one.forget_variables()"
    assert _chosen(kept, GRPC_POLL_STRATEGY="none", PRINTFABRIC_POLLER="poll") == {
        "GRPC_EXPERIMENTS": None, "GRPC_POLL_STRATEGY": "none",
    }  # fmt: skip


@pytest.mark.parametrize(
    "lines", ["import grpc, chassis.grpc_poller", "from importlib import metadata; metadata.version = lambda _: '9.0.0'\nimport chassis.grpc_poller"],
    ids=["grpc was loaded before", "a release that nobody has measured"],
)  # fmt: skip
def test_nothing_is_set_where_it_would_be_in_vain_or_a_guess(lines: str):
    assert _chosen(lines) == {"GRPC_EXPERIMENTS": None, "GRPC_POLL_STRATEGY": None}


def test_a_poller_that_nobody_knows_is_an_error():
    done = subprocess.run(
        [sys.executable, "-m", "portui", "--spooler", "127.0.0.1:1"], capture_output=True, text=True, timeout=60,
        env=os.environ | {"PRINTFABRIC_POLLER": "epol"}, check=False,
    )  # fmt: skip
    assert done.returncode == EX_CONFIG
    assert "PRINTFABRIC_POLLER: 'epol' is none of auto, shipped, epoll1, poll" in done.stderr


_PROGRAM_LOADS_GRPC = """
import os, sys

class Seen:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print(os.environ.get("GRPC_POLL_STRATEGY", "as it is shipped"))
            sys.meta_path.remove(self)

sys.meta_path.insert(0, Seen())
import {program}.__main__
"""


@pytest.mark.parametrize("program", ["spooler", "portmon", "portui"])
def test_each_program_has_chosen_before_grpc_is_loaded(program: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRPC_")}
    environment[grpc_poller.VARIABLE] = "epoll1"
    code = _PROGRAM_LOADS_GRPC.format(program=program)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["epoll1,poll"], done.stderr
