"""The link to a pty takes nobody's name, and goes only while it is ours; a record's folder likewise."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from printfabric_sim.command import main
from printfabric_sim.connections.node_link import NodeLink
from tests.simulators.test_command import running


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
@pytest.mark.parametrize("option", ["--pty", "--device"])
def test_what_has_that_name_is_kept_and_nothing_starts(tmp_path: Path, kind, option):
    precious, link = tmp_path / "precious", tmp_path / "labels"
    if kind != "dangling link":
        precious.write_text("data")
    (precious.rename if kind == "file" else link.symlink_to)(link if kind == "file" else precious)
    done = CliRunner().invoke(main, ["zpl", option, str(link)])
    assert done.exit_code == 2, done.output
    assert "labels is there already, and no simulator has left it" in done.output
    assert link.is_symlink() == (kind != "file")
    assert (link if kind == "file" else precious).exists() == (kind != "dangling link")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_link_of_a_running_simulator_is_its_own_also_while_it_is_away(tmp_path: Path):
    link, other = NodeLink(tmp_path / "labels"), NodeLink(tmp_path / "labels")
    link.put("/dev/pts/7")
    link.drop("/dev/pts/7")
    with pytest.raises(FileExistsError, match="labels is in use by a running simulator"):
        other.put("/dev/pts/8")
    link.put("/dev/pts/9")
    assert str(link.path.readlink()) == "/dev/pts/9"
    link.drop("/dev/pts/9")
    link.release()
    other.put("/dev/pts/8")
    other.drop("/dev/pts/8")
    other.release()
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_somebody_has_changed_is_not_removed(tmp_path: Path):
    link = NodeLink(tmp_path / "new" / "labels")
    link.put("/dev/pts/7")
    link.path.unlink()
    link.path.symlink_to("/dev/pts/8")
    link.drop("/dev/pts/7")
    assert str(link.path.readlink()) == "/dev/pts/8"
    link.release()


def test_a_second_simulator_is_refused_and_one_after_a_kill_takes_over(tmp_path: Path):
    arguments = ["plain", "--pty", str(tmp_path / "tty"), "--record", str(tmp_path / "out")]
    with running(*arguments) as (_, process):
        before = (tmp_path / "tty").readlink()
        for alone in (arguments[:3], [arguments[0], *arguments[3:]]):
            done = CliRunner().invoke(main, alone)
            assert (done.exit_code, "is in use by a running simulator" in done.output) == (2, True), (
                done.output
            )
        assert (tmp_path / "tty").readlink() == before
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    assert (tmp_path / "tty").is_symlink()
    with running(*arguments):
        assert (tmp_path / "out" / "events.1.jsonl").exists()
        assert (tmp_path / "out" / "units.1.jsonl").exists()
        assert (tmp_path / "tty").exists()
    assert not (tmp_path / "tty").is_symlink()
