"""Run an image as the chart would: user 65532, no capabilities, a root that is read-only, and no device but the one allowed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

START_S = 60.0
_DEVICE = (4, 10)  # a virtual terminal: it is everywhere, and no rule of runc's own allows it
USER, GROUPS = 65532, (20, 7)  # the chart's
_OPEN = "import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))"
_WRITE = "open('/app/x', 'w')"

Spec = dict[str, Any]


def restricted(spec: Spec, *, groups: tuple[int, ...], device: tuple[int, int] | None) -> Spec:
    """Return a runtime's configuration as the chart's pods get it, on the machine's own network.

    groups: beside the user's own; devices belong to them.
    device: major and minor number of the one character device it may open.
    """
    capabilities: dict[str, list[str]] = {
        kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")
    }
    process = {
        **spec["process"],
        "terminal": False,
        "noNewPrivileges": True,
        "capabilities": capabilities,
        "user": {"uid": USER, "gid": USER, "additionalGids": list(groups)},
    }
    linux = {**spec["linux"]}
    linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] not in ("network", "user")]
    linux.pop("uidMappings", None)
    linux.pop("gidMappings", None)
    rules: list[Spec] = [{"allow": False, "access": "rwm"}]
    if device is not None:
        rules.append({"allow": True, "type": "c", "major": device[0], "minor": device[1], "access": "rw"})
    linux["resources"] = {"devices": rules}
    return {**spec, "process": process, "root": {**spec["root"], "readonly": True}, "linux": linux}


class Trial:
    """One image of an OCI layout, unpacked and run."""

    def __init__(self, layout: Path, name: str) -> None:
        self._layout = layout
        self._name = name

    def run(self) -> dict[str, object]:
        """Return what was found. Raises AssertionError when the image does not do what the chart relies on."""
        folder = Path(tempfile.mkdtemp(prefix="image-trial-"))
        try:
            bundle = folder / "bundle"
            subprocess.run(["umoci", "unpack", "--image", f"{self._layout}:{self._name}", bundle], check=True)
            size = sum(
                path.lstat().st_size for path in (bundle / "rootfs").rglob("*") if not path.is_symlink()
            )
            assert not list((bundle / "rootfs").glob("*bin/*sh")), "there is a shell"
            assert not _with_extra_rights(bundle / "rootfs"), "a file gives its user more rights"
            spec = json.loads((bundle / "config.json").read_text("utf-8"))
            found: dict[str, object] = {"unpacked_bytes": size}
            if self._name == "portmon":
                found |= self._devices(folder, spec)
            assert self._said(folder, spec, _WRITE) == "OSError", "its own files can be changed"
            return found | self._served(folder, spec)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _devices(self, folder: Path, spec: Spec) -> dict[str, object]:
        """Open a device with and without what it takes."""
        node = folder / "device"
        os.mknod(node, stat.S_IFCHR | 0o660, os.makedev(*_DEVICE))
        os.chown(node, 0, GROUPS[0])
        node.chmod(0o660)
        mount = {"destination": "/host/device", "source": str(node), "type": "bind", "options": ["bind"]}
        spec = {**spec, "mounts": [*spec["mounts"], mount]}
        tries = {
            "device_without_rule": (GROUPS, None, "PermissionError"),
            "device_without_group": ((), _DEVICE, "PermissionError"),
            "device_with_rule_and_group": (GROUPS, _DEVICE, ""),
        }
        found: dict[str, object] = {}
        for what, (groups, device, expected) in tries.items():
            said = self._said(folder, spec, _OPEN, "/host/device", groups=groups, device=device)
            assert said == expected, f"{what}: {said or 'opened'}"
            found[what] = said or "opened"
        return found

    def _said(
        self,
        folder: Path,
        spec: Spec,
        code: str,
        *arguments: str,
        groups: tuple[int, ...] = (),
        device: tuple[int, int] | None = None,
    ) -> str:
        """Run a line of Python in the container; return the name of the error it ends with, "" for none."""
        spec = restricted(spec, groups=groups, device=device)
        spec["process"]["args"] = ["/usr/bin/python3", "-c", code, *arguments]
        with _container(folder, spec) as process:
            _, said = process.communicate(timeout=START_S)
        last = said.decode().strip().rpartition("\n")[2]
        return last.partition(":")[0] if process.returncode else ""

    def _served(self, folder: Path, spec: Spec) -> dict[str, object]:
        """Start the service, wait until it says that it serves, and stop it as a cluster does."""
        state = folder / "state"
        state.mkdir(mode=0o700)
        os.chown(state, USER, USER)
        spec = restricted(spec, groups=GROUPS, device=None)
        spec["mounts"] = [
            *spec["mounts"],
            {"destination": "/state", "source": str(state), "type": "bind", "options": ["bind", "rw"]},
            {"destination": "/tmp", "source": "tmpfs", "type": "tmpfs", "options": ["size=16m", "mode=1777"]},  # noqa: S108 - in the container
        ]
        ready = ["--server.listen=127.0.0.1:0", "--server.ready-file=/state/ready"]
        state_dir = [] if self._name == "portui" else ["--state-dir=/state"]
        spec["process"]["args"] += [*ready, *state_dir]
        with _container(folder, spec) as process:
            address = _until(lambda: _address(state / "ready"), process)
            _until(lambda: _is_serving(address), process)
            pid = int(json.loads(_runc("state", folder.name))["pid"])
            status = Path(f"/proc/{pid}/status").read_text("utf-8")
            assert _field(status, "CapEff") == "0000000000000000"
            assert _field(status, "NoNewPrivs") == "1"
            resident = int(_field(status, "VmRSS").split()[0]) * 1024
            _runc("kill", folder.name, "TERM")
            process.communicate(timeout=START_S)
        assert process.returncode == 0, f"ended with {process.returncode} when it was told to"
        return {"resident_bytes": resident}


@contextlib.contextmanager
def _container(folder: Path, spec: Spec) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "bundle" / "config.json").write_text(json.dumps(spec), "utf-8")
    process = subprocess.Popen(
        ["runc", "run", "--bundle", folder / "bundle", folder.name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(subprocess.CalledProcessError):
                _runc("kill", folder.name, "KILL")
            process.communicate()
        with contextlib.suppress(subprocess.CalledProcessError):
            _runc("delete", "--force", folder.name)


def _runc(*arguments: str) -> bytes:
    return subprocess.run(["runc", *arguments], check=True, capture_output=True).stdout


def _until(good: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + START_S
    while not (found := good()):
        if process.poll() is not None:
            raise AssertionError(
                f"ended with {process.returncode}: {process.communicate()[1].decode()[-500:]}"
            )
        assert time.monotonic() < deadline, "it does not serve"
        time.sleep(0.05)
    return found


def _address(ready: Path) -> str:
    try:
        return str(json.loads(ready.read_text("utf-8"))["addresses"][0])
    except (OSError, ValueError):
        return ""


def _is_serving(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _field(status: str, name: str) -> str:
    return next(line.partition(":")[2].strip() for line in status.splitlines() if line.startswith(f"{name}:"))


def _with_extra_rights(root: Path) -> list[Path]:
    bits = stat.S_ISUID | stat.S_ISGID
    return [
        path
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & bits
    ]
