"""Build the services' images without Docker: Debian's packages unpacked, our wheel beside them, layers by umoci.

`make images` builds all three as one OCI layout (build/images) and tries them (`tools/image_trial.py`). Needs Debian's
mmdebstrap, umoci and runc, and root. Nothing of an image runs while it is built, so one for another processor can be
made here, too: ARCH=arm64.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.image_trial import Trial

ROOT = Path(__file__).resolve().parent.parent
LAYOUT = ROOT / "build" / "images"
REPORT = ROOT / "build" / "images.json"
SUITE = "bookworm"
# Python without its extras, what grpcio links, authorities, time zones, names of protocols; no shell comes with them.
PACKAGES = (
    "python3.11-minimal",
    "libpython3.11-stdlib",
    "libstdc++6",
    "ca-certificates",
    "tzdata",
    "netbase",
)
EXTRAS = {
    "spooler": "spooler,kubernetes,oidc,postgres,tracing,client",
    "portmon": "portmon,tracing",
    "portui": "portui,tracing",
}
# The distribution's own packages that an image keeps, beside the chassis and the contracts: `helm test` runs the command.
_OWN = {"spooler": {"spooler", "printfabric_client"}, "portmon": {"portmon"}, "portui": {"portui"}}
_USER = "65532"
# Debian's word for a processor, and the wheels' one.
_PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}
# What serves a package manager or a reader, in a system that has neither.
_SURPLUS = (
    "usr/bin/dpkg*",
    "usr/bin/debconf*",
    "usr/bin/update-alternatives",
    "usr/bin/c_rehash",
    "usr/bin/openssl",
    "usr/bin/perl*",
    "usr/bin/tar",
    "bin/tar",
    "usr/lib/dpkg",
    "usr/lib/*-linux-gnu/gconv",  # character sets of libc; Python has its own
    "usr/lib/python3.11/ensurepip",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/test",
    "usr/sbin/*",
    "sbin/*",
    "usr/share/debconf",
    "usr/share/doc",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl5",
    "usr/share/zoneinfo/posix",
    "usr/share/zoneinfo/right",
    "dev/*",
    "var/cache/*",
    "var/lib/dpkg",
    "var/log/*",
)


def main() -> None:
    """Build and try what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description=__doc__)
    parser.add_argument("services", nargs="*", default=list(EXTRAS), help="spooler, portmon, portui")
    parser.add_argument("--arch", choices=_PROCESSORS, default=_own_processor())
    asked = parser.parse_args()
    missing = [name for name in ("mmdebstrap", "umoci", "runc") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        sys.exit(
            f"images: needs root and mmdebstrap, umoci and runc; missing: {', '.join(missing) or 'root'}"
        )
    shutil.rmtree(LAYOUT, ignore_errors=True)
    LAYOUT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        _build(Path(folder), asked.services, asked.arch)
    report: dict[str, dict[str, object]] = {
        name: {"compressed_bytes": compressed_bytes(LAYOUT, name)} for name in asked.services
    }
    for name in asked.services if asked.arch == _own_processor() else ():
        report[name] |= Trial(LAYOUT, name).run()
    REPORT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    for name, facts in report.items():
        print(name, *(f"{key}={value}" for key, value in facts.items()))


def _build(folder: Path, services: list[str], arch: str) -> None:
    wheel = _wheel(folder)
    system = _system(folder / "system", arch)
    _run("umoci", "init", "--layout", LAYOUT)
    _run("umoci", "new", "--image", f"{LAYOUT}:system")
    _run("umoci", "insert", "--image", f"{LAYOUT}:system", system, "/")
    for name in services:
        app = folder / name / "app"
        _install(wheel, name, app, arch)
        _run("umoci", "tag", "--image", f"{LAYOUT}:system", name)
        _run("umoci", "insert", "--image", f"{LAYOUT}:{name}", app, "/app")
        _run("umoci", "config", "--image", f"{LAYOUT}:{name}", *_config(name, arch))
    _run("umoci", "gc", "--layout", LAYOUT)


def _wheel(folder: Path) -> Path:
    _run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT
    )  # fmt: skip
    (wheel,) = folder.glob("print_fabric-*.whl")
    return wheel


def _system(folder: Path, arch: str) -> Path:
    """Unpack Debian's packages; no script of theirs runs."""
    _run(
        "mmdebstrap", "--quiet", "--variant=extract", f"--architectures={arch}", f"--include={','.join(PACKAGES)}", SUITE, folder
    )  # fmt: skip
    for pattern in _SURPLUS:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / "usr" / "bin" / "python3").symlink_to("python3.11")
    authorities = sorted(folder.glob("usr/share/ca-certificates/**/*.crt"))
    bundle = folder / "etc" / "ssl" / "certs" / "ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(path.read_bytes() for path in authorities))
    (folder / "etc" / "passwd").write_text(f"nonroot:x:{_USER}:{_USER}::/nonexistent:/nonexistent\n", "utf-8")
    (folder / "etc" / "group").write_text(f"nonroot:x:{_USER}:\n", "utf-8")
    (folder / "tmp").chmod(0o1777)
    return folder


def _install(wheel: Path, name: str, app: Path, arch: str) -> None:
    """Install a service and what it imports, at the lock's versions; only wheels, so that nothing is compiled."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    constraints = wheel.parent / "constraints.txt"
    # The lock's hashes were checked when it was made, and a constraint may not carry any.
    constraints.write_text(re.sub(r" *\\$|^ *--hash.*$", "", lock, flags=re.MULTILINE), "utf-8")
    processor = _PROCESSORS[arch]
    platforms = [f"--platform=manylinux_{tag}_{processor}" for tag in ("2_28", "2_24", "2_17")]
    _run(
        sys.executable, "-m", "pip", "install", "-qqq", "--no-compile", "--only-binary=:all:", "--python-version=3.11",
        "--implementation=cp", *platforms, f"--platform=manylinux2014_{processor}", "--target", app, "-c", constraints,
        f"{wheel}[{EXTRAS[name]}]",
    )  # fmt: skip
    strangers = {"spooler", "portmon", "portui", "printfabric_client", "printfabric_sim"} - _OWN[name]
    for surplus in (
        "bin",
        *strangers,
        *(str(path.relative_to(app)) for path in app.rglob("tests") if path.is_dir()),
    ):
        shutil.rmtree(app / surplus, ignore_errors=True)


def _config(name: str, arch: str) -> list[str]:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return [
        "--clear=config.entrypoint",
        *(f"--config.entrypoint={word}" for word in ("/usr/bin/python3", "-m", name)),
        f"--config.user={_USER}:{_USER}",
        "--config.env=PYTHONPATH=/app",
        "--config.env=PYTHONDONTWRITEBYTECODE=1",
        "--config.env=PYTHONUNBUFFERED=1",
        "--config.stopsignal=SIGTERM",
        f"--config.label=org.opencontainers.image.title=Print Fabric {name}",
        f"--config.label=org.opencontainers.image.version={version}",
        "--config.label=org.opencontainers.image.licenses=Apache-2.0",
        f"--architecture={arch}",
        "--os=linux",
    ]


def compressed_bytes(layout: Path, tag: str) -> int:
    """Return what a registry would have to send for an image: its manifest, its configuration and its layers."""
    index = json.loads((layout / "index.json").read_text("utf-8"))
    (found,) = [
        one
        for one in index["manifests"]
        if one.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag
    ]
    manifest = json.loads((layout / "blobs" / found["digest"].replace(":", "/")).read_text("utf-8"))
    parts = [manifest["config"], *manifest["layers"]]
    return int(found["size"]) + sum(int(part["size"]) for part in parts)


def _own_processor() -> str:
    own = os.uname().machine
    return next((name for name, machine in _PROCESSORS.items() if machine == own), "amd64")


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True)


if __name__ == "__main__":
    main()
