"""CUPS beside us: a private cupsd on a loopback port with raw queues to the same receiver, as shipped otherwise."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from tests.bench.ipp_peer import IppPeer
from tests.bench.system import Devices, pool_members

_SERVER_BIN = Path("/usr/lib/cups")
_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin"
# No limit on jobs (500 as shipped: the workloads need more); no history of ended jobs, which only slows it down.
_CONFIG = """LogLevel warn
Listen 127.0.0.1:{port}
Browsing No
WebInterface No
DefaultAuthType None
MaxJobs 0
PreserveJobHistory No
{more}<Location />
  Order allow,deny
  Allow 127.0.0.1
</Location>
<Policy default>
  <Limit All>
    Order allow,deny
    Allow 127.0.0.1
  </Limit>
</Policy>
"""
_FILES = """ServerRoot {root}/etc
RequestRoot {root}/spool
TempDir {root}/spool/tmp
CacheDir {root}/cache
StateDir {root}/run
ServerBin {root}/bin
AccessLog {root}/access_log
ErrorLog {root}/error_log
PageLog {root}/page_log
SystemGroup root
User {user}
Group {group}
SyncOnClose {synced}
"""
_QUEUE = """<Printer {name}>
Info {name}
DeviceURI socket://127.0.0.1:{port}/?snmp=false
State Idle
Type 4
Accepting Yes
Shared No
ErrorPolicy retry-job
</Printer>
"""
_CLASS = """<Class {name}>
Info {name}
State Idle
Accepting Yes
{members}
</Class>
"""


class Cups(IppPeer):
    """One cupsd with the queues `q0`, `q1`, …."""

    name = "CUPS"
    durability = "none within 30 s, as shipped"
    pools = True
    synced = False  # each file is synced when it is closed
    more = ""  # of its settings
    path = "/printers/{}"
    document_format = "application/vnd.cups-raw"

    def __init__(self, folder: Path, devices: Devices, printers: int) -> None:
        super().__init__(folder)
        for each in ("etc", "spool/tmp", "cache", "run/certs"):
            (folder / each).mkdir(parents=True)
        # Without root only what everybody may execute can be a backend; copies are the same programs.
        shutil.copytree(_SERVER_BIN / "backend", folder / "bin/backend", symlinks=True)
        (folder / "bin/backend/socket").chmod(0o755)
        for each in ("daemon", "filter", "notifier", "cgi-bin", "monitor"):
            if (_SERVER_BIN / each).is_dir():
                (folder / "bin" / each).symlink_to(_SERVER_BIN / each)
        user = pwd.getpwnam("lp") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        group = "lp" if os.geteuid() == 0 else str(user.pw_gid)
        (folder / "etc/cupsd.conf").write_text(_CONFIG.format(port=self.port, more=self.more))
        files = _FILES.format(
            root=folder, user=user.pw_name, group=group, synced="Yes" if self.synced else "No"
        )
        (folder / "etc/cups-files.conf").write_text(files)
        queues = {f"q{number}": devices.receiving for number in range(printers)}
        classes = []
        for name, members in pool_members(devices).items():
            queues |= members
            classes.append(_CLASS.format(name=name, members="\n".join(f"Printer {each}" for each in members)))
        texts = [_QUEUE.format(name=name, port=port) for name, port in queues.items()]
        (folder / "etc/printers.conf").write_text("".join(texts))
        (folder / "etc/classes.conf").write_text("".join(classes))
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                if not path.is_symlink() and "bin" not in path.relative_to(folder).parts:
                    os.chown(path, user.pw_uid, user.pw_gid)

    @staticmethod
    def why_not() -> str:
        """Return why it cannot be measured here; empty when it can."""
        if shutil.which("cupsd", path=_SBIN) is None:
            return "CUPS is not installed here"
        return "" if (_SERVER_BIN / "backend/socket").exists() else f"no socket backend in {_SERVER_BIN}"

    async def start(self) -> None:
        """Start cupsd and wait until it answers."""
        cupsd = shutil.which("cupsd", path=_SBIN)
        assert cupsd is not None
        etc = self.folder / "etc"
        command = [cupsd, "-f", "-c", str(etc / "cupsd.conf"), "-s", str(etc / "cups-files.conf")]
        await self.begin("cupsd", command)


class SyncedCups(Cups):
    """The same, told to keep over a power cut what it answers for (SyncOnClose), as ours does; small and large jobs only."""

    name = "CUPS, SyncOnClose"
    durability = "fsync before OK"
    synced = True
    more = "DirtyCleanInterval 0\n"  # else what it knows of a job is written up to 30 s later, synced or not
    pools = many = False
