"""No test leaves anything running behind: no asyncio task, no thread that blocks exit, no child process; logs go where they went.

What a fixture of class, module or session scope starts belongs to that fixture and may live on. What such
a fixture's server starts later, while a test runs, is named with `outlives_tests`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

# Things that were told to stop may take this long to be gone, in seconds.
GRACE_S = 2.0
# Python's own helpers; the interpreter ends them.
PYTHONS_OWN = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


class Allowed:
    """What may outlive a test: things that were there before, fixtures' things, names given by `outlives_tests`."""

    def __init__(self) -> None:
        self.threads: set[threading.Thread] = set()
        self.thread_prefixes: tuple[str, ...] = ()
        self.children: set[int] = set()

    def note_present(self) -> None:
        """Allow everything that runs now."""
        self.threads |= set(threading.enumerate())
        self.children |= children()

    def foreign_threads(self) -> list[str]:
        """Return the names of non-daemon threads that nobody allowed."""
        return [
            thread.name
            for thread in threading.enumerate()
            if not thread.daemon
            and thread not in self.threads
            and not thread.name.startswith(self.thread_prefixes)
        ]

    def foreign_children(self) -> list[str]:
        """Return the command lines of child processes that nobody allowed."""
        return [
            f"{pid} {line}"
            for pid in sorted(children() - self.children)
            if not any(name in (line := command_line(pid)) for name in PYTHONS_OWN)
        ]


ALLOWED = pytest.StashKey[Allowed]()


def children() -> set[int]:
    """Return the pids of this process's children; empty where there is no /proc (macOS)."""
    lists = list(Path("/proc/self/task").glob("*/children"))
    if lists:
        return {int(pid) for entry in lists for pid in _text(entry).split()}
    # A kernel without CONFIG_PROC_CHILDREN: "pid (comm) state ppid …"; comm may hold spaces and parentheses.
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == os.getpid():
            found.add(int(entry.parent.name))
    return found


def _text(entry: Path) -> str:
    """Return what a file of /proc holds; nothing when its thread has ended meanwhile."""
    try:
        return entry.read_text()
    except OSError:
        return ""


def command_line(pid: int) -> str:
    """Return a process's command line, or that it has ended without being waited for."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(ended)"
    return line or "(ended, but nobody waited for it)"


def wait_until_empty(look: Callable[[], list[str]]) -> list[str]:
    """Return what `look` still finds after the grace time; return at once when it finds nothing."""
    deadline = time.monotonic() + GRACE_S
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ALLOWED] = Allowed()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Let what a longer-lived fixture starts live on."""
    result = yield
    if fixturedef.scope != "function":
        request.config.stash[ALLOWED].note_present()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Note what runs before the test."""
    allowed = item.config.stash[ALLOWED]
    allowed.threads, allowed.children = {thread for thread in allowed.threads if thread.is_alive()}, set()
    allowed.note_present()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test whose threads or children are still there after all its fixtures are gone."""
    result = yield
    allowed = item.config.stash[ALLOWED]
    threads = wait_until_empty(allowed.foreign_threads)
    processes = wait_until_empty(allowed.foreign_children)
    # One test is blamed, not all that follow.
    allowed.note_present()
    if threads:
        pytest.fail(f"the test left threads behind: {', '.join(threads)}", pytrace=False)
    if processes:
        pytest.fail(f"the test left child processes behind: {', '.join(processes)}", pytrace=False)
    return result


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give coroutine tests the fixture that watches tasks, first of all, so that it ends last."""
    for item in items:
        if isinstance(item, pytest.Function) and asyncio.iscoroutinefunction(item.function):
            item.fixturenames.insert(0, "no_leftover_tasks")


@pytest_asyncio.fixture
async def no_leftover_tasks() -> AsyncGenerator[None, None]:
    """Fail the coroutine test whose tasks are still pending when its fixtures are gone."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=GRACE_S)
    if left:
        names = ", ".join(sorted(f"{task.get_name()} ({task.get_coro()!r})" for task in left))
        pytest.fail(f"the test left tasks behind: {names}", pytrace=False)


@pytest.fixture(autouse=True)
def no_leftover_log_settings() -> Iterator[None]:
    """Undo what a test does to the logs of this process: the next one may want to read them."""
    settings, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**settings)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def outlives_tests(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Lend `outlives_tests(prefix)`: threads of that name prefix may outlive the test they appeared in.

    For the worker pool of a session-scoped server, which starts its threads when they are first needed.
    """
    allowed = request.config.stash[ALLOWED]

    def allow(thread_prefix: str) -> None:
        allowed.thread_prefixes += (thread_prefix,)

    return allow
