"""A checkout sets itself up on a machine that has Python and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.surroundings import missing
from tools import package_index
from tools.package_index import NotFetched, Pin, fetch_wheel

ROOT = Path(__file__).resolve().parents[2]
WHEEL = b"the bytes of a wheel"
PIN = Pin("7.1", frozenset({hashlib.sha256(WHEEL).hexdigest()}))
NAME = "pip-7.1-py3-none-any.whl"
HTML = f'<a href="../../files/pip-7.0.tar.gz#sha256=0">x</a><a href="../../files/{NAME}#sha256=00">x</a>'.encode()
JSON = json.dumps({"files": [{"url": f"../../files/{NAME}", "filename": NAME}]}).encode()


class Index(ThreadingHTTPServer):
    """A package index with one project; `page` and `content_type` are its answer, `asked` what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), IndexHandler)
        self.page, self.content_type, self.file = HTML, "text/html", WHEEL
        self.asked: list[tuple[str, str | None]] = []


class IndexHandler(BaseHTTPRequestHandler):
    """Answers for an `Index`."""

    def do_GET(self) -> None:
        index = self.server
        assert isinstance(index, Index)
        index.asked.append((self.path, self.headers["Authorization"]))
        body = index.page if self.path == "/simple/pip/" else index.file
        self.send_response(200)
        self.send_header("Content-Type", index.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its parent's name
        """Keep the test's output clean."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with Index() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("page", "content_type"),
    [(HTML, "text/html"), (JSON, "application/vnd.pypi.simple.v1+json")],
    ids=["PEP 503", "PEP 691"],
)
def test_pip_comes_from_either_kind_of_index(index: Index, tmp_path: Path, page: bytes, content_type: str):
    index.page, index.content_type = page, content_type

    assert fetch_wheel("pip", PIN, tmp_path).read_bytes() == WHEEL
    assert [path for path, _ in index.asked] == ["/simple/pip/", f"/files/{NAME}"]


def test_a_file_that_is_not_the_locked_one_is_refused(index: Index, tmp_path: Path):
    index.file = b"something else"

    with pytest.raises(NotFetched, match="not the file requirements.lock names"):
        fetch_wheel("pip", PIN, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_index_without_the_version_says_so(index: Index, tmp_path: Path):
    with pytest.raises(NotFetched, match="has no pip-9.9-py3-none-any.whl"):
        fetch_wheel("pip", PIN._replace(version="9.9"), tmp_path)


def test_an_index_that_does_not_answer_is_named_without_its_password(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:secret@127.0.0.1:1/simple")

    with pytest.raises(NotFetched, match="127.0.0.1 does not answer") as caught:
        fetch_wheel("pip", PIN, tmp_path)
    assert "secret" not in str(caught.value)


def test_credentials_of_the_index_address_are_sent(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:se%3Acret@127.0.0.1:{index.server_port}/simple")

    fetch_wheel("pip", PIN, tmp_path)

    assert index.asked[0][1] == "Basic " + base64.b64encode(b"me:se:cret").decode()


def test_the_index_is_the_one_pips_configuration_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://mirror.example/%7Esimple\n")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))

    assert package_index.index_url() == "https://mirror.example/%7Esimple"


def test_an_old_python_is_told_so_in_one_sentence(tmp_path: Path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        [ROOT / "tools" / "setup.sh"], env={**os.environ, "PYTHON": str(old)}, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr.startswith(
        "setup: Print Fabric needs Python 3.11 or newer, and here is Python 3.9.2: install"
    )
    assert done.stderr.count("\n") == 1


def copy_of_the_tree(folder: Path) -> Path:
    """Copy what git would check out, as it stands now."""
    tree = folder / "checkout"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "gen", "build", "dist", "node_modules", "__pycache__", ".*_cache"
    )
    shutil.copytree(ROOT, tree, ignore=ignored)
    return tree


def index_answers() -> bool:
    try:
        package_index.read(f"{package_index.index_url().rstrip('/')}/pip/")
    except OSError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_fresh_checkout_sets_itself_up_without_ensurepip_and_then_has_nothing_to_do(tmp_path: Path):
    if not index_answers():
        missing("the package index does not answer")
    tree = copy_of_the_tree(tmp_path)
    (tmp_path / "hidden" / "ensurepip").mkdir(parents=True)
    (tmp_path / "hidden" / "ensurepip" / "__init__.py").write_text("raise ImportError('as on Debian')\n")
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(tmp_path / "hidden")}

    def set_up() -> str:
        done = subprocess.run([tree / "tools" / "setup.sh"], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = set_up()

    assert "this Python has no ensurepip" in said
    assert (tree / "protos" / "gen" / "printfabric" / "types").is_dir()
    program = "import spooler, printfabric_client; print(spooler.__file__)"
    done = subprocess.run(
        [tree / ".venv" / "bin" / "python", "-c", program], cwd="/", capture_output=True, text=True
    )
    assert done.stdout.startswith(str(tree))
    assert set_up() == ""
