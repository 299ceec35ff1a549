"""A CUPS of our own: cupsd with a private configuration on a loopback port, ended by its pid."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.surroundings import free_port, require_tool

_BACKENDS = Path("/usr/lib/cups/backend")
_CONFIG = """
LogLevel debug
Listen 127.0.0.1:{port}
Browsing No
WebInterface No
DefaultAuthType None
MaxLogSize 0
FilterLimit 0
<Location />
  Order allow,deny
  Allow 127.0.0.1
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit All>
    Order allow,deny
    Allow 127.0.0.1
  </Limit>
</Policy>
"""
_FILES = """
ServerRoot {root}/etc
RequestRoot {root}/spool
TempDir {root}/spool/tmp
CacheDir {root}/cache
StateDir {root}/run
DataDir /usr/share/cups
ServerBin {root}/bin
AccessLog {root}/access_log
ErrorLog {root}/error_log
PageLog {root}/page_log
SystemGroup root
User {user}
Group {group}
ConfigFilePerm 0644
LogFilePerm 0644
Sandboxing relaxed
FileDevice Yes
"""


class Cups:
    """One private cupsd in the folder `root`; `environment` makes lp and lpadmin speak to it."""

    def __init__(self) -> None:
        # Not below pytest's folder: the server's user may not look into root's.
        self.root = Path(tempfile.mkdtemp(prefix="cups-"))
        self.port = free_port()
        self.environment = {**os.environ, "CUPS_SERVER": f"127.0.0.1:{self.port}", "HOME": str(self.root)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write the configuration and start cupsd in the foreground."""
        cupsd = require_tool("cupsd")
        name = "lp" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        user = pwd.getpwnam(name)
        for folder in ("etc", "spool/tmp", "cache", "run/certs", "bin"):
            (self.root / folder).mkdir(parents=True)
        # Backends run as root if only root may execute them; these copies run as the user of the jobs.
        shutil.copytree(_BACKENDS.parent, self.root / "bin", dirs_exist_ok=True, symlinks=True)
        for backend in ("socket", "lpd", "ipp"):
            (self.root / "bin/backend" / backend).chmod(0o755)
        (self.root / "etc/cupsd.conf").write_text(_CONFIG.format(port=self.port))
        (self.root / "etc/cups-files.conf").write_text(
            _FILES.format(root=self.root, user=user.pw_name, group="lp" if os.geteuid() == 0 else user.pw_gid)
        )
        if os.geteuid() == 0:
            for path in [self.root, *self.root.rglob("*")]:
                if not path.is_symlink() and "bin" not in path.relative_to(self.root).parts:
                    os.chown(path, user.pw_uid, user.pw_gid)
        self._process = subprocess.Popen(
            [
                cupsd,
                "-f",
                "-c",
                str(self.root / "etc/cupsd.conf"),
                "-s",
                str(self.root / "etc/cups-files.conf"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        # Its log shows that it is ours that answers, not another one that had the port a moment ago.
        log = self.root / "error_log"
        while not log.exists() or self.run("lpstat", "-r", check=False).returncode != 0:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError(f"cupsd did not start: {self.log()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End cupsd by its pid; its folder goes too."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def add_raw_queue(self, name: str, uri: str) -> None:
        """Add a queue that passes documents on as they are."""
        self.run("lpadmin", "-p", name, "-E", "-v", uri, "-m", "raw", "-o", "printer-error-policy=retry-job")

    def run(self, tool: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a CUPS command against this server."""
        done = subprocess.run(
            [require_tool(tool), *arguments], env=self.environment, capture_output=True, text=True, timeout=20
        )
        assert not check or done.returncode == 0, (
            f"{tool} {arguments}: {done.stdout}{done.stderr}{self.log()}"
        )
        return done

    def log(self) -> str:
        """Return the end of the error log."""
        path = self.root / "error_log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else "(no log)"
