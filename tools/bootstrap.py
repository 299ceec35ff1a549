"""Makes .venv/ what requirements.lock says, with nothing but a standard library to start from.

`make setup` runs it before everything else; when nothing has changed it returns within 0.1 s.

1. `python -m venv --without-pip`, because Debian's Python may have no ensurepip.
2. pip, from the first that can give it: ensurepip, this machine's pip, the package index, apt-get (as root).
3. uv by pip, everything else by uv: 1.3 s instead of pip's 21 s (68 packages, 2 cores, 2026-11-21).
   Should uv not reach the index, pip does the work: it alone reads every form of pip's configuration.
4. The project itself, editable. Its build requirements are in the lock, so nothing is fetched unlocked.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tools import lock, package_index

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".print-fabric.json"

# What pip is told by its configuration, in uv's words.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


class SetupFailed(Exception):
    """Says in one sentence what could not be set up and what to do."""


def wanted() -> dict[str, str]:
    """Return what the environment must have been made from to be current."""
    return {
        "root": str(ROOT),  # scripts in .venv/bin carry their absolute path
        "python": sys.implementation.cache_tag or "",  # .venv/lib has its minor version in the path
        "lock": hashlib.sha256(lock.LOCK.read_bytes()).hexdigest(),
        "project": hashlib.sha256(install_recipe()).hexdigest(),
    }


def install_recipe() -> bytes:
    """Return everything that decides what an editable install writes; linters' settings are not in it."""
    table = lock.project()
    recipe = [table["project"], table["build-system"], table["tool"]["hatch"]]
    return json.dumps(recipe, sort_keys=True).encode() + (ROOT / "hatch_build.py").read_bytes()


def present() -> dict[str, str]:
    """Return what the environment was made from; empty if it was not made here or not finished."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def run(*command: str | Path, environment: Mapping[str, str] | None = None) -> str | None:
    """Run a program from the root; return None, or what it said when it failed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else (done.stderr.strip() or done.stdout.strip() or "no message")


def works(*command: str | Path) -> bool:
    """Tell whether a program can be started and succeeds."""
    try:
        return run(*command) is None
    except OSError:
        return False


def make_environment(now: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Create .venv/, anew if it belongs to another Python or another folder."""
    moved = any(key in before and before[key] != now[key] for key in ("root", "python"))
    if not moved and works(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"):
        return
    say(f"makes .venv with Python {sys.version.split()[0]}")
    venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=False)


def bring_pip() -> None:
    """Put pip into the environment, from the first place that has it."""
    if works(PYTHON, "-m", "pip", "--version"):
        return
    if works(PYTHON, "-m", "ensurepip", "--default-pip"):
        return
    with lock.excerpt("pip") as pinned:
        install = ("install", "--quiet", "--no-deps", "--require-hashes", "-r", pinned)
        say("this Python has no ensurepip; looks for pip elsewhere")
        if works(sys.executable, "-m", "pip", "--python", PYTHON, *install):
            return
        with tempfile.TemporaryDirectory() as folder:
            try:
                wheel = package_index.fetch_wheel("pip", lock.pin("pip"), Path(folder))
            except package_index.NotFetched as error:
                problem: str | None = str(error)
            else:
                # A wheel is a zip file that Python can run from.
                problem = run(PYTHON, wheel / "pip", *install)
    if problem is not None and not install_python3_venv():
        raise SetupFailed(
            f"no pip can be had: {problem}; install your distribution's venv package (Debian: python3-venv)"
        )


def install_python3_venv() -> bool:
    """Let apt-get bring ensurepip, and it pip; only as root, and only when the package index failed."""
    if os.geteuid() != 0 or not works("apt-get", "--version"):
        return False
    say("installs python3-venv with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-q", environment=environment)
    run("apt-get", "install", "-q", "-y", "python3-venv", environment=environment)
    return works(PYTHON, "-m", "ensurepip", "--default-pip")


def uv_environment() -> dict[str, str]:
    """Return this process's environment with pip's configuration translated for uv."""
    listed = subprocess.run(
        (PYTHON, "-m", "pip", "config", "list"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    translated = {"UV_PYTHON_DOWNLOADS": "never", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    # ":env:" is pip's name for PIP_* variables, which win over its files.
    for line in sorted(listed, key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        name = PIP_TO_UV.get(key.rpartition(".")[2])
        if name is not None:
            translated[name] = " ".join(str(ast.literal_eval(value)).split())
    return {**translated, **os.environ}


def install_lock() -> None:
    """Install every locked package at its hash: by uv, or by pip where uv cannot."""
    with lock.excerpt("uv") as pinned:
        problem = run(
            PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", pinned
        )
    if problem is None:
        problem = run(
            ENVIRONMENT / "bin" / "uv", "pip", "install", "--quiet", "--python", PYTHON,
            "--require-hashes", "-r", lock.LOCK, environment=uv_environment(),
        )  # fmt: skip
    if problem is None:
        return
    say(f"uv could not install the packages ({problem.splitlines()[-1]}); pip takes over")
    problem = run(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock.LOCK)
    if problem is not None:
        raise SetupFailed(f"the packages of requirements.lock cannot be installed: {problem}")


def install_project() -> None:
    """Install the project editable: its programs in .venv/bin, its source roots on the path, protos/gen made."""
    problem = run(
        PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-e", "."
    )  # fmt: skip
    if problem is not None:
        raise SetupFailed(f"the project itself cannot be installed: {problem}")


def say(line: str) -> None:
    """Tell the person who waits what happens now."""
    print(f"setup: {line}", flush=True)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other setup of this checkout runs: two `make` at once must not share a half-made environment."""
    folder = os.open(ROOT / "tools", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def set_up() -> None:
    """Bring .venv/ up to date, doing only what has changed since it was made."""
    started = time.monotonic()
    now, before = wanted(), present()
    if now == before:
        return
    if not lock.is_current():
        say("pyproject.toml asks for other packages than requirements.lock has: run `make lock`")
    make_environment(now, before)
    before = present()  # empty if the environment was made anew
    STAMP.unlink(missing_ok=True)
    if before.get("lock") != now["lock"]:
        bring_pip()
        say("installs the packages of requirements.lock")
        install_lock()
    install_project()
    STAMP.write_text(json.dumps(now, indent=1) + "\n")
    say(f"done in {time.monotonic() - started:.1f} s")


def main() -> int:
    """Set up; a failure is one sentence on stderr."""
    try:
        with alone():
            set_up()
    except SetupFailed as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
