"""What CI leaves of the pictures, and that the sixteen in the documentation are those that the tests take."""

from __future__ import annotations

import json
import re
from pathlib import Path

from PIL import Image

from tests.console import contact_sheet
from tests.console.keep import CANONICAL, KEPT


def test_each_picture_and_figure_is_on_one_page_and_what_was_not_taken_is_said(tmp_path: Path):
    screens, folder = tmp_path / "screens", tmp_path / "artifacts"
    screens.mkdir()
    names = ["overview-desktop-light", "queue-desktop-light", "queue-tablet-dark", "port-forced"]
    for name in names:
        Image.new("RGB", (4, 3)).save(screens / f"{name}.png")
    (screens / "figures.json").write_text('{"200 ports": {"memory_mb": 72}}')
    folder.mkdir()
    (folder / "old.png").write_bytes(b"of an earlier run")
    contact_sheet.make(folder, screens)
    page = (folder / "index.html").read_text()
    assert sorted(re.findall(r'<img src="([^"]+)\.png"', page)) == sorted(names)
    assert {one.name for one in folder.iterdir()} == {*(f"{name}.png" for name in names), "index.html", "figures.json"}  # fmt: skip
    assert "wire-desktop-light" in page.partition("Not taken")[2].partition("</p>")[0]
    assert "<h3>queue</h3>" in page
    assert "200 ports<td>memory_mb 72" in page
    assert json.loads((folder / "figures.json").read_text()) == {"200 ports": {"memory_mb": 72}}


def test_without_a_browser_there_is_a_page_all_the_same(tmp_path: Path):
    contact_sheet.make(tmp_path / "artifacts", tmp_path / "screens")
    assert "<h1>0 pictures" in (tmp_path / "artifacts" / "index.html").read_text()


def test_the_documentation_shows_the_sixteen_and_each_is_taken_by_a_test():
    shown = set(re.findall(r"console/([\w-]+)\.png", (KEPT.parent / "console.md").read_text("utf-8")))
    assert shown == set(CANONICAL) == {one.stem for one in KEPT.glob("*.png")}
    assert len(CANONICAL) == 16
