"""Golden files: text that is compared as it stands, rewritten only by `make golden`, reviewed as a diff."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Lines of the diff that are shown; the whole is one `make golden` and `git diff` away.
SHOWN_LINES = 80

Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden-update", action="store_true", help="rewrite golden files instead of comparing them"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Lend `golden(path, text)`: fails if the file at `path` is not `text`, or rewrites it."""

    def compare(path: Path, text: str) -> None:
        name = path.relative_to(ROOT)
        if request.config.getoption("--golden-update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return
        kept = path.read_text() if path.exists() else ""
        if kept == text:
            return
        diff = list(unified_diff(kept.splitlines(), text.splitlines(), str(name), "now", lineterm="", n=2))
        rest = len(diff) - SHOWN_LINES
        shown = diff[:SHOWN_LINES] + ([f"… and {rest} lines more"] if rest > 0 else [])
        pytest.fail(
            f"{name} is not what the code makes now; if that is meant, run `make golden` and review the diff\n"
            + "\n".join(shown),
            pytrace=False,
        )

    return compare
