from __future__ import annotations

import re
from pathlib import Path

from portmon.xcv.commands import COMMANDS

PAGE = Path(__file__).parents[3] / "docs" / "xcv.md"


def test_the_page_has_every_command_and_who_may_call_it():
    rows = re.findall(r"^\| `(\w+)` \| (?:any|port|monitor) \| (yes|no) \|", PAGE.read_text(), re.MULTILINE)
    assert {name: only == "yes" for name, only in rows} == {
        name: command.administrative for name, command in COMMANDS.items()
    }
