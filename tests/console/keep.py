"""The sixteen pictures that stand for the console: taken by the tests into build/screens, kept in docs/console.

python -m tests.console.keep
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.console.visit import SCREENS

KEPT = Path(__file__).resolve().parents[2] / "docs" / "console"
# The name in docs/console: the name that a test gives it.
CANONICAL = {
    "overview": "overview-desktop-light",
    "overview-2000": "overview-2000-desktop-light",
    "ports-dark": "ports-1280-dark",
    "ports-phone": "ports-phone-light",
    "port": "port-desktop-light",
    "port-error": "port-error-tablet-light",
    "wire": "wire-desktop-light",
    "configure": "configure-error-tablet-dark",
    "add": "add-desktop-light",
    "move": "move-dialog-desktop-light",
    "decide": "job-decide-desktop-light",
    "status": "status-desktop-light",
    "host": "host-desktop-light",
    "audit": "audit-desktop-light",
    "sign-in": "sign-in-phone-dark",
    "lost": "lost-desktop-light",
}


def main() -> None:
    """Copy them in their own colours: colour is kept for state."""
    for name, taken in CANONICAL.items():
        Image.open(SCREENS / f"{taken}.png").convert("RGB").save(KEPT / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
