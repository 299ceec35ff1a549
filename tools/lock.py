"""requirements.lock: the one list of packages, with hashes, for every platform and every supported Python.

`make lock` writes it anew after a change in pyproject.toml and keeps what need not change;
`make lock UPGRADE=1` takes the newest of everything. It names no index: whoever installs chooses theirs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.package_index import Pin

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PYPROJECT = ROOT / "pyproject.toml"

HEADER = """\
# Every package of the development environment with the hashes of its files, for every platform and Python >= 3.11.
# Written by `make lock`, never by hand.
# made for: {fingerprint}
"""


def project() -> dict[str, Any]:
    """Return the parsed pyproject.toml."""
    return tomllib.loads(PYPROJECT.read_text())


def fingerprint() -> str:
    """Return one line that changes exactly when pyproject.toml asks for other packages."""
    table = project()
    asked = {
        "python": table["project"]["requires-python"],
        "build": sorted(table["build-system"]["requires"]),
        "dependencies": sorted(table["project"]["dependencies"]),
        "extras": {name: sorted(needs) for name, needs in table["project"]["optional-dependencies"].items()},
    }
    return "sha256:" + hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def is_current() -> bool:
    """Tell whether the lock was made for the present pyproject.toml."""
    return f"# made for: {fingerprint()}\n" in LOCK.read_text()


def entry(package: str) -> str:
    """Return the lines of one package: its pin and its hashes."""
    found = re.search(rf"^{re.escape(package)}==(?:.*\\\n)*.*\n", LOCK.read_text(), re.MULTILINE)
    if found is None:
        raise KeyError(f"requirements.lock has no {package}")
    return found[0]


def pin(package: str) -> Pin:
    """Return a package's locked version and the hashes of its files."""
    text = entry(package)
    version = text.split(maxsplit=1)[0].partition("==")[2]
    return Pin(version, frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", text)))


@contextmanager
def excerpt(package: str) -> Iterator[Path]:
    """Lend a requirements file that holds one package of the lock."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{package}.txt"
        path.write_text(entry(package))
        yield path


def write(*, upgrade: bool) -> None:
    """Resolve pyproject.toml anew; without `upgrade` every version that still fits is kept."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
        "--no-emit-index-url", "--no-annotate", "--no-header", "--python-version", "3.11",
        "--extra", "dev", PYPROJECT, "--output-file", LOCK,
    ]  # fmt: skip
    if upgrade:
        command.append("--upgrade")
    subprocess.run(command, cwd=ROOT, check=True)
    LOCK.write_text(HEADER.format(fingerprint=fingerprint()) + LOCK.read_text())


def main() -> int:
    """Write the lock, or with `--check` say whether it fits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--upgrade", action="store_true")
    arguments = parser.parse_args()
    if not arguments.check:
        write(upgrade=arguments.upgrade)
    elif not is_current():
        print("requirements.lock was made for another pyproject.toml: run `make lock`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
