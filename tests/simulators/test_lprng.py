"""Debian's other `lpr`, LPRng's, prints through the LPD port.

It cannot be installed beside CUPS' lpr, and it reads /etc/lprng/lpd.conf and /etc/printcap wherever it lies: its package is
unpacked into a folder of the test, and it runs in a mount namespace whose /etc is a small one of the test. Where apt has no
network, or namespaces are forbidden, the test is skipped, in CI too: that is no program that could be installed.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.simulators.test_zpl import label

# Unprivileged ports: the namespace's root may not have the others.
LPD_CONF = "originate_port=10000 60000\nconnect_timeout=5\n"
ETC = ("passwd", "group", "hosts", "host.conf", "nsswitch.conf", "services", "protocols", "ld.so.cache")


def possible(*command: str, cwd: Path) -> None:
    """Run a command of the preparation; the test is skipped if it fails."""
    done = None
    if shutil.which(command[0]) is not None:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=50)
    if done is None or done.returncode != 0:
        why = "it is not there" if done is None else done.stderr.strip().splitlines()[-1:]
        pytest.skip(f"{' '.join(command)}: {why}")


@pytest.fixture
def lprng(tmp_path):
    """Return the unpacked program and the /etc it is to see."""
    possible("unshare", "-rm", "mount", "--bind", "/etc", "/etc", cwd=tmp_path)
    possible("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "lprng", cwd=tmp_path)
    (package,) = tmp_path.glob("lprng_*.deb")
    possible("dpkg-deb", "-x", str(package), "lprng", cwd=tmp_path)
    etc = tmp_path / "etc"
    shutil.copytree(tmp_path / "lprng/etc/lprng", etc / "lprng")
    (etc / "lprng/lpd.conf").write_text(LPD_CONF)
    (etc / "printcap").touch()
    for name in ETC:
        if Path("/etc", name).exists():
            shutil.copy(Path("/etc", name), etc)
    program = tmp_path / "lprng/usr/bin/lpr"
    possible("sh", "-c", f"! ldd {program} | grep 'not found' >&2", cwd=tmp_path)
    return program, etc


def test_lprng_prints_through_lpd(sim_printer, lprng, tmp_path):
    program, etc = lprng
    printer = sim_printer("zpl", lpd=0)
    document = tmp_path / "labels.zpl"
    document.write_bytes(b"".join(label(n) for n in range(40)))
    queue = f"labels@127.0.0.1%{printer.address['lpd']}"
    script = f"mount --bind {etc} /etc && exec {program} -P{queue} -b -Jforty {document}"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, done
    units = printer.wait_units(40, 30)
    assert printer.serials() == [f"{n:05d}" for n in range(40)]
    assert units[0]["job_name"] == "forty"
    assert printer.wait_event("control file")["queue"] == "labels"
