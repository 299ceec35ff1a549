"""Which system calls a process makes on a device: strace looks on at a running program, as root of a machine would."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.rig.programs import end_process, wait_until

_CALL = re.compile(r"^(\w+)\((.*)$")
# What looks at a node, or waits for it, and asks nothing of the driver behind it.
LOOKING = frozenset(
    {
        "access",
        "faccessat",
        "faccessat2",
        "fcntl",
        "flock",
        "fstat",
        "inotify_add_watch",
        "inotify_rm_watch",
        "lstat",
    }
    | {
        "lseek",
        "newfstatat",
        "poll",
        "ppoll",
        "readlink",
        "readlinkat",
        "select",
        "pselect6",
        "stat",
        "statx",
    }
    | {"epoll_ctl", "fstatfs", "getdents64"}
)


def nobody_may_look_on() -> str:
    """Return why this machine's kernel lets nobody look on at a process; "" when it does."""
    done = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip()


class Trace:
    """What has been seen so far, thread by thread. `mark` it, and each step has its own calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mark(self) -> dict[Path, int]:
        """Return where the next calls will be written."""
        return {path: path.stat().st_size for path in self._folder.iterdir()}

    def calls(self, device: str, since: dict[Path, int] | None = None) -> list[tuple[str, str]]:
        """Return the calls on a device since a mark: their names and arguments, thread after thread."""
        found = []
        for path in sorted(self._folder.iterdir()):
            text = path.read_bytes()[(since or {}).get(path, 0) :].decode("utf-8", "replace")
            found += [_CALL.match(line) for line in text.splitlines() if device in line]
        return [(one[1], one[2]) for one in found if one is not None]

    def names(self, device: str, since: dict[Path, int] | None = None) -> set[str]:
        """Return their names alone, without those that only look."""
        return {name for name, _ in self.calls(device, since)} - LOOKING


@contextlib.contextmanager
def traced(pid: int, folder: Path) -> Iterator[Trace]:
    """Look on at all threads of a process, also those that begin later."""
    calls, said = folder / "calls", folder / "strace.err"
    calls.mkdir()
    command = [
        "strace",
        "-ff",
        "-y",
        "-s",
        "32",
        "-e",
        "trace=desc,file",
        "-o",
        str(calls / "of"),
        "-p",
        str(pid),
    ]
    with said.open("wb+") as err:
        strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        try:
            wait_until(lambda: strace.poll() is not None or b"attached" in said.read_bytes())
            assert strace.poll() is None, said.read_text()
            yield Trace(calls)
        finally:
            end_process(strace)
