"""docs/command.md says what the command does."""

import re
from pathlib import Path

from printfabric_client.command.exits import MEANINGS
from printfabric_client.command.program import _COMMANDS

PAGE = (Path(__file__).parents[3] / "docs" / "command.md").read_text()


def test_every_exit_code_is_documented():
    table = PAGE.partition("## Exit codes")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"^\| (\d+) \| (.+) \|$", table, re.MULTILINE))
    assert set(documented) == {str(int(code)) for code in MEANINGS}
    for code, text in MEANINGS.items():
        assert documented[str(int(code))].startswith(text.removesuffix(" (with --wait)"))


def test_every_command_is_documented():
    table = PAGE.partition("## Commands")[2].partition("\n### ")[0]
    missing = [name for name in _COMMANDS if not re.search(rf"`{name}\b", table)]
    assert missing == []
