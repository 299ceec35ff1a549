"""Builds protos/gen/ from protos/: the install hook, the wheel hook, and `make protos`."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.config import BuilderConfig
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    Hook = BuildHookInterface[BuilderConfig]
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Hook
    except ImportError:  # `make protos` runs this file as a script; only the hook needs hatchling
        Hook = object

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "protos"
GENERATED = SOURCES / "gen"
STAMP = GENERATED / ".made-from"


def contracts() -> list[Path]:
    """Return the hand-written .proto files, sorted."""
    return sorted((SOURCES / "printfabric").rglob("*.proto"))


def made_from() -> str:
    """Return a digest of everything the generated code depends on: contracts, generators, this file."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in ("grpcio-tools", "mypy-protobuf"):
        digest.update(f"{name}=={version(name)}\n".encode())
    for path in contracts():
        digest.update(f"{path.relative_to(SOURCES)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Tell whether protos/gen/ was made from the present contracts."""
    return STAMP.is_file() and STAMP.read_text() == made_from()


def google_protos() -> Path:
    """Return the folder whose `google/rpc/*.proto` protoc shall see (googleapis-common-protos)."""
    spec = find_spec("google.rpc")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("googleapis-common-protos is missing: google/rpc/*.proto cannot be found")
    return Path(next(iter(spec.submodule_search_locations))).parent.parent


def plugin(name: str) -> str:
    """Return protoc's argument for a plugin, found on PATH or beside this interpreter (not always on PATH)."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit(f"{name} is missing: install mypy-protobuf")
    return f"--plugin={name}={found}"


def run_protoc(target: Path) -> None:
    """Write messages, services and typed stubs (mypy-protobuf) into `target`."""
    # Here and not above: the wheel hook is also read where the generators are not installed.
    import grpc_tools  # noqa: PLC0415
    from grpc_tools import protoc  # noqa: PLC0415

    status = protoc.main(
        [
            "protoc",
            f"-I{SOURCES}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            f"-I{google_protos()}",
            plugin("protoc-gen-mypy"),
            plugin("protoc-gen-mypy_grpc"),
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *map(str, contracts()),
        ]
    )
    if status != 0:
        raise SystemExit(f"protoc failed with {status}")


def generate() -> None:
    """Bring protos/gen/ up to date; it is replaced whole, so that nobody imports a half-written one."""
    if is_current():
        return
    with tempfile.TemporaryDirectory(prefix=".gen-", dir=SOURCES) as folder:
        fresh, stale = Path(folder, "fresh"), Path(folder, "stale")
        fresh.mkdir()
        run_protoc(fresh)
        (fresh / STAMP.name).write_text(made_from())
        if GENERATED.exists():
            GENERATED.rename(stale)
        fresh.rename(GENERATED)


class ProtoBuildHook(Hook):
    """Runs `generate` before hatchling collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate, for editable installs and wheels alike."""
        generate()


if __name__ == "__main__":
    generate()
