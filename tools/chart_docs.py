"""Write the chart's README from its values: `python tools/chart_docs.py`; with `--check` only say whether it is in step.

A value's line of documentation is the comment above it that begins with `# --`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

CHART = Path(__file__).parent.parent / "deploy" / "helm" / "print-fabric"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][\w]*):(?P<rest>.*)$")


def documented(text: str) -> Iterator[tuple[str, str]]:
    """Yield (dotted key, words) of each value that has a comment, in the file's order."""
    path: list[tuple[int, str]] = []
    words = ""
    for line in text.splitlines():
        if (stripped := line.strip()).startswith("#"):
            said = stripped.lstrip("# ")
            begins = stripped.startswith("# --")
            words = said.removeprefix("-- ") if begins else (words and f"{words} {said}")
            continue
        match = _KEY.match(line)
        if match is None:
            words = ""
            continue
        indent = len(match["indent"])
        path = [(depth, key) for depth, key in path if depth < indent] + [(indent, match["key"])]
        if words:
            yield ".".join(key for _, key in path), words
        words = ""


def default_of(values: object, key: str) -> str:
    """Return a default as it is written."""
    for part in key.split("."):
        assert isinstance(values, dict)
        values = values[part]
    if values in ("", [], {}):
        return "none"
    return f"`{yaml.safe_dump(values, default_flow_style=True, width=1000).splitlines()[0]}`"


def readme() -> str:
    """Return what the README has to be."""
    text = (CHART / "values.yaml").read_text("utf-8")
    values = yaml.safe_load(text)
    rows = [f"| `{key}` | {default_of(values, key)} | {words} |" for key, words in documented(text)]
    head = (CHART / "README.md.gotmpl").read_text("utf-8")
    return head.replace("{{ values }}", "\n".join(["| value | default | meaning |", "|---|---|---|", *rows]))


def main() -> int:
    """Write, or check. Returns 1 when it is not in step."""
    target = CHART / "README.md"
    wanted = readme()
    if "--check" in sys.argv[1:]:
        if target.exists() and target.read_text("utf-8") == wanted:
            return 0
        print("the chart's README is not in step: python tools/chart_docs.py", file=sys.stderr)
        return 1
    target.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
