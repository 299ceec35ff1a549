"""Builds protos/gen/ from protos/: the install hook, the wheel hook, and `make protos`."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # `make protos` runs this file as a script; hatchling is only needed by the hook
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).parent
SOURCES = ROOT / "protos"
GENERATED = SOURCES / "gen"


def google_protos() -> Path:
    """Return the folder whose `google/rpc/*.proto` protoc shall see (googleapis-common-protos)."""
    spec = find_spec("google.rpc")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("googleapis-common-protos is missing: google/rpc/*.proto cannot be found")
    return Path(next(iter(spec.submodule_search_locations))).parent.parent


def generate() -> None:
    """Write protos/gen/ anew: messages, services, and typed stubs by mypy-protobuf."""
    import grpc_tools
    from grpc_tools import protoc

    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir(parents=True)
    files = sorted(str(path) for path in (SOURCES / "printfabric").rglob("*.proto"))
    # pip's isolated build puts protoc plugins beside this interpreter, which need not be on PATH.
    scripts = Path(sys.executable).parent
    plugins = []
    for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc"):
        found = shutil.which(name) or shutil.which(name, path=str(scripts))
        if found is None:
            raise SystemExit(f"{name} is missing: install mypy-protobuf")
        plugins.append(f"--plugin={name}={found}")
    status = protoc.main(
        [
            "protoc",
            f"-I{SOURCES}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            f"-I{google_protos()}",
            *plugins,
            f"--python_out={GENERATED}",
            f"--grpc_python_out={GENERATED}",
            f"--mypy_out={GENERATED}",
            f"--mypy_grpc_out={GENERATED}",
            *files,
        ]
    )
    if status != 0:
        raise SystemExit(f"protoc failed with {status}")


class ProtoBuildHook(BuildHookInterface):
    """Runs `generate` before hatchling collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate, for editable installs and wheels alike."""
        generate()


if __name__ == "__main__":
    generate()
