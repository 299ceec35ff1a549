"""All pictures that the browser's tests took, and what they measured, on one page: what a run of CI leaves behind.

python -m tests.console.contact_sheet FOLDER
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable
from html import escape
from itertools import groupby
from pathlib import Path

from tests.console.keep import CANONICAL
from tests.console.visit import SCREENS

# What a picture's name ends with: the window it was taken in.
_WINDOW = re.compile(r"-(desktop|tablet|phone|\d+|forced)(-light|-dark)?$")
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>The console, as its tests saw it</title>
<style>
body { font: 14px/20px system-ui, sans-serif; margin: 24px; color-scheme: light dark; }
section { display: flex; flex-wrap: wrap; gap: 16px; align-items: start; }
figure { margin: 0; } figcaption, td { overflow-wrap: anywhere; }
img { display: block; height: 240px; border: 1px solid #8888; border-radius: 6px; }
table { border-collapse: collapse; } td { padding: 4px 16px 4px 0; border-top: 1px solid #8888; vertical-align: top; }
</style>
"""


def make(folder: Path, screens: Path = SCREENS) -> None:
    """Copy pictures and figures into a folder that is made anew, with index.html to look at them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    taken = sorted(one.stem for one in screens.glob("*.png"))
    for name in taken:
        shutil.copyfile(screens / f"{name}.png", folder / f"{name}.png")
    figures = screens / "figures.json"
    measured = json.loads(figures.read_text("utf-8")) if figures.exists() else {}
    (folder / "figures.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    (folder / "index.html").write_text(_HEAD + "".join(_body(taken, measured)), "utf-8")


def _body(taken: list[str], measured: dict[str, dict[str, object]]) -> Iterable[str]:
    """Yield the page: the sixteen, the figures, all the others by what they show."""
    missing = [name for name in CANONICAL.values() if name not in taken]
    yield f"<h1>{len(taken)} pictures of the console</h1>"
    yield f"<p>Not taken in this run: {escape(', '.join(missing))}</p>" if missing else ""
    yield "<h2>The sixteen of docs/console</h2>"
    yield _pictures([(title, name) for title, name in CANONICAL.items() if name in taken])
    yield "<h2>Measured</h2><table>"
    for name, figures in sorted(measured.items()):
        found = ", ".join(f"{key} {value}" for key, value in figures.items())
        yield f"<tr><td>{escape(name)}<td>{escape(found)}"
    yield "</table><h2>All others</h2>"
    others = [name for name in taken if name not in CANONICAL.values()]
    for screen, names in groupby(others, key=lambda name: _WINDOW.sub("", name)):
        yield f"<h3>{escape(screen)}</h3>"
        yield _pictures([(name.removeprefix(f"{screen}-"), name) for name in names])


def _pictures(named: list[tuple[str, str]]) -> str:
    return f"<section>{''.join(_picture(title, name) for title, name in named)}</section>"


def _picture(title: str, name: str) -> str:
    title, name = escape(title), escape(name)
    return f'<figure><a href="{name}.png"><img src="{name}.png" alt="{title}" loading="lazy"></a><figcaption>{title}</figcaption></figure>'


if __name__ == "__main__":
    make(Path(sys.argv[1]))
