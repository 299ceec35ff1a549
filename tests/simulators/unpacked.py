"""Debian packages that cannot be installed beside others: unpacked, and run in a namespace with an /etc of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.surroundings import missing, require_tool

_ETC = ("passwd", "group", "hosts", "host.conf", "nsswitch.conf", "services", "protocols", "ld.so.cache")


def unpacked(package: str, folder: Path) -> Path:
    """Return where the files of a Debian package lie under `folder`.

    Without the package the test is skipped, and under CI it fails. Where namespaces are forbidden no program helps: it is
    skipped, and says so.
    """
    trial = _run("unshare", "-rm", "mount", "--bind", "/etc", "/etc", cwd=folder)
    if trial.returncode != 0:
        why = f"THIS MACHINE FORBIDS NAMESPACES: Debian's {package} was NOT tried ({trial.stderr.strip()})"
        print(why)
        pytest.skip(why)
    for command in (
        ("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package),
        ("sh", "-c", f"dpkg-deb -x {package}_*.deb {package}"),
        ("sh", "-c", f"! ldd {package}/usr/bin/* | grep 'not found' >&2"),
    ):
        done = _run(*command, cwd=folder)
        if done.returncode != 0:
            missing(f"Debian's {package} cannot be had: {' '.join(command)}: {done.stderr.strip()[-300:]}")
    return folder / package


def small_etc(folder: Path) -> Path:
    """Return a copy of what a program reads in /etc by itself, to be added to and bound over the real one."""
    etc = folder / "etc"
    etc.mkdir(exist_ok=True)
    for name in _ETC:
        if Path("/etc", name).exists():
            shutil.copy(Path("/etc", name), etc)
    return etc


def in_namespace(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script as root of a mount namespace of its own; what it leaves running ends with it."""
    return _run("unshare", "-rmpf", "--kill-child", "--mount-proc", "sh", "-ec", script, cwd=folder)


def _run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    require_tool(command[0])
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=50)
