"""The contracts keep buf's rules, all of STANDARD and COMMENTS, and the test of that keeps its teeth."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.surroundings import require_tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def buf() -> str:
    """Return the path of buf, which comes with requirements.lock."""
    return require_tool("buf")


def run(buf: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([buf, *arguments], cwd=folder, capture_output=True, text=True)


def test_the_contracts_keep_every_rule_of_buf(buf: str):
    done = run(buf, "lint")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_contracts_are_formatted(buf: str):
    done = run(buf, "format", "--diff", "--exit-code")

    assert (done.returncode, done.stdout) == (0, "")


def test_no_rule_of_buf_is_switched_off():
    rules = yaml.safe_load((ROOT / "buf.yaml").read_text())

    assert rules["lint"] == {"use": ["STANDARD", "COMMENTS"]}
    assert rules["breaking"] == {"use": ["FILE"]}
    proto_files = (ROOT / "protos" / "printfabric").rglob("*.proto")
    assert [path for path in proto_files if "buf:lint:ignore" in path.read_text()] == []


def test_a_field_without_a_comment_would_be_found(buf: str, tmp_path: Path):
    shutil.copytree(ROOT / "protos" / "printfabric", tmp_path / "protos" / "printfabric")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    with next((tmp_path / "protos").rglob("types/v1/error.proto")).open("a") as contract:
        contract.write("\n// A message.\nmessage Undocumented {\n  string silent = 1;\n}\n")

    assert 'Field "silent" should have a non-empty comment' in run(buf, "lint", folder=tmp_path).stdout
