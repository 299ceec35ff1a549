"""Debian's two other `lpr`, LPRng's and Berkeley's, print through the LPD port.

Neither can be installed beside CUPS' lpr, and both read files in /etc wherever they lie; Berkeley's lpr speaks only to the
lpd of its own package, which sends on to the printer.
"""

from __future__ import annotations

import pytest

from tests.simulators.test_zpl import label
from tests.simulators.unpacked import in_namespace, small_etc, unpacked

# Unprivileged ports: the namespace's root may not have the others.
LPD_CONF = "originate_port=10000 60000\nconnect_timeout=5\n"
# Another host than its own, which lpd would take for a loop.
BERKELEY_HOST = "127.0.0.5"
BERKELEY = """
mount -t tmpfs none /run
mount -t tmpfs none /var/spool
mkdir -p /var/spool/lpd/labels
mount --bind {etc} /etc
{root}/usr/sbin/lpd -s -l
for _ in $(seq 100); do test -S /dev/printer -o -S /run/printer && break; sleep 0.1; done
{root}/usr/bin/lpr -Plabels -Jforty {document}
for _ in $(seq 300); do ls /var/spool/lpd/labels | grep -q '^[cd]f' || exit 0; sleep 0.1; done
{root}/usr/bin/lpq -Plabels >&2; exit 1
"""


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "labels.zpl"
    path.write_bytes(b"".join(label(n) for n in range(40)))
    return path


def all_forty_are_out(printer) -> None:
    printer.wait_units(40, 30)
    assert printer.serials() == [f"{n:05d}" for n in range(40)]
    control = printer.wait_event("control file")
    assert (control["queue"], control["job_name"]) == ("labels", "forty")


def test_lprng_prints_through_lpd(sim_printer, document, tmp_path):
    root, etc = unpacked("lprng", tmp_path), small_etc(tmp_path)
    (etc / "lprng").mkdir()
    (etc / "lprng/lpd.conf").write_text(LPD_CONF)
    (etc / "lprng/lpd.perms").write_text("DEFAULT ACCEPT\n")
    (etc / "printcap").touch()
    printer = sim_printer("zpl", lpd=0)
    queue = f"labels@127.0.0.1%{printer.address['lpd']}"
    done = in_namespace(
        f"mount --bind {etc} /etc; exec {root}/usr/bin/lpr -P{queue} -b -Jforty {document}", tmp_path
    )
    assert done.returncode == 0, done
    all_forty_are_out(printer)
    assert printer.units()[0]["job_name"] == "forty", "its control file came first"


def test_berkeleys_lpr_and_lpd_print_through_lpd(sim_printer, document, tmp_path):
    root, etc = unpacked("lpr", tmp_path), small_etc(tmp_path)
    printer = sim_printer("zpl", lpd=0, host=BERKELEY_HOST)
    (etc / "services").write_text(f"printer {printer.address['lpd']}/tcp spooler\n")
    (etc / "hosts.lpd").write_text("localhost\n")
    (etc / "printcap").write_text(
        f"labels|lp:lp=:rm={BERKELEY_HOST}:rp=labels:sd=/var/spool/lpd/labels:sh:mx#0:\n"
    )
    done = in_namespace(BERKELEY.format(root=root, etc=etc, document=document), tmp_path)
    assert done.returncode == 0, done
    all_forty_are_out(printer)
    assert printer.units()[0]["job_name"] == "labels", (
        "its data file came first, and the queue is all that is known"
    )
