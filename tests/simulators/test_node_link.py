"""The link to a pty takes nobody's name, and goes only while it is ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from printfabric_sim.connections import node_link


def test_a_file_of_that_name_is_kept(tmp_path: Path):
    (tmp_path / "labels").write_text("precious")
    with pytest.raises(FileExistsError, match="labels is there already"):
        node_link.put(tmp_path / "labels", "/dev/pts/7")
    assert (tmp_path / "labels").read_text() == "precious"


def test_a_link_of_an_earlier_run_is_replaced_and_one_of_another_is_not_removed(tmp_path: Path):
    link = tmp_path / "new" / "labels"
    node_link.put(link, "/dev/pts/7")
    node_link.put(link, "/dev/pts/8")
    node_link.drop(link, "/dev/pts/7")
    assert str(link.readlink()) == "/dev/pts/8"
    node_link.drop(link, "/dev/pts/8")
    assert not link.is_symlink()
