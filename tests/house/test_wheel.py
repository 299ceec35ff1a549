"""What is installed is what is in the tree: the wheel holds every package, the generated code and the programs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Where each top-level package of the wheel comes from.
PACKAGES = {
    "chassis": "services",
    "spooler": "services",
    "portmon": "services",
    "portui": "services",
    "printfabric_client": "client",
    "printfabric_sim": "simulators",
    "printfabric": "protos/gen",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, ".")
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_is_for_every_platform(wheel: Path):
    assert wheel.name.endswith("-py3-none-any.whl")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_the_whole_package(wheel: Path, package: str):
    source = ROOT / PACKAGES[package]
    there = {
        str(path.relative_to(source))
        for path in (source / package).rglob("*.py*")
        if path.suffix in {".py", ".pyi"}
    }

    assert there
    assert there - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_wheel_holds_the_consoles_pages_and_nothing_of_others(wheel: Path):
    web = ROOT / "services" / "portui" / "web"
    there = {
        f"portui/web/{path.relative_to(web)}"
        for folder in ("templates", "static")
        for path in (web / folder).iterdir()
    }

    assert there
    assert there == {
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith(("portui/web/templates/", "portui/web/static/"))
    }


def test_the_wheel_holds_nothing_else(wheel: Path):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_carries_its_licence_and_its_programs(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (programs,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        text = archive.read(programs).decode()
        licences = [name for name in archive.namelist() if name.endswith("/LICENSE")]

    assert len(licences) == 1
    wanted = (
        "fabric-spooler",
        "fabric-portmon",
        "fabric-portui",
        "fabric-user",
        "printfabric",
        "printfabric-sim",
    )
    for program in wanted:
        assert f"{program} = " in text


def test_an_installed_wheel_imports_without_the_tree(wheel: Path, tmp_path: Path):
    site = tmp_path / "site"
    pip("install", "--no-deps", "--no-index", "--target", site, wheel)
    program = (
        "import chassis, spooler, portmon, portui, printfabric_client, printfabric_sim\n"
        "from printfabric.types.v1 import error_pb2\n"
        "for module in (chassis, spooler, portmon, portui, printfabric_client, printfabric_sim, error_pb2):\n"
        "    print(module.__file__)\n"
    )
    # -S: without it this environment's editable install would lend the tree.
    path = os.pathsep.join([str(site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(site)) for line in done.stdout.splitlines())
